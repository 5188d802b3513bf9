package dev.buildplane.runner;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.runner.Execution.StepPlace;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// A dag template: every task as soon as what it depends on allows it.
record TaskGraph(Pass pass, Execution execution) {

  ObjectNode run(Call call, ObjectNode node, Tags tags) throws StepProblem {
    var walk = new Walk(call, node, tags);
    return walk.run();
  }

  private final class Walk {
    private final Call call;
    private final ObjectNode dag;
    private final Tags tags;
    private final Places places;
    private final Map<String, JsonNode> tasks = new LinkedHashMap<>();
    private final Map<String, ObjectNode> nodes = new LinkedHashMap<>();
    private final Map<String, Map<String, String>> results = new LinkedHashMap<>();
    private final Set<String> open = new HashSet<>();

    Walk(Call call, ObjectNode dag, Tags tags) throws StepProblem {
      this.call = call;
      this.dag = dag;
      this.tags = tags;
      this.places =
          new Places(pass, call.template().body().path("parallelism").asInt(Integer.MAX_VALUE));
      for (var task : call.template().body().path("dag").path("tasks")) {
        if (tasks.put(task.path("name").asText(), task) != null) {
          throw new StepProblem(
              "dag: two tasks are named \"" + task.path("name").asText() + "\"");
        }
      }
    }

    ObjectNode run() throws StepProblem {
      for (var name : tasks.keySet()) {
        visit(name);
      }
      if (nodes.values().stream().anyMatch(node -> !Nodes.isDone(node))) {
        return failedFast() && nodes.values().stream().noneMatch(this::isUnderWay) ? end() : dag;
      }
      return end();
    }

    private boolean isUnderWay(ObjectNode node) {
      return node.has("id") && !Nodes.isDone(node);
    }

    private ObjectNode end() throws StepProblem {
      var leaves = new TreeSet<>(tasks.keySet());
      for (var task : tasks.values()) {
        leaves.removeAll(dependencies(task));
      }
      var phases = new ArrayList<String>();
      for (var leaf : failedFast() ? tasks.keySet() : leaves) {
        phases.add(outcome(leaf, new HashSet<>()));
      }
      var phase = phases.contains(Nodes.ERROR)
          ? Nodes.ERROR
          : phases.contains(Nodes.FAILED) ? Nodes.FAILED : Nodes.SUCCEEDED;
      if (!phase.equals(Nodes.SUCCEEDED)) {
        return pass.nodes.finish(dag, phase, firstFailure());
      }
      var scope = tags;
      for (var values : results.values()) {
        scope = scope.plus(values);
      }
      Parameters.collect(dag, call.template(), scope);
      return pass.nodes.finish(dag, phase, "");
    }

    private String firstFailure() {
      return nodes.values().stream()
          .filter(Nodes::isBad)
          .findFirst()
          .map(node -> "child '" + node.path("id").asText() + "' "
              + (Nodes.phase(node).equals(Nodes.ERROR) ? "errored" : "failed"))
          .orElse("");
    }

    /// An omitted task counts as what kept it from running.
    private String outcome(String name, Set<String> visited) throws StepProblem {
      var node = nodes.get(name);
      if (node == null || !visited.add(name)) {
        return Nodes.SUCCEEDED;
      }
      if (Nodes.isBad(node) && !forgiven(tasks.get(name), node)) {
        return Nodes.phase(node);
      }
      if (!Nodes.phase(node).equals(Nodes.OMITTED)) {
        return Nodes.SUCCEEDED;
      }
      var worst = Nodes.SUCCEEDED;
      for (var dependency : dependencies(requireNonNull(tasks.get(name)))) {
        var phase = outcome(dependency, visited);
        worst = phase.equals(Nodes.SUCCEEDED) ? worst : phase;
      }
      return worst;
    }

    private static boolean forgiven(@Nullable JsonNode task, JsonNode node) {
      if (task == null) {
        return false;
      }
      var goOn = task.path("continueOn");
      return goOn.path(Nodes.phase(node).equals(Nodes.ERROR) ? "error" : "failed")
          .asBoolean();
    }

    /// Whether a failure stops new tasks: unless switched off, or some task waits for failures.
    private boolean failedFast() {
      var dagBody = call.template().body().path("dag");
      var waitsForFailure =
          tasks.values().stream().anyMatch(task -> task.path("depends").asText().contains("."));
      return dagBody.path("failFast").asBoolean(true)
          && !waitsForFailure
          && nodes.entrySet().stream()
              .anyMatch(entry -> Nodes.isBad(entry.getValue())
                  && !forgiven(tasks.get(entry.getKey()), entry.getValue()));
    }

    private ObjectNode visit(String name) throws StepProblem {
      var known = nodes.get(name);
      if (known != null) {
        return known;
      }
      var task = tasks.get(name);
      if (task == null) {
        throw new StepProblem("dag: a task depends on \"" + name + "\", which is not there");
      }
      if (!open.add(name)) {
        throw new StepProblem(
            "dag: the tasks depend on each other in a circle at \"" + name + "\"");
      }
      var node = advance(name, task);
      nodes.put(name, node);
      return node;
    }

