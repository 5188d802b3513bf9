package dev.buildplane.operator;

import dev.buildplane.metrics.Metric;
import dev.buildplane.metrics.Metrics;
import dev.buildplane.metrics.Metrics.Row;
import dev.buildplane.model.Condition;
import dev.buildplane.model.PlaneConditions;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.PlaneStatus;
import dev.buildplane.plan.CertificateFindings;
import dev.buildplane.plan.PlaneObserved;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.ToDoubleFunction;

/// What the last pass over each plane came to, as gauges. One entry per plane that exists. Safe for use by several threads.
final class PlaneGauges {
  private record Seen(
      boolean ready, int agents, Optional<Instant> clientCA, Optional<Instant> agent) {}

  private final Map<PlaneRef, Seen> planes = new ConcurrentHashMap<>();

  PlaneGauges(Metrics metrics) {
    metrics.gauge(Metric.PLANE_READY, () -> rows(seen -> seen.ready() ? 1 : 0));
    metrics.gauge(Metric.PLANE_AGENTS, () -> rows(Seen::agents));
    metrics.gauge(Metric.CERTIFICATE_EXPIRY, this::expiries);
  }

  /// Notes the outcome of a pass.
  ///
  /// @param status as stored now
  void passed(PlaneObserved observed, Optional<PlaneStatus> status) {
    boolean ready = status
        .flatMap(known -> known.condition(PlaneConditions.READY))
        .filter(Condition::holds)
        .isPresent();
    int agents = status
        .map(PlaneStatus::agentConnection)
        .map(connection -> connection.connectedAgents())
        .orElse(0);
    planes.put(
        observed.plane(),
        new Seen(
            ready,
            agents,
            CertificateFindings.clientCAExpiry(observed),
            CertificateFindings.agentExpiry(observed)));
  }

  /// The plane is gone.
  void forget(PlaneRef plane) {
    planes.remove(plane);
  }

  private List<Row> rows(ToDoubleFunction<Seen> value) {
    return new TreeMap<>(planes)
        .entrySet().stream()
            .map(entry -> new Row(value.applyAsDouble(entry.getValue()), labels(entry.getKey())))
            .toList();
  }

  private List<Row> expiries() {
    var rows = new ArrayList<Row>();
    new TreeMap<>(planes).forEach((plane, seen) -> {
      seen.clientCA().ifPresent(at -> rows.add(expiry(plane, "client-ca", at)));
      seen.agent().ifPresent(at -> rows.add(expiry(plane, "agent", at)));
    });
    return rows;
  }

  private static Row expiry(PlaneRef plane, String certificate, Instant at) {
    var labels = new ArrayList<>(labels(plane));
    labels.add(certificate);
    return new Row(at.getEpochSecond(), labels);
  }

  private static List<String> labels(PlaneRef plane) {
    return List.of(
        plane.kind().kind(), plane.namespace() == null ? "" : plane.namespace(), plane.name());
  }
}
