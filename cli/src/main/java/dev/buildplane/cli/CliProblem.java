package dev.buildplane.cli;

import java.util.Objects;

/// What a command tells its user instead of doing it: what was expected, what was found, what to do. Printed without a
/// stack.
final class CliProblem extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final ExitCode exitCode;

  CliProblem(String message) {
    this(message, ExitCode.FAILED);
  }

  CliProblem(String message, ExitCode exitCode) {
    super(message);
    this.exitCode = exitCode;
  }

  CliProblem(String message, Throwable cause) {
    super(message, cause);
    this.exitCode = ExitCode.FAILED;
  }

  @Override
  public String getMessage() {
    return Objects.requireNonNull(super.getMessage());
  }

  ExitCode exitCode() {
    return exitCode;
  }
}
