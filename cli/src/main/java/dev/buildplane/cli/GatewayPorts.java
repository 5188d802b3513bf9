package dev.buildplane.cli;

import java.util.ArrayList;
import java.util.List;

/// The ports of one gateway of an installation, all on loopback.
record GatewayPorts(int agent, int callers, int health) {
  /// Gateways of one installation.
  static final int MAX_GATEWAYS = 8;

  /// What a further gateway's ports lie above those of the one before.
  private static final int STEP = 10;

  /// The ports of `count` gateways. Where 0 asks for any port, a free one is chosen here: agents dial before the gateway is there, and
  /// gateways dial each other.
  static List<GatewayPorts> choose(ControlPlanePorts wanted, int count) {
    if (count < 1 || count > MAX_GATEWAYS) {
      throw new CliProblem(
          "expected 1 to %d for --gateways, found %d".formatted(MAX_GATEWAYS, count),
          ExitCode.USAGE);
    }
    var chosen = new ArrayList<GatewayPorts>();
    for (int i = 0; i < count; i++) {
      chosen.add(new GatewayPorts(
          known(wanted.agent, i), known(wanted.gateway, i), known(wanted.health, i)));
    }
    return List.copyOf(chosen);
  }

  private static int known(int wanted, int index) {
    return Supervisor.chosen(wanted == 0 ? 0 : wanted + STEP * index);
  }

  void requireFree() {
    Supervisor.requireFree(agent, "--agent-port");
    Supervisor.requireFree(callers, "--gateway-port");
    Supervisor.requireFree(health, "--health-port");
  }

  String agentUrl() {
    return "wss://127.0.0.1:" + agent + "/ws";
  }

  String callersUrl() {
    return "https://127.0.0.1:" + callers;
  }

  String healthUrl() {
    return "http://127.0.0.1:" + health;
  }
}
