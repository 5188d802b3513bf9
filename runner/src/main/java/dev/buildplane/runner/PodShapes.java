package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.runner.Action.StepOrder;

/// The Pods that stand for steps, in the shape that Argo's own have. Pure.
final class PodShapes {
  static final String WORKFLOW_LABEL = "workflows.argoproj.io/workflow";
  static final String COMPLETED_LABEL = "workflows.argoproj.io/completed";
  private static final String NODE_NAME = "workflows.argoproj.io/node-name";
  private static final String NODE_ID = "workflows.argoproj.io/node-id";
  private static final String MAIN = "main";

  /// Name of the node that local pods run on.
  static final String LOCAL_NODE = "buildplane-runner";

  private PodShapes() {}

  /// The Pod of a step that is about to start.
  static ObjectNode pod(JsonNode workflow, StepOrder order) {
    var pod = JsonNodeFactory.instance.objectNode();
    pod.put("apiVersion", "v1").put("kind", "Pod");
    var metadata = pod.putObject("metadata");
    metadata.put("name", order.podName());
    metadata.put("namespace", workflow.path("metadata").path("namespace").asText());
    var labels = metadata.putObject("labels");
    order
        .template()
        .path("metadata")
        .path("labels")
        .properties()
        .forEach(label -> labels.put(label.getKey(), label.getValue().asText()));
    labels
        .put(WORKFLOW_LABEL, workflow.path("metadata").path("name").asText())
        .put(COMPLETED_LABEL, "false");
    metadata.putObject("annotations").put(NODE_NAME, order.nodeName()).put(NODE_ID, order.nodeId());
    metadata.putArray("ownerReferences").add(owner(workflow));
    var container = order.template().path(order.template().has("script") ? "script" : "container");
    var spec = pod.putObject("spec");
    spec.put("restartPolicy", "Never").put("nodeName", LOCAL_NODE);
    spec.put(
        "serviceAccountName", workflow.path("spec").path("serviceAccountName").asText("default"));
    var main = spec.putArray("containers").addObject().put("name", MAIN);
    main.put("image", container.path("image").asText("local"));
    for (var field : new String[] {"command", "args", "workingDir", "resources"}) {
      if (container.has(field)) {
        main.set(field, container.get(field));
      }
    }
    pod.set("status", JsonNodeFactory.instance.objectNode().put("phase", "Pending"));
    return pod;
  }

  private static ObjectNode owner(JsonNode workflow) {
    var metadata = workflow.path("metadata");
    return JsonNodeFactory.instance
        .objectNode()
        .put("apiVersion", "argoproj.io/v1alpha1")
        .put("kind", "Workflow")
        .put("name", metadata.path("name").asText())
        .put("uid", metadata.path("uid").asText())
        .put("controller", true)
        .put("blockOwnerDeletion", true);
  }

  /// The status of a Pod whose node is `node`.
  static ObjectNode status(JsonNode node, String image) {
    var status = JsonNodeFactory.instance.objectNode();
    var phase = Nodes.phase(node);
    status.put("phase", podPhase(phase));
    if (node.hasNonNull("message")) {
      status.set("message", node.get("message"));
    }
    status.set("startTime", node.path("startedAt"));
    var running = phase.equals(Nodes.RUNNING);
    condition(status, "Initialized", true, node);
    condition(status, "Ready", running, node);
    condition(status, "ContainersReady", running, node);
    condition(status, "PodScheduled", true, node);
    var main = status.putArray("containerStatuses").addObject();
    main.put("name", MAIN).put("image", image).put("imageID", "").put("restartCount", 0);
    main.put("ready", running).put("started", running);
    state(main.putObject("state"), node);
    return status;
  }

  private static String podPhase(String nodePhase) {
    return switch (nodePhase) {
      case Nodes.PENDING, Nodes.RUNNING, Nodes.SUCCEEDED -> nodePhase;
      default -> "Failed";
    };
  }

  private static void condition(ObjectNode status, String type, boolean holds, JsonNode node) {
    status
        .withArrayProperty("conditions")
        .addObject()
        .put("type", type)
        .put("status", holds ? "True" : "False")
        .set(
            "lastTransitionTime",
            node.hasNonNull("finishedAt") ? node.get("finishedAt") : node.path("startedAt"));
  }

  private static void state(ObjectNode state, JsonNode node) {
    switch (Nodes.phase(node)) {
      case Nodes.PENDING ->
        state
            .putObject("waiting")
            .put("reason", "ContainerCreating")
            .put("message", node.path("message").asText());
      case Nodes.RUNNING -> state.putObject("running").set("startedAt", node.path("startedAt"));
      default -> {
        var succeeded = Nodes.phase(node).equals(Nodes.SUCCEEDED);
        var ended = state.putObject("terminated");
        // Where there is no exit code (killed, never started) Kubernetes shows that of SIGKILL.
        ended.put("exitCode", node.path("outputs").path("exitCode").asInt(succeeded ? 0 : 137));
        ended.put("reason", succeeded ? "Completed" : "Error");
        if (node.hasNonNull("message")) {
          ended.set("message", node.get("message"));
        }
        ended.set("startedAt", node.path("startedAt"));
        ended.set("finishedAt", node.path("finishedAt"));
      }
    }
  }
}
