package dev.buildplane.cli;

/// What the shell sees. Public: scripts branch on these.
enum ExitCode {
  OK(0, "done; for a followed run: the run succeeded"),
  FAILED(1, "the command could not do what it was asked to, or the followed run failed"),
  USAGE(2, "the command line was not understood"),
  NOT_FOUND(4, "the named object does not exist"),
  UNREACHABLE(5, "the control plane did not answer");

  private final int code;
  private final String meaning;

  ExitCode(int code, String meaning) {
    this.code = code;
    this.meaning = meaning;
  }

  int code() {
    return code;
  }

  String meaning() {
    return meaning;
  }
}
