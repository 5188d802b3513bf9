package dev.buildplane.store;

import dev.buildplane.store.StoreProblem.Unavailable;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// Follows the changes of all keys with one prefix: each exactly once, in order, whether they are
/// still in memory or already only in the log.
///
/// A watch holds a position, not a queue: a reader that is slow costs no memory. One that is slower
/// than compaction is told so by [StoreProblem.RevisionCompacted] and has to list again. Read by one
/// thread; any thread may close it.
public final class Watch implements AutoCloseable {
  /// Changes looked at in one step, whether they match or not.
  static final int MAX_STEP_CHANGES = 512;

  private final ObjectStore store;
  private final String prefix;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private boolean woken; // guarded by lock
  private boolean closed; // guarded by lock
  private long position; // of the reading thread

  Watch(ObjectStore store, String prefix, long position) {
    this.store = store;
    this.prefix = prefix;
    this.position = position;
  }

  /// The next matching changes, at least one unless `patience` ran out before any came. Blocks; call
  /// it from a virtual thread.
  ///
  /// @throws StoreProblem.RevisionCompacted when this reader fell behind the kept history
  /// @throws Unavailable once the watch or the store is closed
  public List<Change> poll(Duration patience) throws InterruptedException {
    var left = patience.toNanos();
    while (true) {
      acknowledgeWake();
      var found = step();
      if (!found.isEmpty()) {
        return found;
      }
      left = await(left);
      if (left <= 0) {
        return List.of();
      }
    }
  }

  /// Every matching change up to this revision has been returned by [#poll]. Ask from the thread
  /// that polls.
  public long revision() {
    return position;
  }

  /// Reads on until something matches or the newest change is reached.
  private List<Change> step() {
    while (true) {
      var changes = store.changesAfter(position, MAX_STEP_CHANGES);
      if (changes.isEmpty()) {
        return changes;
      }
      position = changes.getLast().revision();
      var matching = changes.stream().filter(change -> matches(change.key())).toList();
      if (!matching.isEmpty()) {
        return matching;
      }
    }
  }

  private void acknowledgeWake() {
    lock.lock();
    try {
      if (closed) {
        throw new Unavailable("watch " + prefix + ": closed");
      }
      woken = false;
    } finally {
      lock.unlock();
    }
  }

  private long await(long nanos) throws InterruptedException {
    lock.lock();
    try {
      var left = nanos;
      while (!woken && !closed && left > 0) {
        left = changed.awaitNanos(Math.min(left, TimeUnit.HOURS.toNanos(1)));
        if (left <= 0 && !woken) {
          return 0;
        }
      }
      return woken || closed ? Math.max(left, 1) : left;
    } finally {
      lock.unlock();
    }
  }

  boolean matches(String key) {
    return key.startsWith(prefix);
  }

  void wake() {
    lock.lock();
    try {
      woken = true;
      changed.signal();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      changed.signal();
    } finally {
      lock.unlock();
    }
    store.forget(this);
  }
}