    private ObjectNode advance(String name, JsonNode task) throws StepProblem {
      var scope = tags;
      var parents = new ArrayList<ObjectNode>();
      for (var dependency : dependencies(task)) {
        var parent = visit(dependency);
        if (!Nodes.isDone(parent)) {
          return Nodes.notYet();
        }
        parents.add(parent);
        scope = scope.plus(ancestors(dependency, new HashSet<>()));
      }
      var nodeName = dag.path("name").asText() + "." + name;
      var isNew = pass.nodes.find(nodeName).isEmpty();
      if (isNew && failedFast()) {
        return Nodes.notYet();
      }
      if (isNew && !Logic.evaluate(condition(task), this::status)) {
        var omitted = pass.nodes.open(nodeName, name, "Skipped", dag.path("id").asText());
        return linked(
            parents,
            pass.nodes.finish(omitted, Nodes.OMITTED, "omitted: depends condition not met"));
      }
      return linked(
          parents,
          Execution.repeats(task)
              ? group(nodeName, name, task, scope)
              : single(nodeName, name, task, scope));
    }

    private ObjectNode linked(List<ObjectNode> parents, ObjectNode node) {
      (parents.isEmpty() ? List.of(dag) : parents).forEach(parent -> Nodes.addChild(parent, node));
      return node;
    }

    private ObjectNode single(String nodeName, String name, JsonNode task, Tags scope) {
      var place =
          new StepPlace(nodeName, name, dag.path("id").asText(), call.template().scope());
      var node = places.run(nodeName, () -> execution.runStep(task, place, scope));
      results.put(name, Parameters.results("tasks." + name, node));
      return node;
    }

    private ObjectNode group(String nodeName, String name, JsonNode task, Tags scope)
        throws StepProblem {
      var group = pass.nodes.open(nodeName, name, "TaskGroup", dag.path("id").asText());
      var children = new ArrayList<ObjectNode>();
      for (var item : Execution.items(task, scope)) {
        var itemName = Execution.itemName(nodeName, children.size(), item);
        var display = Execution.itemName(name, children.size(), item);
        var place = new StepPlace(
            itemName, display, dag.path("id").asText(), call.template().scope());
        var itemScope = scope.plus(Execution.itemTags(item));
        var child = places.run(itemName, () -> execution.runStep(task, place, itemScope));
        Nodes.addChild(group, child);
        children.add(child);
      }
      if (children.stream().allMatch(Nodes::isDone)) {
        results.put(name, Repetition.results("tasks." + name, children));
        return Nodes.isDone(group)
            ? group
            : pass.nodes.finish(group, Repetition.worst(children), "");
      }
      return group;
    }

    private Map<String, String> ancestors(String name, Set<String> visited) throws StepProblem {
      var values = new LinkedHashMap<String, String>();
      var task = tasks.get(name);
      if (task != null && visited.add(name)) {
        values.putAll(results.getOrDefault(name, Map.of()));
        for (var dependency : dependencies(task)) {
          values.putAll(ancestors(dependency, visited));
        }
      }
      return values;
    }

    private String status(String word) throws StepProblem {
      var dot = word.lastIndexOf('.');
      var name = dot < 0 ? word : word.substring(0, dot);
      var node = nodes.get(name);
      if (node == null) {
        return word;
      }
      var phase = Nodes.phase(node);
      var goesOn = !Nodes.isBad(node) || forgiven(tasks.get(name), node);
      return Boolean.toString(
          switch (dot < 0 ? "" : word.substring(dot + 1)) {
            case "" -> goesOn && !phase.equals(Nodes.OMITTED);
            case "Succeeded", "AnySucceeded" -> phase.equals(Nodes.SUCCEEDED);
            case "Failed", "AllFailed" -> phase.equals(Nodes.FAILED);
            case "Errored" -> phase.equals(Nodes.ERROR);
            case "Skipped" -> phase.equals(Nodes.SKIPPED);
            case "Omitted" -> phase.equals(Nodes.OMITTED);
            default -> throw new StepProblem("depends: unknown status in \"" + word + "\"");
          });
    }
  }

  private static String condition(JsonNode task) {
    if (task.hasNonNull("depends")) {
      return task.get("depends").asText();
    }
    var names = dependencies(task);
    return names.isEmpty() ? "true" : String.join(" && ", names);
  }

  /// The tasks that a task names, whatever it wants of them.
  private static Set<String> dependencies(JsonNode task) {
    var names = new TreeSet<String>();
    task.path("dependencies").forEach(name -> names.add(name.asText()));
    for (var word : task.path("depends").asText().split("[\\s()&|!]+")) {
      if (!word.isEmpty()) {
        names.add(word.replaceFirst(
            "\\.(Succeeded|AnySucceeded|Failed|AllFailed|Errored|Skipped|Omitted)$", ""));
      }
    }
    return names;
  }
}
