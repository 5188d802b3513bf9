package dev.buildplane.runner;

import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// One step as it is outside the engine: what the disk and the process table say.
sealed interface StepState {
  /// Never started.
  record Absent() implements StepState {}

  /// Accepted, not yet a process.
  record Waiting(String reason) implements StepState {}

  /// A live process.
  record Running(Instant since) implements StepState {}

  /// The process ended by itself.
  ///
  /// @param outputs content of the output files by parameter name; a missing file is not in it
  /// @param oversized output parameters beyond the limit
  /// @param result standard output, when the step was asked for it
  record Ended(
      int exitCode,
      Instant finishedAt,
      Map<String, String> outputs,
      Set<String> oversized,
      Optional<String> result)
      implements StepState {
    public Ended {
      outputs = Map.copyOf(outputs);
      oversized = Set.copyOf(oversized);
    }
  }

  /// It could not be started, or vanished without a trace.
  record Broken(String reason, Instant at) implements StepState {}

  /// Stopped on behalf of the workflow (deadline, shutdown).
  record Killed(String reason, Instant at) implements StepState {}

  /// Stopped because the runner was stopped; it starts again from its beginning.
  record Evicted() implements StepState {}
}
