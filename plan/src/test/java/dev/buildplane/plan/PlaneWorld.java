package dev.buildplane.plan;

import dev.buildplane.model.ClientCA;
import dev.buildplane.model.Condition;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.PlaneSpec;
import dev.buildplane.model.PlaneStatus;
import dev.buildplane.plan.PlaneObserved.Agent;
import dev.buildplane.plan.PlaneObserved.Agents;
import dev.buildplane.plan.PlaneObserved.Observability;
import dev.buildplane.plan.PlaneObserved.SecretStore;
import dev.buildplane.plan.PlaneObserved.Validity;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/// A world in which a plane is all right, to be changed one thing at a time.
record PlaneWorld(
    PlaneKind kind,
    long generation,
    @Nullable PlaneStatus recorded,
    boolean deleting,
    boolean force,
    List<String> runs,
    String planeID,
    PlaneObserved.ClientCA ca,
    Observability observability,
    Agents agents,
    SecretStore store,
    Instant now) {
  /// A kind that has everything a plane can have.
  static final PlaneKind CBP = PlaneKind.CLUSTER_BUILD;

  static final Instant NOON = Instant.parse("2026-03-01T12:00:00Z");
  static final Validity YEAR =
      new Validity("CN=ca", NOON.minus(Duration.ofDays(1)), NOON.plus(Duration.ofDays(365)));

  static final Instant NEXT_YEAR = NOON.plus(Duration.ofDays(360));
  static final Instant YESTERDAY = NOON.minus(Duration.ofDays(1));

  static PlaneWorld fine(PlaneKind kind) {
    return new PlaneWorld(
        kind,
        1,
        null,
        false,
        false,
        List.of(),
        "shared-builder",
        new PlaneObserved.ClientCA.Certificates(List.of(YEAR)),
        new Observability.NotConfigured(),
        agents(1),
        new SecretStore.NotConfigured(),
        NOON);
  }

  static Agents agents(int count) {
    var list = java.util.stream.IntStream.range(0, count)
        .mapToObj(i ->
            new Agent("c" + i, NOON.minusSeconds(30), NOON.minusSeconds(5), Optional.of(NEXT_YEAR)))
        .toList();
    return new Agents.Known(list, 0, Optional.empty(), Optional.empty(), YESTERDAY);
  }

  static Condition condition(PlaneStatus status, String type) {
    return status.condition(type).orElseThrow();
  }

  /// Status and reason of a condition.
  static String brief(PlaneStatus status, String type) {
    var found = condition(status, type);
    return found.status().text() + " " + found.reason();
  }

  PlaneRef ref() {
    return new PlaneRef(kind, kind.clusterScoped() ? null : "team", "forge");
  }

  PlaneObserved observed() {
    return new PlaneObserved(
        ref(),
        generation,
        PlaneSpec.of(planeID, ClientCA.ofValue("x")),
        planeID,
        recorded,
        deleting,
        force,
        runs,
        ca,
        observability,
        agents,
        store,
        now);
  }

  PlanePlan plan() {
    return PlanePlanner.plan(observed());
  }

  /// The status this world leads to.
  PlaneStatus status() {
    return plan().actions().stream()
        .filter(PlaneAction.RecordStatus.class::isInstance)
        .map(action -> ((PlaneAction.RecordStatus) action).status())
        .reduce((_, last) -> last)
        .orElse(recorded);
  }

  List<String> events() {
    return plan().actions().stream()
        .filter(PlaneAction.Announce.class::isInstance)
        .map(action -> ((PlaneAction.Announce) action).announcement())
        .map(told -> told.type().text() + " " + told.reason())
        .toList();
  }

  /// Carries the plan out and lets time pass.
  PlaneWorld after(Duration time, UnaryOperator<PlaneWorld> change) {
    return change.apply(withRecorded(status()).withNow(now.plus(time)));
  }

  PlaneWorld withRecorded(@Nullable PlaneStatus status) {
    return new PlaneWorld(
        kind,
        generation,
        status,
        deleting,
        force,
        runs,
        planeID,
        ca,
        observability,
        agents,
        store,
        now);
  }

  PlaneWorld withNow(Instant time) {
    return new PlaneWorld(
        kind,
        generation,
        recorded,
        deleting,
        force,
        runs,
        planeID,
        ca,
        observability,
        agents,
        store,
        time);
  }

  PlaneWorld withAgents(Agents other) {
    return new PlaneWorld(
        kind,
        generation,
        recorded,
        deleting,
        force,
        runs,
        planeID,
        ca,
        observability,
        other,
        store,
        now);
  }

  PlaneWorld withCa(PlaneObserved.ClientCA other) {
    return new PlaneWorld(
        kind,
        generation,
        recorded,
        deleting,
        force,
        runs,
        planeID,
        other,
        observability,
        agents,
        store,
        now);
  }

  PlaneWorld withObservability(Observability other) {
    return new PlaneWorld(
        kind, generation, recorded, deleting, force, runs, planeID, ca, other, agents, store, now);
  }

  PlaneWorld withStore(SecretStore other) {
    return new PlaneWorld(
        kind,
        generation,
        recorded,
        deleting,
        force,
        runs,
        planeID,
        ca,
        observability,
        agents,
        other,
        now);
  }

  PlaneWorld withPlaneID(String other) {
    return new PlaneWorld(
        kind,
        generation,
        recorded,
        deleting,
        force,
        runs,
        other,
        ca,
        observability,
        agents,
        store,
        now);
  }

  PlaneWorld withGeneration(long other) {
    return new PlaneWorld(
        kind,
        other,
        recorded,
        deleting,
        force,
        runs,
        planeID,
        ca,
        observability,
        agents,
        store,
        now);
  }

  PlaneWorld deleted(boolean forced, String... unfinished) {
    return new PlaneWorld(
        kind,
        generation,
        recorded,
        true,
        forced,
        List.of(unfinished),
        planeID,
        ca,
        observability,
        agents,
        store,
        now);
  }
}
