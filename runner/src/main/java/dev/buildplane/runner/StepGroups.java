package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.runner.Execution.StepPlace;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A steps template: groups one after the other, the steps of a group side by side.
record StepGroups(Pass pass, Execution execution) {

  ObjectNode run(Call call, ObjectNode node, Tags tags) throws StepProblem {
    var groups = call.template().body().path("steps");
    var scope = tags;
    List<ObjectNode> former = List.of(node);
    for (int i = 0; i < groups.size(); i++) {
      var group = pass.nodes.open(
          node.path("name").asText() + "[" + i + "]",
          "[" + i + "]",
          "StepGroup",
          node.path("id").asText());
      former.forEach(parent -> Nodes.addChild(parent, group));
      var steps = groups.get(i).isArray()
          ? groups.get(i)
          : Json.MAPPER.createArrayNode().add(groups.get(i));
      var ran = runGroup(call, group, steps, scope);
      if (ran.isEmpty()) {
        return node;
      }
      var failure = failure(ran.get());
      if (failure.isPresent()) {
        pass.nodes.finish(group, failure.get().phase, failure.get().message);
        return pass.nodes.finish(node, failure.get().phase, failure.get().message);
      }
      finishOnce(group);
      scope = scope.plus(results(ran.get()));
      former = ends(group, ran.get());
    }
    Parameters.collect(node, call.template(), scope);
    return pass.nodes.finish(node, Nodes.SUCCEEDED, "");
  }

  /// One step of a group and the nodes it gave, one unless it is repeated.
  private record Ran(JsonNode step, List<ObjectNode> nodes) {}

  private record Failure(String phase, String message) {}

  private void finishOnce(ObjectNode group) {
    if (!Nodes.isDone(group)) {
      pass.nodes.finish(group, Nodes.SUCCEEDED, "");
    }
  }

  /// Empty while the group is not done.
  private Optional<List<Ran>> runGroup(Call call, ObjectNode group, JsonNode steps, Tags tags)
      throws StepProblem {
    var limit =
        new Places(pass, call.template().body().path("parallelism").asInt(Integer.MAX_VALUE));
    var ran = new ArrayList<Ran>();
    var done = true;
    for (var step : steps) {
      var nodes = new ArrayList<ObjectNode>();
      for (var one : expanded(step, tags)) {
        var place = new StepPlace(
            group.path("name").asText() + "." + one.name,
            one.name,
            group.path("boundaryID").asText(),
            call.template().scope());
        var node = limit.run(place.node(), () -> execution.runStep(step, place, one.tags));
        Nodes.addChild(group, node);
        nodes.add(node);
        done &= Nodes.isDone(node);
      }
      ran.add(new Ran(step, nodes));
    }
    return done ? Optional.of(ran) : Optional.empty();
  }

  private record One(String name, Tags tags) {}

  private static List<One> expanded(JsonNode step, Tags tags) throws StepProblem {
    var name = step.path("name").asText();
    if (!Execution.repeats(step)) {
      return List.of(new One(name, tags));
    }
    var all = new ArrayList<One>();
    for (var item : Execution.items(step, tags)) {
      all.add(
          new One(Execution.itemName(name, all.size(), item), tags.plus(Execution.itemTags(item))));
    }
    return all;
  }

  private static Optional<Failure> failure(List<Ran> group) {
    for (var ran : group) {
      for (var node : ran.nodes) {
        var phase = Nodes.phase(node);
        var goOn = ran.step.path("continueOn");
        var forgiven = (phase.equals(Nodes.FAILED) && goOn.path("failed").asBoolean())
            || (phase.equals(Nodes.ERROR) && goOn.path("error").asBoolean());
        if (Nodes.isBad(node) && !forgiven) {
          return Optional.of(new Failure(
              phase,
              "child '" + node.path("id").asText() + "' "
                  + (phase.equals(Nodes.ERROR) ? "errored" : "failed")));
        }
      }
    }
    return Optional.empty();
  }

  private static Map<String, String> results(List<Ran> group) {
    var values = new LinkedHashMap<String, String>();
    for (var ran : group) {
      var prefix = "steps." + ran.step.path("name").asText();
      values.putAll(
          Execution.repeats(ran.step)
              ? Repetition.results(prefix, ran.nodes)
              : Parameters.results(prefix, ran.nodes.getFirst()));
    }
    return values;
  }

  private static List<ObjectNode> ends(ObjectNode group, List<Ran> ran) {
    var nodes = ran.stream().flatMap(one -> one.nodes.stream()).toList();
    return nodes.isEmpty() ? List.of(group) : nodes;
  }
}
