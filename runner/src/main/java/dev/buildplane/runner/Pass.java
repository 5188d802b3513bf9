package dev.buildplane.runner;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What one pass of the engine knows and collects. Mutable, confined to the pass.
final class Pass {
  final Observed seen;
  final ObjectNode spec;
  final Nodes nodes;
  final Templates templates;
  final Tags globals;
  final List<Action> actions = new ArrayList<>();
  private final int parallelism;
  private int activePods;
  private Optional<Instant> wakeAt = Optional.empty();
  private Optional<String> stopping = Optional.empty();

  Pass(Observed seen, ObjectNode spec, Nodes nodes, Templates templates, Tags globals) {
    this.seen = seen;
    this.spec = spec;
    this.nodes = nodes;
    this.templates = templates;
    this.globals = globals;
    this.parallelism = spec.path("parallelism").asInt(Integer.MAX_VALUE);
    for (var node : nodes.tree()) {
      activePods += Nodes.isPod(node) && !Nodes.isDone(node) ? 1 : 0;
    }
  }

  Instant now() {
    return seen.now();
  }

  /// Look again at that time at the latest.
  void wakeAt(Instant at) {
    wakeAt = Optional.of(wakeAt.filter(earlier -> earlier.isBefore(at)).orElse(at));
  }

  Optional<Instant> wakeAt() {
    return wakeAt;
  }

  /// From here on nothing starts and everything running is stopped for that reason.
  void stop(String reason) {
    stopping = Optional.of(reason);
  }

  /// The workflow's end is being handled: what comes now may start again.
  void resumeForExitHandler() {
    stopping = Optional.empty();
  }

  Optional<String> stopping() {
    return stopping;
  }

  boolean isSuspended() {
    return spec.path("suspend").asBoolean();
  }

  /// Takes one place of the workflow's `parallelism`.
  boolean takePlace() {
    if (activePods >= parallelism) {
      return false;
    }
    activePods++;
    return true;
  }

  /// Gives the place of a step that has ended back.
  void freePlace() {
    activePods--;
  }
}
