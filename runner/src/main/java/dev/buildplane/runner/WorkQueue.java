package dev.buildplane.runner;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Runs work for keys: one pass at a time for a key, many keys side by side, again after a failure with growing delay.
///
/// Any number of wake-ups for a key that is being worked on make one more pass.
final class WorkQueue implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(WorkQueue.class);
  private static final Duration FIRST_RETRY = Duration.ofMillis(200);
  private static final Duration LAST_RETRY = Duration.ofSeconds(30);
  private static final int MAX_PASSES_AT_ONCE = 16;

  /// One pass.
  interface Work {
    void run(String key) throws Exception;
  }

  private final Work work;
  private final InstantSource clock;
  private final ScheduledExecutorService timers;
  private final Semaphore passes = new Semaphore(MAX_PASSES_AT_ONCE);

  // Guarded by this: the keys being worked on, true when another pass is wanted.
  private final Map<String, Boolean> active = new HashMap<>();
  private final Map<String, Integer> failures = new HashMap<>();
  private boolean closed;

  WorkQueue(Work work, InstantSource clock) {
    this.work = work;
    this.clock = clock;
    var pool = new ScheduledThreadPoolExecutor(
        1, Thread.ofPlatform().name("runner-timers").daemon().factory());
    pool.setRemoveOnCancelPolicy(true);
    this.timers = pool;
  }

  synchronized void add(String key) {
    if (closed) {
      return;
    }
    if (active.containsKey(key)) {
      active.put(key, true);
      return;
    }
    active.put(key, false);
    Thread.ofVirtual().name("runner-workflow-" + key).start(() -> passes(key));
  }

  void addAt(String key, Instant at) {
    later(key, Duration.between(clock.instant(), at));
  }

  private synchronized void later(String key, Duration delay) {
    if (!closed) {
      timers.schedule(() -> add(key), Math.max(1, delay.toMillis()), TimeUnit.MILLISECONDS);
    }
  }

  private void passes(String key) {
    do {
      pass(key);
    } while (again(key));
  }

  private void pass(String key) {
    try {
      passes.acquire();
    } catch (InterruptedException stop) {
      Thread.currentThread().interrupt();
      return;
    }
    try {
      work.run(key);
      succeeded(key);
    } catch (InterruptedException stop) {
      Thread.currentThread().interrupt();
    } catch (Exception failed) {
      var delay = failed(key);
      LOG.warn("workflow {}: {}; trying again in {} ms", key, failed.toString(), delay.toMillis());
      LOG.debug("workflow {}", key, failed);
      later(key, delay);
    } finally {
      passes.release();
    }
  }

  private synchronized void succeeded(String key) {
    failures.remove(key);
  }

  private synchronized Duration failed(String key) {
    int count = failures.merge(key, 1, Integer::sum);
    var delay = FIRST_RETRY.multipliedBy(1L << Math.min(count - 1, 10));
    return delay.compareTo(LAST_RETRY) > 0 ? LAST_RETRY : delay;
  }

  private synchronized boolean again(String key) {
    if (!closed && Boolean.TRUE.equals(active.get(key))) {
      active.put(key, false);
      return true;
    }
    active.remove(key);
    notifyAll();
    return false;
  }

  /// Starts no further pass and waits for those under way.
  @Override
  public synchronized void close() {
    closed = true;
    timers.shutdownNow();
    try {
      var deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
      while (!active.isEmpty() && System.nanoTime() < deadline) {
        wait(1_000);
      }
    } catch (InterruptedException hurry) {
      Thread.currentThread().interrupt();
    }
  }
}
