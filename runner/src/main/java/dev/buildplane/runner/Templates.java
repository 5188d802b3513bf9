package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Optional;

/// The templates a workflow can reach. Foreign ones are copied into the status on first use, so that a running workflow never changes with them.
final class Templates {
  private final Observed seen;
  private final ObjectNode status;

  Templates(Observed seen, ObjectNode status) {
    this.seen = seen;
    this.status = status;
  }

  /// The specification in force: the workflow's own, laid over that of its `workflowTemplateRef`.
  ObjectNode spec() throws StepProblem {
    var own = (ObjectNode) seen.workflow().path("spec").deepCopy();
    var ref = own.path("workflowTemplateRef");
    if (ref.isMissingNode()) {
      return own;
    }
    if (!(status.get("storedWorkflowTemplateSpec") instanceof ObjectNode stored)) {
      var spec = foreign(ref.path("clusterScope").asBoolean(), ref.path("name").asText());
      status.set("storedWorkflowTemplateSpec", overlaid((ObjectNode) spec.deepCopy(), own));
      return spec();
    }
    return stored.deepCopy();
  }

  private static ObjectNode overlaid(ObjectNode base, ObjectNode own) {
    for (var field : own.properties()) {
      switch (field.getKey()) {
        case "workflowTemplateRef" -> {}
        case "arguments" ->
          base.set("arguments", arguments(base.path("arguments"), field.getValue()));
        default -> base.set(field.getKey(), field.getValue());
      }
    }
    return base;
  }

  private static ObjectNode arguments(JsonNode base, JsonNode own) {
    var merged = own.deepCopy();
    if (!(merged instanceof ObjectNode arguments)) {
      return base instanceof ObjectNode object ? object : JsonNodeFactory.instance.objectNode();
    }
    var parameters = arguments.withArrayProperty("parameters");
    for (var parameter : base.path("parameters")) {
      var name = parameter.path("name").asText();
      var given = false;
      for (var known : own.path("parameters")) {
        given |= known.path("name").asText().equals(name);
      }
      if (!given) {
        parameters.add(parameter);
      }
    }
    return arguments;
  }

  /// A template named in an object's own steps.
  Template named(String name, String scope, ObjectNode spec) throws StepProblem {
    if (scope.startsWith("local/")) {
      for (var template : spec.path("templates")) {
        if (template.path("name").asText().equals(name)) {
          return new Template(template, scope, Optional.empty());
        }
      }
      throw new StepProblem("template \"" + name + "\" not found in the workflow");
    }
    var cluster = scope.startsWith("cluster/");
    return stored(cluster, scope.substring(scope.indexOf('/') + 1), name, Optional.empty());
  }

  /// A template of another object.
  Template referenced(JsonNode ref) throws StepProblem {
    return stored(
        ref.path("clusterScope").asBoolean(),
        ref.path("name").asText(),
        ref.path("template").asText(),
        Optional.of(ref));
  }

  private Template stored(boolean cluster, String object, String name, Optional<JsonNode> ref)
      throws StepProblem {
    var scope = (cluster ? "cluster/" : "namespaced/") + object;
    var key = scope + "/" + name;
    var known = status.path("storedTemplates").get(key);
    if (known != null) {
      return new Template(known, scope, ref);
    }
    for (var template : foreign(cluster, object).path("templates")) {
      if (template.path("name").asText().equals(name)) {
        status.withObjectProperty("storedTemplates").set(key, template.deepCopy());
        return new Template(template, scope, ref);
      }
    }
    throw new StepProblem(
        "template \"" + name + "\" not found in " + kind(cluster) + " \"" + object + "\"");
  }

  private JsonNode foreign(boolean cluster, String name) throws StepProblem {
    return seen.library()
        .spec(cluster, name)
        .orElseThrow(() -> new StepProblem(kind(cluster) + " \"" + name
            + "\" not found; create it in the build plane and start the workflow again"));
  }

  private static String kind(boolean cluster) {
    return cluster ? "ClusterWorkflowTemplate" : "WorkflowTemplate";
  }
}
