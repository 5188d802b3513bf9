package dev.buildplane.cli;

import java.time.Instant;
import java.util.Optional;

/// A process that cannot be mistaken for a later one with the same number.
///
/// @param pid its number
/// @param startMillis when it started, in milliseconds since the epoch as the system tells; 0 when it does not tell
record ProcessId(long pid, long startMillis) {
  static ProcessId of(ProcessHandle handle) {
    return new ProcessId(handle.pid(), startMillis(handle));
  }

  static ProcessId current() {
    return of(ProcessHandle.current());
  }

  /// The process, if it is still the one that was meant.
  Optional<ProcessHandle> handle() {
    return ProcessHandle.of(pid)
        .filter(found -> found.isAlive() && startMillis(found) == startMillis);
  }

  boolean isAlive() {
    return handle().isPresent();
  }

  private static long startMillis(ProcessHandle handle) {
    return handle.info().startInstant().map(Instant::toEpochMilli).orElse(0L);
  }
}
