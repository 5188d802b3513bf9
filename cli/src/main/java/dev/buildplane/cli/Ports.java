package dev.buildplane.cli;

import picocli.CommandLine.Option;

/// The ports of a standalone installation, all on loopback; `0` asks for any free one.
final class Ports {
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

  @Option(
      names = "--build-plane-api-port",
      paramLabel = "PORT",
      defaultValue = "7444",
      description =
          "Port of the build plane's API server (default: ${DEFAULT-VALUE}; 0: any free one)")
  int buildPlaneApi;
}
