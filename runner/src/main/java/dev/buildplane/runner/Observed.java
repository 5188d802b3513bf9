package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;

/// Everything one pass over a workflow looks at.
///
/// @param workflow the object as stored, with `metadata`, `spec` and `status`
/// @param steps what is known of its steps, by node id; an id not in it was never started
/// @param library where other objects' templates come from
record Observed(
    ObjectNode workflow, Map<String, StepState> steps, TemplateLibrary library, Instant now) {
  Observed {
    steps = Map.copyOf(steps);
  }

  String name() {
    return workflow.path("metadata").path("name").asText();
  }

  String namespace() {
    return workflow.path("metadata").path("namespace").asText();
  }

  String uid() {
    return workflow.path("metadata").path("uid").asText();
  }

  StepState step(String nodeId) {
    return steps.getOrDefault(nodeId, new StepState.Absent());
  }

  /// Finds the `spec` of a `WorkflowTemplate` or, cluster-wide, a `ClusterWorkflowTemplate`.
  @FunctionalInterface
  interface TemplateLibrary {
    Optional<JsonNode> spec(boolean clusterWide, String name);
  }
}
