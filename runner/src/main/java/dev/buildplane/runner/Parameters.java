package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.Map;

/// Parameters in and out of templates.
final class Parameters {
  private Parameters() {}

  /// The workflow's own facts and parameters, as `workflow.*`.
  static Map<String, String> globals(Observed seen, JsonNode spec) throws StepProblem {
    var values = new LinkedHashMap<String, String>();
    var metadata = seen.workflow().path("metadata");
    values.put("workflow.name", seen.name());
    values.put("workflow.namespace", seen.namespace());
    values.put("workflow.uid", seen.uid());
    values.put("workflow.serviceAccountName", spec.path("serviceAccountName").asText("default"));
    values.put("workflow.creationTimestamp", metadata.path("creationTimestamp").asText());
    for (var label : metadata.path("labels").properties()) {
      values.put("workflow.labels." + label.getKey(), label.getValue().asText());
    }
    for (var annotation : metadata.path("annotations").properties()) {
      values.put(
          "workflow.annotations." + annotation.getKey(), annotation.getValue().asText());
    }
    var facts = new Tags(values);
    for (var parameter : spec.path("arguments").path("parameters")) {
      var name = parameter.path("name").asText();
      values.put(
          "workflow.parameters." + name,
          facts.fill(given(parameter, "spec.arguments.parameters." + name)));
    }
    return values;
  }

  private static String given(JsonNode parameter, String path) throws StepProblem {
    var value = parameter.has("value") ? parameter.get("value") : parameter.get("default");
    if (value == null || value.isNull()) {
      throw new StepProblem(path
          + (parameter.has("valueFrom")
              ? ".valueFrom is not supported by this runner; give a value"
              : " has no value; give one in the workflow's arguments"));
    }
    return text(value);
  }

  /// A scalar as its text, anything else as JSON.
  static String text(JsonNode value) {
    return value.isValueNode() ? value.asText() : value.toString();
  }

  /// The inputs of a template: what the caller gives, else the declared value, else the default.
  static Map<String, String> inputs(Template template, Map<String, String> arguments, Tags globals)
      throws StepProblem {
    var inputs = new LinkedHashMap<String, String>();
    for (var parameter : template.body().path("inputs").path("parameters")) {
      var name = parameter.path("name").asText();
      var argument = arguments.get(name);
      if (argument != null) {
        inputs.put(name, argument);
      } else if (parameter.has("value") || parameter.has("default")) {
        inputs.put(name, globals.fill(given(parameter, "inputs.parameters." + name)));
      } else {
        throw new StepProblem(
            "template " + template.name() + ": inputs.parameters." + name + " was not supplied");
      }
    }
    return inputs;
  }

  /// What a step hands to its template.
  static Map<String, String> arguments(JsonNode step, Tags tags) throws StepProblem {
    var values = new LinkedHashMap<String, String>();
    for (var parameter : step.path("arguments").path("parameters")) {
      var name = parameter.path("name").asText();
      if (parameter.hasNonNull("value")) {
        values.put(name, tags.fill(text(parameter.get("value"))));
      } else if (parameter.has("valueFrom")) {
        throw new StepProblem("step " + step.path("name").asText() + ": arguments.parameters."
            + name + ".valueFrom is not supported by this runner");
      }
    }
    return values;
  }

  static Map<String, String> asTags(Map<String, String> inputs) {
    var tags = new LinkedHashMap<String, String>();
    inputs.forEach((name, value) -> tags.put("inputs.parameters." + name, value));
    return tags;
  }

  static void recordInputs(ObjectNode node, Map<String, String> inputs) {
    if (!inputs.isEmpty() && !node.has("inputs")) {
      var list = node.putObject("inputs").putArray("parameters");
      inputs.forEach((name, value) -> list.addObject().put("name", name).put("value", value));
    }
  }

  /// The outputs of a steps or dag template, taken from its children's.
  static void collect(ObjectNode node, Template template, Tags tags) throws StepProblem {
    var declared = template.body().path("outputs").path("parameters");
    if (declared.isEmpty()) {
      return;
    }
    var list = node.putObject("outputs").putArray("parameters");
    for (var parameter : declared) {
      var name = parameter.path("name").asText();
      var source = parameter.path("valueFrom").path("parameter");
      if (!source.isTextual()) {
        throw new StepProblem("template " + template.name() + ": outputs.parameters." + name
            + ": expected valueFrom.parameter, the only source this runner supports here");
      }
      list.addObject().put("name", name).put("value", tags.fill(source.textValue()));
    }
  }

  /// A finished node's facts under `steps.<name>` or `tasks.<name>`.
  static Map<String, String> results(String prefix, JsonNode node) {
    var values = new LinkedHashMap<String, String>();
    values.put(prefix + ".id", node.path("id").asText());
    values.put(prefix + ".status", Nodes.phase(node));
    values.put(prefix + ".startedAt", node.path("startedAt").asText());
    values.put(prefix + ".finishedAt", node.path("finishedAt").asText());
    var outputs = node.path("outputs");
    for (var parameter : outputs.path("parameters")) {
      values.put(
          prefix + ".outputs.parameters." + parameter.path("name").asText(),
          parameter.path("value").asText());
    }
    if (outputs.has("result")) {
      values.put(prefix + ".outputs.result", outputs.get("result").asText());
    }
    if (outputs.has("exitCode")) {
      values.put(prefix + ".exitCode", outputs.get("exitCode").asText());
      values.put(prefix + ".outputs.exitCode", outputs.get("exitCode").asText());
    }
    return values;
  }
}
