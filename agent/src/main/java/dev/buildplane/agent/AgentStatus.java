package dev.buildplane.agent;

import java.util.Optional;

/// How an agent is doing.
///
/// @param connected tunnels up now
/// @param wanted tunnels it tries to keep
/// @param lastProblem why the latest dial failed or tunnel was lost, until one is up again
public record AgentStatus(int connected, int wanted, Optional<String> lastProblem) {
  /// Ready means: a request can come through.
  public boolean ready() {
    return connected > 0;
  }
}
