package dev.buildplane.plan;

import dev.buildplane.model.AgentConnection;
import dev.buildplane.model.Condition;
import dev.buildplane.model.Limits;
import dev.buildplane.model.PlaneConditions;
import dev.buildplane.model.PlaneConditions.Reason;
import dev.buildplane.model.PlaneStatus;
import dev.buildplane.plan.PlaneObserved.Agents;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Decides status and actions of a plane of any kind, recomputed from the whole observed world. Pure: no clock, no client,
/// no logging. Conditions are those of `DESIGN.md` section 2.
public final class PlanePlanner {
  /// Names of runs spelled out in a message.
  static final int RUNS_LISTED = 10;

  private static final Duration SHORTEST_RECHECK = Duration.ofSeconds(1);

  private PlanePlanner() {}

  public static PlanePlan plan(PlaneObserved seen) {
    var recorded = ours(seen.recorded());
    boolean held =
        seen.deleting() && !seen.forceDelete() && !seen.unfinishedRuns().isEmpty();
    if (seen.deleting() && !held) {
      return new PlanePlan(List.of(new PlaneAction.RemoveFinalizer()), Optional.empty());
    }
    var next = status(seen);
    var actions = new ArrayList<PlaneAction>();
    if (!next.equals(recorded)) {
      actions.add(new PlaneAction.RecordStatus(next));
      transitions(seen, next).stream().map(PlaneAction.Announce::new).forEach(actions::add);
    }
    return new PlanePlan(actions, recheck(seen));
  }

  /// The part of a recorded status that the operator writes, as it writes it: other writers may have added conditions, and
  /// server-side apply may have put ours into another order. Compared with the rest, a status would never settle.
  private static @Nullable PlaneStatus ours(@Nullable PlaneStatus recorded) {
    return recorded == null
        ? null
        : new PlaneStatus(
            recorded.observedGeneration(),
            recorded.planeID(),
            PlaneConditions.TYPES.stream()
                .flatMap(type -> recorded.condition(type).stream())
                .toList(),
            recorded.agentConnection());
  }

  private static PlaneStatus status(PlaneObserved seen) {
    var recorded = ours(seen.recorded());
    var findings = PlaneFindings.of(seen);
    var conditions = Conditions.anew(
        recorded == null ? List.of() : recorded.conditions(), seen.generation(), seen.now());
    var kind = seen.plane().kind();
    conditions.set(PlaneConditions.CREATED, true, kind.createdReason(), kind.createdMessage());
    findings.forEach(
        found -> conditions.set(found.type(), found.status(), found.reason(), found.message()));
    var certificates = CertificateFindings.current(seen);
    conditions.set(
        certificates.type(), certificates.status(), certificates.reason(), certificates.message());
    PermissionFindings.of(seen)
        .ifPresent(
            found -> conditions.set(found.type(), found.status(), found.reason(), found.message()));
    if (seen.deleting()) {
      conditions.set(
          PlaneConditions.DELETION_BLOCKED,
          true,
          Reason.UNFINISHED_RUNS,
          blocked(seen.unfinishedRuns()));
    }
    var ready = ready(seen, findings);
    conditions.set(ready.type(), ready.status(), ready.reason(), ready.message());
    var next =
        new PlaneStatus(seen.generation(), seen.planeID(), conditions.list(), connection(seen));
    return withCoarseHeartbeat(recorded, next);
  }

  /// Ready is the first finding that does not hold.
  private static Finding ready(PlaneObserved seen, List<Finding> findings) {
    if (seen.deleting()) {
      return new Finding(
          PlaneConditions.READY,
          Condition.Status.FALSE,
          Reason.DELETING,
          "the plane is being deleted; " + blocked(seen.unfinishedRuns()));
    }
    return findings.stream()
        .filter(found -> found.status() != Condition.Status.TRUE)
        .findFirst()
        .map(found ->
            new Finding(PlaneConditions.READY, found.status(), found.reason(), found.message()))
        .orElseGet(() -> new Finding(
            PlaneConditions.READY,
            Condition.Status.TRUE,
            Reason.READY,
            switch (seen.plane().kind().type()) {
              case BUILD -> "a build can run here now";
              case DATA, OBSERVABILITY -> "the plane can be reached now";
            }));
  }

  private static String blocked(List<String> runs) {
    var listed = String.join(", ", runs.subList(0, Math.min(RUNS_LISTED, runs.size())));
    var more = runs.size() > RUNS_LISTED ? " and " + (runs.size() - RUNS_LISTED) + " more" : "";
    return runs.size() + (runs.size() == 1 ? " run has" : " runs have") + " not ended: " + listed
        + more
        + "; wait for them, cancel them, or annotate the plane with openchoreo.dev/force-delete=true";
  }

  private static @Nullable AgentConnection connection(PlaneObserved seen) {
    var before = seen.recorded() == null ? null : seen.recorded().agentConnection();
    return switch (seen.agents()) {
      case Agents.Silent _ -> before;
      case Agents.Known _ when PlaneFindings.undecided(seen) -> before;
      case Agents.Known known -> connection(known, before, seen.now());
    };
  }

