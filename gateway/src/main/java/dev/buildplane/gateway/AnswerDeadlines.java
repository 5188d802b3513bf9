package dev.buildplane.gateway;

import io.netty.channel.EventLoop;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/// How long a plane may leave a call without the head of an answer. What its caller takes to send the body does not count: that has the
/// server's own bound ([dev.buildplane.http.HttpLimits#idle]).
///
/// All calls of an event loop have the same limit, so they stand in a queue in the order in which they meet it, and one timer, for the
/// first, serves them all: a call that is answered costs no timer. Event loop only.
final class AnswerDeadlines {
  private final EventLoop loop;
  private final Duration limit;
  private final long limitNanos;
  private @Nullable Deadline first;
  private @Nullable Deadline last;
  private boolean timed;

  /// @param loop of the callers whose calls these are
  AnswerDeadlines(EventLoop loop, Duration limit) {
    this.loop = loop;
    this.limit = limit;
    this.limitNanos = limit.toNanos();
  }

  Duration limit() {
    return limit;
  }

  /// Begins the time of one call.
  ///
  /// @param callersTurn whether nothing can happen before the caller sends more
  /// @param tooLate run once, when it was the plane's turn for the limit on end
  Deadline start(BooleanSupplier callersTurn, Runnable tooLate) {
    var deadline = new Deadline(callersTurn, tooLate);
    deadline.join();
    time();
    return deadline;
  }

  private void time() {
    if (!timed && first != null) {
      timed = true;
      long left = limitNanos - (loop.ticker().nanoTime() - first.planesTurnSince);
      loop.schedule(this::look, left, TimeUnit.NANOSECONDS);
    }
  }

  private void look() {
    timed = false;
    long now = loop.ticker().nanoTime();
    try {
      while (first != null && now - first.planesTurnSince >= limitNanos) {
        var due = first;
        due.leave();
        if (due.callersTurn.getAsBoolean()) {
          due.join();
        } else {
          due.tooLate.run();
        }
      }
    } finally {
      time(); // one call that fails must not leave the others without their deadline
    }
  }

  /// That of one call.
  final class Deadline {
    private final BooleanSupplier callersTurn;
    private final Runnable tooLate;
    private @Nullable Deadline before;
    private @Nullable Deadline after;
    private boolean queued;
    private long planesTurnSince;

    private Deadline(BooleanSupplier callersTurn, Runnable tooLate) {
      this.callersTurn = callersTurn;
      this.tooLate = tooLate;
    }

    /// Something of the request went on to the plane: its time begins anew.
    void sent() {
      if (queued) {
        leave();
        join();
      }
    }

    void cancel() {
      if (queued) {
        leave();
      }
    }

    private void join() {
      planesTurnSince = loop.ticker().nanoTime();
      before = last;
      after = null;
      if (last == null) {
        first = this;
      } else {
        last.after = this;
      }
      last = this;
      queued = true;
    }

    private void leave() {
      if (before == null) {
        first = after;
      } else {
        before.after = after;
      }
      if (after == null) {
        last = before;
      } else {
        after.before = before;
      }
      before = null;
      after = null;
      queued = false;
    }
  }
}
