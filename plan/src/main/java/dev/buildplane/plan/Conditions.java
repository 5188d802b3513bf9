package dev.buildplane.plan;

import dev.buildplane.model.Condition;
import dev.buildplane.model.Limits;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Conditions in the making: a condition whose status does not change keeps its transition time. Not for sharing.
final class Conditions {
  private final Map<String, Condition> recorded = new LinkedHashMap<>();
  private final Map<String, Condition> next = new LinkedHashMap<>();
  private final long generation;
  private final Instant now;

  private Conditions(Collection<Condition> recorded, long generation, Instant now) {
    recorded.forEach(condition -> this.recorded.put(condition.type(), condition));
    this.generation = generation;
    this.now = now;
  }

  /// Starts empty: what is not set again is gone.
  static Conditions anew(Collection<Condition> recorded, long generation, Instant now) {
    return new Conditions(recorded, generation, now);
  }

  /// Starts with what is recorded.
  static Conditions carryOn(Collection<Condition> recorded, long generation, Instant now) {
    var conditions = new Conditions(recorded, generation, now);
    conditions.next.putAll(conditions.recorded);
    return conditions;
  }

  Conditions set(String type, Condition.Status status, String reason, String message) {
    var before = recorded.get(type);
    var since =
        before != null && before.status() == status ? before.lastTransitionTime() : text(now);
    next.put(type, new Condition(type, status, reason, bounded(message), since, generation));
    return this;
  }

  Conditions set(String type, boolean holds, String reason, String message) {
    return set(type, Condition.Status.of(holds), reason, message);
  }

  Optional<Condition> get(String type) {
    return Optional.ofNullable(next.get(type));
  }

  List<Condition> list() {
    return List.copyOf(next.values());
  }

  /// RFC 3339 in UTC, cut to seconds as Kubernetes writes times.
  static String text(Instant time) {
    return time.truncatedTo(ChronoUnit.SECONDS).toString();
  }

  private static String bounded(String message) {
    return message.length() <= Limits.CONDITION_MESSAGE_CHARS
        ? message
        : message.substring(0, Limits.CONDITION_MESSAGE_CHARS - 1) + "…";
  }
}
