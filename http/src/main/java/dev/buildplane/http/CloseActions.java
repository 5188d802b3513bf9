package dev.buildplane.http;

import java.util.Arrays;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What is to run once when an exchange is over, for whatever reason. Any thread; the lock is held while an action is added, never while one
/// runs.
final class CloseActions {
  private static final Logger log = LoggerFactory.getLogger(CloseActions.class);

  private static final Runnable[] NONE = {};

  /// An array, as one is made per request; most have two actions or fewer.
  private Runnable[] actions = new Runnable[2];

  private int count;
  private boolean done;

  /// Runs `action` at the end; at once when that has come.
  void add(Runnable action) {
    synchronized (this) {
      if (!done) {
        if (count == actions.length) {
          actions = Arrays.copyOf(actions, 2 * count);
        }
        actions[count++] = action;
        return;
      }
    }
    action.run();
  }

  /// Runs the actions in the order they were added in; a repeat does nothing.
  void run(String requestId) {
    Runnable[] all;
    int size;
    synchronized (this) {
      if (done) {
        return;
      }
      done = true;
      all = actions;
      size = count;
      actions = NONE;
    }
    for (var i = 0; i < size; i++) {
      try {
        all[i].run();
      } catch (RuntimeException e) {
        log.error("request {}: an action at its end failed", requestId, e);
      }
    }
  }
}
