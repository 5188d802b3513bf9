package dev.buildplane.cli;

import picocli.CommandLine.Option;

/// The ports of a standalone control plane, all on loopback; `0` asks for any free one.
final class ControlPlanePorts {
  @Option(
      names = "--api-port",
      paramLabel = "PORT",
      defaultValue = "7443",
      description =
          "Port of the control plane's API server (default: ${DEFAULT-VALUE}; 0: any free one)")
  int api;

  @Option(
      names = "--agent-port",
      paramLabel = "PORT",
      defaultValue = "8443",
      description =
          "Port on which the gateway accepts cluster agents (default: ${DEFAULT-VALUE}; 0: any free one)")
  int agent;

  @Option(
      names = "--gateway-port",
      paramLabel = "PORT",
      defaultValue = "8444",
      description =
          "Port on which the gateway serves its callers (default: ${DEFAULT-VALUE}; 0: any free one)")
  int gateway;

  @Option(
      names = "--health-port",
      paramLabel = "PORT",
      defaultValue = "8080",
      description =
          "Port of the gateway's health checks and metrics (default: ${DEFAULT-VALUE}; 0: any free one)")
  int health;

  /// @throws CliProblem naming the option of the first that is taken
  void requireFree() {
    Supervisor.requireFree(api, "--api-port");
    Supervisor.requireFree(agent, "--agent-port");
    Supervisor.requireFree(gateway, "--gateway-port");
    Supervisor.requireFree(health, "--health-port");
  }
}
