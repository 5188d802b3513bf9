package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;

/// The fields of a Workflow that this runner honours. Everything else is refused, never silently left out.
///
/// The sets named `PLACEMENT` are about where and how large a pod runs; they are accepted, have no effect on a local process, and are told
/// in an Event.
final class Supported {
  private static final Set<String> WORKFLOW = Set.of(
      "entrypoint",
      "templates",
      "workflowTemplateRef",
      "arguments",
      "volumes",
      "volumeClaimTemplates",
      "onExit",
      "activeDeadlineSeconds",
      "parallelism",
      "ttlStrategy",
      "suspend",
      "shutdown",
      "serviceAccountName",
      "workflowMetadata");
  private static final Set<String> WORKFLOW_PLACEMENT = Set.of(
      "nodeSelector",
      "tolerations",
      "affinity",
      "securityContext",
      "imagePullSecrets",
      "automountServiceAccountToken",
      "podPriorityClassName",
      "podPriority",
      "priority",
      "schedulerName",
      "podGC",
      "podMetadata",
      "podDisruptionBudget",
      "volumeClaimGC",
      "archiveLogs",
      "hostNetwork",
      "dnsPolicy",
      "dnsConfig",
      "executor");
  private static final Set<String> TEMPLATE = Set.of(
      "name",
      "inputs",
      "outputs",
      "steps",
      "dag",
      "container",
      "script",
      "suspend",
      "volumes",
      "retryStrategy",
      "activeDeadlineSeconds",
      "parallelism",
      "metadata",
      "annotations");
  private static final Set<String> TEMPLATE_PLACEMENT = Set.of(
      "nodeSelector",
      "tolerations",
      "affinity",
      "securityContext",
      "serviceAccountName",
      "automountServiceAccountToken",
      "priorityClassName",
      "schedulerName",
      "executor",
      "archiveLocation");
  private static final Set<String> CONTAINER = Set.of(
      "name", "image", "command", "args", "source", "env", "envFrom", "volumeMounts", "workingDir");
  private static final Set<String> CONTAINER_PLACEMENT = Set.of(
      "imagePullPolicy",
      "resources",
      "securityContext",
      "ports",
      "terminationMessagePath",
      "terminationMessagePolicy");
  private static final Set<String> STEP = Set.of(
      "name",
      "template",
      "templateRef",
      "arguments",
      "when",
      "withItems",
      "withParam",
      "continueOn",
      "dependencies",
      "depends");
  private static final Set<String> VOLUME =
      Set.of("name", "emptyDir", "secret", "configMap", "hostPath", "persistentVolumeClaim");
  private static final Set<String> RETRY = Set.of("limit", "retryPolicy", "backoff");

  private Supported() {}

  /// The fields in use that are accepted without having an effect here, sorted.
  static SortedSet<String> withoutEffect(JsonNode spec) {
    var fields = new TreeSet<String>();
    collect(spec, "spec", WORKFLOW_PLACEMENT, fields);
    for (var template : spec.path("templates")) {
      collect(template, "templates", TEMPLATE_PLACEMENT, fields);
      collect(template.path("container"), "container", CONTAINER_PLACEMENT, fields);
      collect(template.path("script"), "script", CONTAINER_PLACEMENT, fields);
    }
    return fields;
  }

  private static void collect(
      JsonNode object, String path, Set<String> placement, Set<String> fields) {
    object.fieldNames().forEachRemaining(name -> {
      if (placement.contains(name)) {
        fields.add(path + "." + name);
      }
    });
  }

  static void checkWorkflow(JsonNode spec) throws StepProblem {
    check(spec, "spec", WORKFLOW, WORKFLOW_PLACEMENT);
    checkVolumes(spec.path("volumes"), "spec.volumes");
    checkNoArtifacts(spec.path("arguments"), "spec.arguments");
  }

  static void checkTemplate(JsonNode template) throws StepProblem {
    var path = "template " + template.path("name").asText();
    check(template, path, TEMPLATE, TEMPLATE_PLACEMENT);
    int bodies = 0;
    for (var body : Set.of("steps", "dag", "container", "script", "suspend")) {
      bodies += template.has(body) ? 1 : 0;
    }
    if (bodies != 1) {
      throw new StepProblem(path
          + ": expected exactly one of steps, dag, container, script, suspend, found " + bodies);
    }
    check(template.path("container"), path + ".container", CONTAINER, CONTAINER_PLACEMENT);
    check(template.path("script"), path + ".script", CONTAINER, CONTAINER_PLACEMENT);
    check(template.path("retryStrategy"), path + ".retryStrategy", RETRY, Set.of());
    checkVolumes(template.path("volumes"), path + ".volumes");
    checkNoArtifacts(template.path("inputs"), path + ".inputs");
    checkNoArtifacts(template.path("outputs"), path + ".outputs");
  }

  static void checkStep(JsonNode step) throws StepProblem {
    check(step, "step " + step.path("name").asText(), STEP, Set.of());
  }

  private static void checkVolumes(JsonNode volumes, String path) throws StepProblem {
    for (var volume : volumes) {
      check(volume, path + "[" + volume.path("name").asText() + "]", VOLUME, Set.of());
    }
  }

  private static void checkNoArtifacts(JsonNode holder, String path) throws StepProblem {
    if (!holder.path("artifacts").isEmpty()) {
      throw unsupported(path + ".artifacts");
    }
  }

  private static void check(JsonNode object, String path, Set<String> known, Set<String> accepted)
      throws StepProblem {
    for (var field : object.properties()) {
      var empty = field.getValue().isNull()
          || (field.getValue().isContainerNode() && field.getValue().isEmpty());
      var name = field.getKey();
      if (!known.contains(name) && !accepted.contains(name) && !empty) {
        throw unsupported(path + "." + name);
      }
    }
  }

  private static StepProblem unsupported(String field) {
    return new StepProblem(
        field + " is not supported by this runner; remove it or run on Argo Workflows");
  }
}
