package dev.buildplane.runner;

import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The thread that looks after one step, and the one decision it shares with whoever stops the step: process or no process.
final class Care {
  /// What the thread does.
  interface Work {
    void run(Care care) throws IOException, InterruptedException;
  }

  /// Makes or finds the process.
  interface Launch {
    ProcessHandle start() throws IOException;
  }

  private final Thread thread;

  // Guarded by this.
  private @Nullable ProcessHandle process;
  private boolean givenUp;

  private Care(String name, Consumer<Care> work) {
    this.thread = Thread.ofVirtual().name(name).unstarted(() -> work.accept(this));
  }

  static Care start(String name, Consumer<Care> work) {
    var care = new Care(name, work);
    care.thread.start();
    return care;
  }

  /// Launches unless the step was given up before.
  synchronized ProcessHandle launch(Launch launch) throws IOException, InterruptedException {
    if (givenUp) {
      throw new InterruptedException("given up before it started");
    }
    process = launch.start();
    return process;
  }

  synchronized boolean isLaunched() {
    return process != null;
  }

  synchronized boolean isGivenUp() {
    return givenUp && process == null;
  }

  /// The process to stop; when there is none yet there never will be.
  synchronized Optional<ProcessHandle> giveUp() {
    givenUp = true;
    if (process == null) {
      thread.interrupt();
    }
    return Optional.ofNullable(process);
  }

  String name() {
    return thread.getName();
  }

  boolean join(Duration patience) throws InterruptedException {
    return thread.join(patience);
  }
}
