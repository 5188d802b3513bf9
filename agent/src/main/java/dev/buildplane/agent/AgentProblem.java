package dev.buildplane.agent;

/// The agent's configuration cannot be used. The message names the file, what was expected, what was found and what to do.
public final class AgentProblem extends Exception {
  AgentProblem(String message) {
    super(message);
  }

  AgentProblem(String message, Throwable cause) {
    super(message, cause);
  }
}
