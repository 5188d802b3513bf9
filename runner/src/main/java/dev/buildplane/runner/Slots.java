package dev.buildplane.runner;

import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// The places for running steps, over all workflows. First come, first served.
final class Slots {
  private final int places;
  private final ReentrantLock lock = new ReentrantLock(true);
  private final Condition freed = lock.newCondition();

  // Guarded by lock.
  private int taken;

  Slots(int places) {
    this.places = places;
  }

  /// Waits for a place and takes it.
  void take() throws InterruptedException {
    lock.lockInterruptibly();
    try {
      while (taken >= places) {
        freed.await();
      }
      taken++;
    } finally {
      lock.unlock();
    }
  }

  /// Counts a step that is running already.
  void takeAnyway() {
    lock.lock();
    try {
      taken++;
    } finally {
      lock.unlock();
    }
  }

  void free() {
    lock.lock();
    try {
      taken--;
      freed.signal();
    } finally {
      lock.unlock();
    }
  }
}
