package dev.buildplane.runner;

/// A workflow that asks for something that cannot be done; its node or the whole workflow gets phase `Error` with this message.
final class StepProblem extends Exception {
  private static final long serialVersionUID = 1;

  StepProblem(String message) {
    super(message);
  }

  /// The message, never null.
  String text() {
    return String.valueOf(getMessage());
  }
}
