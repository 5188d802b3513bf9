package dev.buildplane.cli;

import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// `--drain`, as what serves others takes it.
final class DrainOption {
  /// With what closing takes besides, within the 30 s that Kubernetes gives a pod by default.
  static final Duration DEFAULT = Duration.ofSeconds(25);

  private static final int MAX_SECONDS = 3600;

  @Option(
      names = "--drain",
      paramLabel = "SECONDS",
      description =
          "How long requests may go on when the process is told to stop, 1 to 3600; it ends as soon as there are none (default: 25). Give a pod 5 s more as its terminationGracePeriodSeconds")
  @Nullable
  Integer seconds;

  /// @param otherwise where none was given
  /// @throws CliProblem when it is out of bounds
  Duration orElse(Duration otherwise) {
    if (seconds == null) {
      return otherwise;
    }
    if (seconds < 1 || seconds > MAX_SECONDS) {
      throw new CliProblem(
          "expected 1 to %d seconds for --drain, found %d".formatted(MAX_SECONDS, seconds),
          ExitCode.USAGE);
    }
    return Duration.ofSeconds(seconds);
  }
}
