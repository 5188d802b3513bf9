package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.time.Instant;

/// A template with a retry strategy: a Retry node whose children are the tries.
record Retries(Pass pass, Execution execution) {
  /// Bound on the tries of one node, whatever the workflow asks for.
  private static final int MAX_TRIES = 1_000;

  ObjectNode run(Call call) throws StepProblem {
    var strategy = call.template().body().get("retryStrategy");
    var node = Execution.open(pass, call, "Retry");
    for (int attempt = 0; ; attempt++) {
      var child = execution.runOnce(new Call(
          call.node() + "(" + attempt + ")",
          call.display() + "(" + attempt + ")",
          call.template(),
          call.arguments(),
          call.boundary(),
          attempt));
      Nodes.addChild(node, child);
      if (!Nodes.isDone(child)) {
        return node;
      }
      if (!Nodes.isBad(child)) {
        copyOutputs(child, node);
        return pass.nodes.finish(node, Nodes.phase(child), "");
      }
      if (!wanted(strategy, child) || pass.stopping().isPresent()) {
        copyOutputs(child, node);
        return pass.nodes.finish(node, Nodes.phase(child), child.path("message").asText());
      }
      if (attempt >= limit(strategy)) {
        copyOutputs(child, node);
        return pass.nodes.finish(
            node,
            Nodes.phase(child),
            "No more retries left: " + child.path("message").asText());
      }
      if (mustWait(strategy.path("backoff"), node, child, attempt)) {
        return node;
      }
    }
  }

  private static int limit(JsonNode strategy) throws StepProblem {
    var limit = strategy.path("limit").asText(Integer.toString(MAX_TRIES));
    if (!limit.matches("[0-9]{1,6}")) {
      throw new StepProblem("retryStrategy.limit: expected a number, found \"" + limit + "\"");
    }
    return Math.min(MAX_TRIES, Integer.parseInt(limit));
  }

  private static boolean wanted(JsonNode strategy, JsonNode child) throws StepProblem {
    var policy = strategy.path("retryPolicy").asText("OnFailure");
    return switch (policy) {
      case "Always" -> true;
      case "OnFailure" -> Nodes.phase(child).equals(Nodes.FAILED);
      case "OnError", "OnTransientError" -> Nodes.phase(child).equals(Nodes.ERROR);
      default ->
        throw new StepProblem(
            "retryStrategy.retryPolicy: expected Always, OnFailure, OnError or OnTransientError, found \""
                + policy + "\"");
    };
  }

  private boolean mustWait(JsonNode backoff, ObjectNode node, JsonNode child, int attempt)
      throws StepProblem {
    if (!backoff.hasNonNull("duration")
        || pass.nodes
            .find(node.path("name").asText() + "(" + (attempt + 1) + ")")
            .isPresent()) {
      return false;
    }
    var first = Durations.of(backoff.get("duration"), "retryStrategy.backoff.duration");
    double factor = backoff.path("factor").asDouble(1);
    var wait = Duration.ofMillis((long) Math.min(
        (double) Duration.ofDays(1).toMillis(), first.toMillis() * Math.pow(factor, attempt)));
    if (backoff.hasNonNull("maxDuration")) {
      var started = Instant.parse(node.path("startedAt").asText());
      var end = started.plus(
          Durations.of(backoff.get("maxDuration"), "retryStrategy.backoff.maxDuration"));
      if (pass.now().isAfter(end)) {
        pass.nodes.finish(node, Nodes.phase(child), "Max duration limit exceeded");
        return true;
      }
    }
    var due = Instant.parse(child.path("finishedAt").asText()).plus(wait);
    if (pass.now().isBefore(due)) {
      node.put("message", "Backoff for " + wait.toSeconds() + " s");
      pass.wakeAt(due);
      return true;
    }
    node.remove("message");
    return false;
  }

  private static void copyOutputs(JsonNode from, ObjectNode to) {
    if (from.has("outputs")) {
      to.set("outputs", from.get("outputs"));
    }
  }
}