  private static AgentConnection connection(
      Agents.Known known, @Nullable AgentConnection before, Instant now) {
    int count = known.authorised().size();
    var connected = known.authorised().stream()
        .map(PlaneObserved.Agent::since)
        .max(Instant::compareTo)
        .map(Conditions::text);
    var heartbeat = known.authorised().stream()
        .map(PlaneObserved.Agent::lastSeen)
        .max(Instant::compareTo)
        .map(Conditions::text);
    var disconnected = known.lastDisconnected().map(Conditions::text);
    boolean missed = count == 0 && before != null && before.connected() && disconnected.isEmpty();
    return new AgentConnection(
        count > 0,
        count,
        later(connected.orElse(null), before == null ? null : before.lastConnectedTime()),
        missed
            ? Conditions.text(now)
            : later(
                disconnected.orElse(null), before == null ? null : before.lastDisconnectedTime()),
        later(heartbeat.orElse(null), before == null ? null : before.lastHeartbeatTime()),
        switch (count) {
          case 0 -> "No agents connected";
          case 1 -> "1 agent connected";
          default -> count + " agents connected (HA mode)";
        });
  }

  private static @Nullable String later(@Nullable String one, @Nullable String other) {
    if (one == null || other == null) {
      return one == null ? other : one;
    }
    return Instant.parse(one).isBefore(Instant.parse(other)) ? other : one;
  }

  /// A heartbeat alone is written at most once per [Limits#HEARTBEAT_STATUS_INTERVAL], so that idle planes do not write.
  private static PlaneStatus withCoarseHeartbeat(@Nullable PlaneStatus recorded, PlaneStatus next) {
    if (recorded == null || recorded.agentConnection() == null || next.agentConnection() == null) {
      return next;
    }
    var before = recorded.agentConnection().lastHeartbeatTime();
    var after = next.agentConnection().lastHeartbeatTime();
    if (before == null || after == null || before.equals(after)) {
      return next;
    }
    var quiet = withHeartbeat(next, before);
    boolean soon = Duration.between(Instant.parse(before), Instant.parse(after))
            .compareTo(Limits.HEARTBEAT_STATUS_INTERVAL)
        < 0;
    return soon && quiet.equals(recorded) ? quiet : next;
  }

  private static PlaneStatus withHeartbeat(PlaneStatus status, String heartbeat) {
    var agents = Objects.requireNonNull(status.agentConnection());
    return new PlaneStatus(
        status.observedGeneration(),
        status.planeID(),
        status.conditions(),
        new AgentConnection(
            agents.connected(),
            agents.connectedAgents(),
            agents.lastConnectedTime(),
            agents.lastDisconnectedTime(),
            heartbeat,
            agents.message()));
  }

  /// One announcement per condition that changed; a condition that is new and holds is not worth one.
  private static List<Announcement> transitions(PlaneObserved seen, PlaneStatus next) {
    var before =
        seen.recorded() == null ? List.<Condition>of() : seen.recorded().conditions();
    var told = new ArrayList<Announcement>();
    if (Condition.find(before, PlaneConditions.CREATED).isEmpty()) {
      told.add(Announcement.normal(
          "ReconcileComplete", "Successfully created " + seen.plane().name()));
    }
    for (var condition : next.conditions()) {
      var old = Condition.find(before, condition.type());
      boolean changed = old.isEmpty()
          ? !condition.holds() || condition.type().equals(PlaneConditions.DELETION_BLOCKED)
          : old.get().status() != condition.status()
              || !old.get().reason().equals(condition.reason());
      boolean repeatsAnother = condition.reason().equals(Reason.CLIENT_CA_NOT_RESOLVED)
          || (condition.type().equals(PlaneConditions.READY)
              && old.map(Condition::status).filter(condition.status()::equals).isPresent());
      if (changed && !repeatsAnother) {
        told.add(announcement(condition));
      }
    }
    return told;
  }

  private static Announcement announcement(Condition condition) {
    if (condition.type().equals(PlaneConditions.DELETION_BLOCKED)) {
      return Announcement.warning(condition.reason(), condition.message());
    }
    if (condition.holds()) {
      return Announcement.normal(condition.type(), condition.message());
    }
    var reason =
        condition.type().equals(PlaneConditions.READY) ? Reason.NOT_READY : condition.reason();
    return Announcement.warning(reason, condition.message());
  }

  private static Optional<Duration> recheck(PlaneObserved seen) {
    return PlaneFindings.boundaries(seen)
        .filter(at -> at.isAfter(seen.now()))
        .min(Instant::compareTo)
        .map(at -> Duration.between(seen.now(), at))
        .map(wait -> wait.compareTo(SHORTEST_RECHECK) < 0 ? SHORTEST_RECHECK : wait);
  }
}
