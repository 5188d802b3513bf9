package dev.buildplane.plan;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.buildplane.model.Api;

/// The Workload a successful build hands over as output `workload-cr` of its step `generate-workload-cr`.
sealed interface WorkloadOutput {
  String STEP = "generate-workload-cr";
  String PARAMETER = "workload-cr";

  /// The build has no such step.
  record None() implements WorkloadOutput {}

  /// To be applied in the run's namespace.
  record Usable(ObjectNode workload) implements WorkloadOutput {}

  /// Wrong for good: a repeat would find the same.
  record Unusable(String detail) implements WorkloadOutput {}

  static WorkloadOutput of(ArgoWorkflow workflow, RunObserved run) {
    var step = workflow.steps().stream()
        .filter(candidate -> candidate.name().equals(STEP))
        .reduce((_, last) -> last);
    if (step.isEmpty()) {
      return new None();
    }
    var text = step.get().outputs().get(PARAMETER);
    if (!step.get().phase().equals("Succeeded") || text == null || text.isBlank()) {
      return new Unusable("step " + STEP + " has no output " + PARAMETER + "; let it write one");
    }
    try {
      return read(new ObjectMapper(new YAMLFactory()).readTree(text), run);
    } catch (JsonProcessingException e) {
      return new Unusable(
          "output " + PARAMETER + " of step " + STEP + " is no YAML: " + e.getOriginalMessage());
    }
  }

  private static WorkloadOutput read(JsonNode tree, RunObserved run) {
    var kind = tree.path("kind").asText();
    var apiVersion = tree.path("apiVersion").asText();
    if (!(tree instanceof ObjectNode workload)
        || !kind.equals("Workload")
        || !apiVersion.equals(Api.GROUP_VERSION)) {
      return new Unusable("expected a Workload of " + Api.GROUP_VERSION + ", found '" + kind
          + "' of '" + apiVersion + "'");
    }
    var name = workload.path("metadata").path("name").asText("");
    if (name.isEmpty()) {
      return new Unusable("expected metadata.name in the Workload, found none");
    }
    var owner = workload.path("spec").path("owner");
    var stranger = stranger(run, Api.PROJECT, owner.path("projectName").asText(""), "project")
        + stranger(run, Api.COMPONENT, owner.path("componentName").asText(""), "component");
    if (!stranger.isEmpty()) {
      return new Unusable("the Workload belongs to another owner:" + stranger);
    }
    // Only name, labels and annotations of the metadata are the build's to choose.
    var given = workload.path("metadata");
    var metadata =
        workload.putObject("metadata").put("name", name).put("namespace", run.namespace());
    for (var kept : new String[] {"labels", "annotations"}) {
      if (given.path(kept).isObject()) {
        metadata.set(kept, given.get(kept));
      }
    }
    workload.remove("status");
    return new Usable(workload);
  }

  private static String stranger(RunObserved run, String label, String found, String what) {
    var expected = run.labels().get(label);
    return expected == null || expected.equals(found)
        ? ""
        : " expected " + what + " '" + expected + "' as the run is labelled, found '" + found
            + "';";
  }
}
