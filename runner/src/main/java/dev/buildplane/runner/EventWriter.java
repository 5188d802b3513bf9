package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.EventBuilder;
import io.fabric8.kubernetes.api.model.ObjectReference;
import io.fabric8.kubernetes.api.model.ObjectReferenceBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.time.InstantSource;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import java.util.random.RandomGenerator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Tells what happened as Kubernetes Events. Losing one harms nothing, so a refusal is only logged.
final class EventWriter {
  private static final Logger LOG = LoggerFactory.getLogger(EventWriter.class);
  private static final int MAX_MESSAGE_CHARS = 1_024;

  private final KubernetesClient planeClient;
  private final InstantSource clock;
  private final RandomGenerator random;

  EventWriter(KubernetesClient planeClient, InstantSource clock, RandomGenerator random) {
    this.planeClient = planeClient;
    this.clock = clock;
    this.random = random;
  }

  /// Compares two statuses of a workflow and tells every change of phase.
  void tell(JsonNode workflow, JsonNode before, JsonNode after, Map<String, String> podNames) {
    var phase = after.path("phase").asText();
    if (!phase.equals(before.path("phase").asText())) {
      emit(
          workflowReference(workflow),
          "Workflow" + phase,
          bad(phase),
          message(after, "Workflow " + phase.toLowerCase(Locale.ROOT)));
    }
    if (before.path("phase").asText().isEmpty()) {
      tellWithoutEffect(workflow);
    }
    for (var node : after.path("nodes")) {
      var old = before.path("nodes").path(node.path("id").asText());
      var nodePhase = Nodes.phase(node);
      if (!Nodes.isPod(node)
          || nodePhase.equals(Nodes.phase(old))
          || nodePhase.equals(Nodes.PENDING)) {
        continue;
      }
      var text = message(node, nodePhase + " node " + node.path("name").asText());
      emit(workflowReference(workflow), "WorkflowNode" + nodePhase, bad(nodePhase), text);
      var pod = podNames.get(node.path("id").asText());
      if (pod != null) {
        emit(podReference(workflow, pod), podReason(nodePhase), bad(nodePhase), text);
      }
    }
  }

  private void tellWithoutEffect(JsonNode workflow) {
    var fields = Supported.withoutEffect(workflow.path("spec"));
    if (!fields.isEmpty()) {
      var text = "These fields have no effect on steps that run as local processes: "
          + String.join(", ", fields);
      emit(workflowReference(workflow), "FieldsWithoutEffect", false, text);
    }
  }

  private static String podReason(String phase) {
    return switch (phase) {
      case Nodes.RUNNING -> "Started";
      case Nodes.SUCCEEDED -> "Completed";
      default -> "Failed";
    };
  }

  private static boolean bad(String phase) {
    return phase.equals(Nodes.FAILED) || phase.equals(Nodes.ERROR);
  }

  private static String message(JsonNode subject, String otherwise) {
    var text = subject.path("message").asText();
    return text.isEmpty() ? otherwise : otherwise + ": " + text;
  }

  private static ObjectReference workflowReference(JsonNode workflow) {
    var metadata = workflow.path("metadata");
    return new ObjectReferenceBuilder()
        .withApiVersion("argoproj.io/v1alpha1")
        .withKind("Workflow")
        .withNamespace(metadata.path("namespace").asText())
        .withName(metadata.path("name").asText())
        .withUid(metadata.path("uid").asText())
        .build();
  }

  private static ObjectReference podReference(JsonNode workflow, String pod) {
    return new ObjectReferenceBuilder()
        .withApiVersion("v1")
        .withKind("Pod")
        .withNamespace(workflow.path("metadata").path("namespace").asText())
        .withName(pod)
        .build();
  }

  private void emit(ObjectReference subject, String reason, boolean warning, String message) {
    var now = Nodes.time(clock.instant());
    var event = new EventBuilder()
        .withNewMetadata()
        .withName(subject.getName() + "." + HexFormat.of().toHexDigits(random.nextLong()))
        .withNamespace(subject.getNamespace())
        .endMetadata()
        .withInvolvedObject(subject)
        .withReason(reason)
        .withType(warning ? "Warning" : "Normal")
        .withMessage(
            message.length() > MAX_MESSAGE_CHARS
                ? message.substring(0, MAX_MESSAGE_CHARS)
                : message)
        .withNewSource()
        .withComponent("buildplane-runner")
        .endSource()
        .withFirstTimestamp(now)
        .withLastTimestamp(now)
        .withCount(1)
        .withReportingComponent("buildplane-runner")
        .build();
    try {
      planeClient
          .v1()
          .events()
          .inNamespace(subject.getNamespace())
          .resource(event)
          .create();
    } catch (KubernetesClientException refused) {
      LOG.debug(
          "event {} for {} was not stored: {}", reason, subject.getName(), refused.getMessage());
    }
  }
}
