package dev.buildplane.runner;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/// Brings one node as far as it can go now. Which kind of template decides who does it.
final class Execution {
  private final Pass pass;
  private final PodSteps podSteps;

  Execution(Pass pass) {
    this.pass = pass;
    this.podSteps = new PodSteps(pass);
  }

  /// The node of the call, made or brought forward; [Nodes#notYet] when it may not start yet.
  ObjectNode run(Call call) {
    var known = pass.nodes.find(call.node());
    if (known.filter(Nodes::isDone).isPresent()) {
      return known.get();
    }
    try {
      Supported.checkTemplate(call.template().body());
      return call.template().body().has("retryStrategy")
          ? new Retries(pass, this).run(call)
          : runOnce(call);
    } catch (StepProblem problem) {
      return fail(call, problem);
    }
  }

  /// The same without looking at its retry strategy.
  ObjectNode runOnce(Call call) {
    try {
      var inputs = Parameters.inputs(call.template(), call.arguments(), pass.globals);
      var tags = pass.globals.plus(Parameters.asTags(inputs));
      return switch (call.template().nodeType()) {
        case "Steps" -> new StepGroups(pass, this).run(call, opened(call, inputs), tags);
        case "DAG" -> new TaskGraph(pass, this).run(call, opened(call, inputs), tags);
        case "Suspend" -> suspend(call, opened(call, inputs));
        default -> podSteps.run(call, inputs, tags);
      };
    } catch (StepProblem problem) {
      return fail(call, problem);
    }
  }

  /// A step of a steps template or a task of a dag: its condition, its template, its arguments.
  ObjectNode runStep(JsonNode step, StepPlace place, Tags tags) {
    try {
      Supported.checkStep(step);
      var when = step.path("when").asText();
      if (!when.isEmpty()
          && pass.nodes.find(place.node()).isEmpty()
          && !Logic.evaluate(when, tags::fill)) {
        var node = pass.nodes.open(place.node(), place.display(), "Skipped", place.boundary());
        return pass.nodes.finish(
            node, Nodes.SKIPPED, "when '" + shown(when, tags) + "' evaluated false");
      }
      var template = step.has("templateRef")
          ? pass.templates.referenced(tags.fill(step.get("templateRef")))
          : pass.templates.named(
              tags.fill(step.path("template").asText()), place.scope(), pass.spec);
      return run(new Call(
          place.node(),
          place.display(),
          template,
          Parameters.arguments(step, tags),
          place.boundary(),
          0));
    } catch (StepProblem problem) {
      var node = pass.nodes.open(place.node(), place.display(), "Pod", place.boundary());
      return pass.nodes.finish(node, Nodes.ERROR, problem.text());
    }
  }

  /// Where a step's node goes.
  ///
  /// @param scope where template names are looked up
  record StepPlace(String node, String display, String boundary, String scope) {}

  private static String shown(String when, Tags tags) throws StepProblem {
    return tags.fill(when);
  }

  private ObjectNode opened(Call call, Map<String, String> inputs) {
    var node = open(pass, call, call.template().nodeType());
    Parameters.recordInputs(node, inputs);
    return node;
  }

  static ObjectNode open(Pass pass, Call call, String type) {
    var node = pass.nodes.open(call.node(), call.display(), type, call.boundary());
    if (!node.has("templateScope")) {
      call.template()
          .ref()
          .ifPresentOrElse(
              ref -> node.set("templateRef", ref),
              () -> node.put("templateName", call.template().name()));
      node.put("templateScope", call.template().scope());
    }
    return node;
  }

  private ObjectNode fail(Call call, StepProblem problem) {
    return pass.nodes.finish(
        open(pass, call, call.template().nodeType()), Nodes.ERROR, problem.text());
  }

  private ObjectNode suspend(Call call, ObjectNode node) throws StepProblem {
    if (pass.stopping().isPresent()) {
      return pass.nodes.finish(node, Nodes.FAILED, pass.stopping().get());
    }
    var body = call.template().body().path("suspend");
    if (body.hasNonNull("duration")) {
      var end = Instant.parse(node.path("startedAt").asText())
          .plus(Durations.of(body.get("duration"), "suspend.duration"));
      if (!pass.now().isBefore(end)) {
        return pass.nodes.finish(node, Nodes.SUCCEEDED, "");
      }
      pass.wakeAt(end);
    }
    return node;
  }

  /// The items of a step that is repeated; null as the only item when it is not.
  static JsonNode items(JsonNode step, Tags tags) throws StepProblem {
    if (step.hasNonNull("withItems")) {
      return tags.fill(step.get("withItems"));
    }
    if (!step.hasNonNull("withParam")) {
      return JsonNodeFactory.instance.arrayNode();
    }
    var text = tags.fill(step.get("withParam").asText());
    try {
      var items = Json.MAPPER.readTree(text);
      if (items.isArray()) {
        return items;
      }
    } catch (JsonProcessingException notJson) {
      throw new StepProblem("withParam: expected a JSON list, found \"" + text + "\": "
          + notJson.getOriginalMessage());
    }
    throw new StepProblem("withParam: expected a JSON list, found \"" + text + "\"");
  }

  static boolean repeats(JsonNode step) {
    return step.hasNonNull("withItems") || step.hasNonNull("withParam");
  }

  static Map<String, String> itemTags(JsonNode item) {
    var values = new LinkedHashMap<String, String>();
    values.put("item", Parameters.text(item));
    for (var field : item.properties()) {
      values.put("item." + field.getKey(), Parameters.text(field.getValue()));
    }
    return values;
  }

  static String itemName(String name, int index, JsonNode item) {
    return name + "(" + index + ":" + Parameters.text(item).replace("\"", "") + ")";
  }
}
