package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.runner.Action.StepOrder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.PodStatus;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// Keeps the Pods of steps as their nodes are. Remembers what it wrote last, so that nothing is written twice; forgetting it costs one more write.
final class PodWriter {
  private static final int ALREADY_EXISTS = 409;
  private static final int NOT_FOUND = 404;

  private final KubernetesClient planeClient;
  private final Map<String, JsonNode> written = new ConcurrentHashMap<>();

  PodWriter(KubernetesClient planeClient) {
    this.planeClient = planeClient;
  }

  /// Makes sure that the Pod of a step is there before the step starts.
  void create(JsonNode workflow, StepOrder order) {
    var pod = Json.MAPPER.convertValue(PodShapes.pod(workflow, order), Pod.class);
    try {
      planeClient
          .pods()
          .inNamespace(pod.getMetadata().getNamespace())
          .resource(pod)
          .create();
    } catch (KubernetesClientException e) {
      if (e.getCode() != ALREADY_EXISTS) {
        throw e;
      }
    }
  }

  /// Brings the Pod's status to what the node says.
  void follow(String namespace, String workflowUid, String podName, JsonNode node) {
    var key = workflowUid + "/" + podName;
    var state = state(node);
    if (state.equals(written.get(key))) {
      return;
    }
    var pods = planeClient.pods().inNamespace(namespace).withName(podName);
    try {
      var pod = pods.get();
      if (pod == null) {
        return; // never made (the step failed before it started), or deleted by somebody
      }
      write(pod, node);
      written.put(key, state);
    } catch (KubernetesClientException e) {
      if (e.getCode() != NOT_FOUND) {
        throw e;
      }
    }
  }

  private void write(Pod pod, JsonNode node) {
    var image = pod.getSpec().getContainers().getFirst().getImage();
    var status = Json.MAPPER.convertValue(PodShapes.status(node, image), PodStatus.class);
    var namespace = pod.getMetadata().getNamespace();
    var current = pod;
    if (Nodes.isDone(node)
        && !"true".equals(pod.getMetadata().getLabels().get(PodShapes.COMPLETED_LABEL))) {
      var labelled = new PodBuilder(pod)
          .editMetadata()
          .addToLabels(PodShapes.COMPLETED_LABEL, "true")
          .endMetadata()
          .build();
      current = planeClient.pods().inNamespace(namespace).resource(labelled).update();
    }
    var changed = new PodBuilder(current).withStatus(status).build();
    planeClient.pods().inNamespace(namespace).resource(changed).updateStatus();
  }

  /// Deletes the Pods of a workflow that is gone, in case nobody collects them.
  void deleteAll(String namespace, String workflow, String workflowUid) {
    for (var pod : planeClient
        .pods()
        .inNamespace(namespace)
        .withLabel(PodShapes.WORKFLOW_LABEL, workflow)
        .list()
        .getItems()) {
      var owned = pod.getMetadata().getOwnerReferences().stream()
          .anyMatch(owner -> owner.getUid().equals(workflowUid));
      if (owned) {
        planeClient
            .pods()
            .inNamespace(namespace)
            .resource(pod)
            .withGracePeriod(0)
            .delete();
      }
    }
    written.keySet().removeIf(key -> key.startsWith(workflowUid + "/"));
  }

  /// What a Pod's status depends on.
  private static JsonNode state(JsonNode node) {
    var state = Json.MAPPER.createObjectNode();
    for (var field : List.of("phase", "message", "startedAt", "finishedAt")) {
      state.put(field, node.path(field).asText());
    }
    return state.put("exitCode", node.path("outputs").path("exitCode").asText());
  }
}
