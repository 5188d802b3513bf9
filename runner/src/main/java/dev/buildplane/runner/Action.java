package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/// What the engine wants done outside. Each may be repeated without harm.
sealed interface Action {
  /// Start a step unless it was ever started.
  record Start(StepOrder order) implements Action {}

  /// Stop a step; `reason` becomes its message.
  record Kill(String nodeId, String reason) implements Action {}

  /// Delete the finished workflow: its time to live has passed.
  record DeleteWorkflow() implements Action {}

  /// One step, every placeholder filled in.
  ///
  /// @param nodeId of the node in the status
  /// @param nodeName full name of the node
  /// @param podName the Pod that stands for it
  /// @param template the template with `container` or `script`, substituted
  /// @param volumes the volumes of the workflow that the template may mount, substituted
  /// @param claims names of the workflow's volume claims
  /// @param wantsResult whether somebody reads `outputs.result`
  record StepOrder(
      String nodeId,
      String nodeName,
      String podName,
      ObjectNode template,
      JsonNode volumes,
      List<String> claims,
      boolean wantsResult) {}
}
