package dev.buildplane.cli;

import picocli.CommandLine.Option;

/// The port of a standalone build plane, on loopback; `0` asks for any free one.
final class BuildPlanePort {
  @Option(
      names = "--build-plane-api-port",
      paramLabel = "PORT",
      defaultValue = "7444",
      description =
          "Port of the build plane's API server (default: ${DEFAULT-VALUE}; 0: any free one)")
  int api;

  /// @throws CliProblem naming the option when it is taken
  void requireFree() {
    Supervisor.requireFree(api, "--build-plane-api-port");
  }
}
