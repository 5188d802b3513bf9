package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// A workflow played pass by pass against the engine, with steps that end as the test says.
final class Workflows {
  static final Instant START = Instant.parse("2026-02-01T10:00:00Z");
  private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());

  final ObjectNode workflow;
  final Map<String, StepState> steps = new HashMap<>();
  final Map<String, JsonNode> library = new HashMap<>();
  Instant now = START;
  Decision decision;

  Workflows(String yaml) {
    workflow = (ObjectNode) yaml(yaml);
    var metadata = workflow.withObjectProperty("metadata");
    metadata.put("name", "demo-1").put("namespace", "ci").put("uid", "u-1");
    pass();
  }

  Workflows(String yaml, Map<String, String> templates) {
    workflow = (ObjectNode) yaml(yaml);
    workflow
        .withObjectProperty("metadata")
        .put("name", "demo-1")
        .put("namespace", "ci")
        .put("uid", "u-1");
    templates.forEach((name, spec) -> library.put(name, yaml(spec)));
    pass();
  }

  static JsonNode yaml(String text) {
    try {
      return YAML.readTree(text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Workflows pass() {
    decision = Engine.decide(new Observed(
        workflow,
        steps,
        (cluster, name) -> Optional.ofNullable(library.get((cluster ? "cluster/" : "") + name)),
        now));
    workflow.set("status", decision.status());
    for (var action : decision.actions()) {
      if (action instanceof Action.Start(var order)) {
        steps.putIfAbsent(order.nodeId(), new StepState.Running(now));
      }
    }
    return this;
  }

  /// The step of that node name ends.
  Workflows ends(String nodeName, int code, Map<String, String> outputs) {
    steps.put(
        Nodes.id("demo-1", nodeName),
        new StepState.Ended(code, now, outputs, Set.of(), Optional.empty()));
    return pass();
  }

  Workflows ends(String nodeName, int code) {
    return ends(nodeName, code, Map.of());
  }

  Workflows prints(String nodeName, String result) {
    steps.put(
        Nodes.id("demo-1", nodeName),
        new StepState.Ended(0, now, Map.of(), Set.of(), Optional.of(result)));
    return pass();
  }

  Workflows later(long seconds) {
    now = now.plusSeconds(seconds);
    return pass();
  }

  JsonNode node(String nodeName) {
    return workflow.path("status").path("nodes").path(Nodes.id("demo-1", nodeName));
  }

  String phase(String nodeName) {
    return Nodes.phase(node(nodeName));
  }

  String phase() {
    return workflow.path("status").path("phase").asText();
  }

  String message() {
    return workflow.path("status").path("message").asText();
  }

  List<String> started() {
    return decision.actions().stream()
        .filter(Action.Start.class::isInstance)
        .map(action -> ((Action.Start) action).order().nodeName())
        .toList();
  }

  Action.StepOrder order() {
    return decision.actions().stream()
        .filter(Action.Start.class::isInstance)
        .map(action -> ((Action.Start) action).order())
        .findFirst()
        .orElseThrow();
  }
}
