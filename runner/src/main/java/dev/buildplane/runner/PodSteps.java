package dev.buildplane.runner;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.runner.Action.StepOrder;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Nodes that run something: container and script templates.
record PodSteps(Pass pass) {
  /// Bound on one output parameter, in bytes (Argo's own is about this).
  static final int MAX_OUTPUT_BYTES = 256 * 1024;

  ObjectNode run(Call call, Map<String, String> inputs, Tags tags) throws StepProblem {
    var isNew = pass.nodes.find(call.node()).isEmpty();
    if (isNew && pass.stopping().isEmpty() && (pass.isSuspended() || !pass.takePlace())) {
      return Nodes.notYet();
    }
    var node = Execution.open(pass, call, "Pod");
    Parameters.recordInputs(node, inputs);
    if (isNew) {
      node.put("phase", Nodes.PENDING);
    }
    var advanced = advance(call, node, tags);
    if (Nodes.isDone(advanced)) {
      pass.freePlace();
    }
    return advanced;
  }

  private ObjectNode advance(Call call, ObjectNode node, Tags tags) throws StepProblem {
    return switch (pass.seen.step(node.path("id").asText())) {
      case StepState.Absent _ -> start(call, node, tags, "");
      case StepState.Evicted _ ->
        start(call, node, tags, "Started again: the runner was stopped while this step ran");
      case StepState.Waiting(var reason) -> stopOr(node, Nodes.PENDING, reason);
      case StepState.Running(var since) -> running(call, node, since);
      case StepState.Killed(var reason, var at) ->
        pass.nodes.finish(node, Nodes.FAILED, reason, at);
      case StepState.Broken(var reason, var at) -> pass.nodes.finish(node, Nodes.ERROR, reason, at);
      case StepState.Ended ended -> ended(call, node, ended);
    };
  }

  private ObjectNode start(Call call, ObjectNode node, Tags tags, String message)
      throws StepProblem {
    if (pass.stopping().isPresent()) {
      return pass.nodes.finish(node, Nodes.FAILED, pass.stopping().get());
    }
    if (pass.isSuspended()) {
      return node;
    }
    node.put("phase", Nodes.PENDING);
    if (!message.isEmpty()) {
      node.put("message", message);
    }
    pass.actions.add(new Action.Start(order(call, node, tags)));
    return node;
  }

  private StepOrder order(Call call, ObjectNode node, Tags tags) throws StepProblem {
    var podName = podName(call);
    var all = tags.plus(Map.of(
        "pod.name",
        podName,
        "node.name",
        call.node(),
        "retries",
        Integer.toString(call.attempt())));
    var volumes = JsonNodeFactory.instance.arrayNode();
    for (var volume : pass.spec.path("volumes")) {
      volumes.add(all.fill(volume));
    }
    for (var volume : call.template().body().path("volumes")) {
      volumes.add(all.fill(volume));
    }
    var claims = new ArrayList<String>();
    pass.spec
        .path("volumeClaimTemplates")
        .forEach(claim -> claims.add(claim.path("metadata").path("name").asText()));
    var template = (ObjectNode) all.fill(call.template().body());
    return new StepOrder(
        node.path("id").asText(), call.node(), podName, template, volumes, claims, wantsResult());
  }

  /// Standard output is kept apart only when something refers to it: otherwise it shares one file with standard error, in true order.
  private boolean wantsResult() {
    return pass.spec.toString().contains(".outputs.result")
        || pass.seen.workflow().path("status").toString().contains(".outputs.result");
  }

  private String podName(Call call) {
    return podName(pass.seen.name(), call.node(), call.template().name());
  }

  /// As Argo names pods: the workflow itself for a root pod, otherwise `<workflow>-<template>-<hash>`.
  static String podName(String workflow, String nodeName, String templateName) {
    if (nodeName.equals(workflow)) {
      return workflow;
    }
    var prefix = workflow + "-" + templateName;
    var hash = "-" + Nodes.fnv1a(nodeName);
    int longest = 253 - hash.length();
    return (prefix.length() > longest ? prefix.substring(0, longest) : prefix) + hash;
  }

  private ObjectNode stopOr(ObjectNode node, String phase, String message) {
    pass.stopping()
        .ifPresent(reason -> pass.actions.add(new Action.Kill(node.path("id").asText(), reason)));
    node.put("phase", phase).put("message", message);
    return node;
  }

  private ObjectNode running(Call call, ObjectNode node, Instant since) throws StepProblem {
    if (Nodes.phase(node).equals(Nodes.PENDING)
        && !node.path("message").asText().startsWith("Started again")) {
      node.remove("message");
    }
    node.put("phase", Nodes.RUNNING);
    var id = node.path("id").asText();
    if (pass.stopping().isPresent()) {
      pass.actions.add(new Action.Kill(id, pass.stopping().get()));
      return node;
    }
    var limit = call.template().body().path("activeDeadlineSeconds");
    if (!limit.isMissingNode()) {
      var end = since.plus(Durations.of(limit, "activeDeadlineSeconds"));
      if (pass.now().isBefore(end)) {
        pass.wakeAt(end);
      } else {
        pass.actions.add(
            new Action.Kill(id, "Pod was active on the node longer than the specified deadline"));
      }
    }
    return node;
  }

  private ObjectNode ended(Call call, ObjectNode node, StepState.Ended ended) {
    var outputs = node.putObject("outputs");
    outputs.put("exitCode", Integer.toString(ended.exitCode()));
    ended.result().ifPresent(result -> outputs.put("result", result));
    if (ended.exitCode() != 0) {
      return pass.nodes.finish(
          node,
          Nodes.FAILED,
          "main: Error (exit code " + ended.exitCode() + ")",
          ended.finishedAt());
    }
    var trouble = collect(call, outputs, ended);
    return trouble.isPresent()
        ? pass.nodes.finish(node, Nodes.ERROR, trouble.get(), ended.finishedAt())
        : pass.nodes.finish(node, Nodes.SUCCEEDED, "", ended.finishedAt());
  }

  private static Optional<String> collect(Call call, ObjectNode outputs, StepState.Ended ended) {
    var declared = call.template().body().path("outputs").path("parameters");
    if (declared.isEmpty()) {
      return Optional.empty();
    }
    var troubles = new ArrayList<String>();
    var list = outputs.putArray("parameters");
    for (var parameter : declared) {
      var name = parameter.path("name").asText();
      var source = parameter.path("valueFrom");
      var value = ended.outputs().get(name);
      if (value == null && source.hasNonNull("default")) {
        value = source.get("default").asText();
      }
      if (ended.oversized().contains(name)) {
        troubles.add("output parameter " + name + " is larger than " + MAX_OUTPUT_BYTES + " bytes");
      } else if (value == null) {
        troubles.add("output parameter " + name + ": file "
            + source.path("path").asText() + " was not written");
      } else {
        list.addObject().put("name", name).put("value", value).set("valueFrom", source);
      }
    }
    return troubles.isEmpty()
        ? Optional.empty()
        : Optional.of(String.join("; ", List.copyOf(troubles)));
  }
}
