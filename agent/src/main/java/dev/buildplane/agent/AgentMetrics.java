package dev.buildplane.agent;

import dev.buildplane.metrics.Metric;
import dev.buildplane.metrics.Metrics;
import dev.buildplane.metrics.Metrics.Count;
import dev.buildplane.metrics.Metrics.Row;
import dev.buildplane.tunnel.CloseReason;
import dev.buildplane.tunnel.HandshakeRefused;
import dev.buildplane.tunnel.TunnelException;
import dev.buildplane.tunnel.TunnelSettings;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// What an agent counts. Nothing is looked up by text while a request passes. Thread-safe.
final class AgentMetrics {
  /// Targets with rows of their own.
  static final int TARGET_ROWS = 32;

  /// Stands for targets beyond [#TARGET_ROWS]; targets begin with a letter or digit.
  static final String OTHER_TARGETS = "_other";

  /// Stands for names that are no target.
  static final String UNKNOWN_TARGET = "_unknown";

  private static final int CODE_CLASSES = 6;
  private static final double NANOS_PER_SECOND = 1e9;

  /// Why a dial failed.
  private enum DialFailure {
    REFUSED,
    UNREACHABLE,
    OTHER;

    static DialFailure of(@Nullable Throwable cause) {
      if (cause instanceof HandshakeRefused) {
        return REFUSED;
      }
      return cause instanceof TunnelException failure
              && failure.code() == TunnelException.Code.DIAL_FAILED
          ? UNREACHABLE
          : OTHER;
    }
  }

  /// The counters of one target.
  static final class OfTarget {
    private final Count[] byClass = new Count[CODE_CLASSES];
    private final Count connectFailures;

    private OfTarget(Metrics metrics, String name) {
      Arrays.setAll(
          byClass,
          digit -> metrics.counter(
              Metric.AGENT_BACKEND_REQUESTS, name, digit == 0 ? "none" : digit + "xx"));
      connectFailures = metrics.counter(Metric.AGENT_BACKEND_CONNECT_FAILURES, name);
    }

    /// A request has ended. Status 0: no answer was begun.
    void answered(int status) {
      int digit = status / 100;
      byClass[digit < CODE_CLASSES ? digit : 0].one();
    }

    void connectFailed() {
      connectFailures.one();
    }
  }

  private final Metrics metrics;
  private final TunnelSettings tunnels;
  private final Count dials;
  private final Count reloadFailures;
  private final Map<DialFailure, Count> dialFailures = new EnumMap<>(DialFailure.class);
  private final Map<CloseReason.Code, Count> closed = new EnumMap<>(CloseReason.Code.class);
  private final Map<String, OfTarget> byTarget = new ConcurrentHashMap<>();
  private final OfTarget otherTargets;
  private final OfTarget unknownTarget;
  private final LongAdder streams = new LongAdder();

  AgentMetrics(Metrics metrics, TunnelSettings tunnels) {
    this.metrics = metrics;
    this.tunnels = tunnels;
    dials = metrics.counter(Metric.AGENT_DIALS);
    reloadFailures = metrics.counter(Metric.AGENT_RELOAD_FAILURES);
    for (var why : DialFailure.values()) {
      dialFailures.put(why, metrics.counter(Metric.AGENT_DIAL_FAILURES, label(why)));
    }
    for (var why : CloseReason.Code.values()) {
      closed.put(why, metrics.counter(Metric.AGENT_TUNNELS_CLOSED, label(why)));
    }
    otherTargets = new OfTarget(metrics, OTHER_TARGETS);
    unknownTarget = new OfTarget(metrics, UNKNOWN_TARGET);
  }

  private static String label(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  void dialled() {
    dials.one();
  }

  void dialFailed(@Nullable Throwable cause) {
    one(dialFailures.get(DialFailure.of(cause)));
  }

  void tunnelClosed(CloseReason.Code why) {
    one(closed.get(why));
  }

  private static void one(@Nullable Count count) {
    if (count != null) {
      count.one();
    }
  }

  void reloadFailed() {
    reloadFailures.one();
  }

  void streamBegan() {
    streams.increment();
  }

  void streamEnded() {
    streams.decrement();
  }

  /// Counters for a target of the configuration; those that come late when there are many share theirs.
  OfTarget target(String name) {
    var known = byTarget.get(name);
    if (known != null) {
      return known;
    }
    synchronized (byTarget) {
      return byTarget.size() < TARGET_ROWS
          ? byTarget.computeIfAbsent(name, added -> new OfTarget(metrics, added))
          : otherTargets;
    }
  }

  OfTarget unknownTarget() {
    return unknownTarget;
  }

  /// Notes whether a request stands still because its target does not take it ([dev.buildplane.tunnel.TunnelMeter.Flow#stands]).
  long held(long since, boolean now) {
    return tunnels.meter().received().stands(since, now);
  }

  /// Exposes what others hold.
  ///
  /// @param certificateExpires Unix time in seconds
  /// @param permissionsMissing how many
  void watch(
      Supplier<AgentStatus> status,
      LongSupplier certificateExpires,
      LongSupplier permissionsMissing) {
    metrics.gauge(Metric.AGENT_TUNNELS, () -> {
      var now = status.get();
      return List.of(Row.of(now.connected(), "up"), Row.of(now.wanted(), "wanted"));
    });
    metrics.gauge(Metric.AGENT_STREAMS, streams::sum);
    metrics.gauge(Metric.AGENT_CERTIFICATE_EXPIRY, certificateExpires::getAsLong);
    metrics.gauge(Metric.AGENT_PERMISSIONS_MISSING, permissionsMissing::getAsLong);
    var meter = tunnels.meter();
    metrics.gauge(Metric.AGENT_ROUND_TRIP, () -> meter.roundTripNanos() / NANOS_PER_SECOND);
    metrics.gauge(Metric.TUNNEL_MEMORY_USED, tunnels.budget()::usedBytes);
    metrics.gauge(Metric.TUNNEL_MEMORY_LIMIT, tunnels.budget()::limitBytes);
    var sent = meter.sent();
    var received = meter.received();
    metrics.counter(Metric.TUNNEL_BYTES, sent::bytes, "sent");
    metrics.counter(Metric.TUNNEL_BYTES, received::bytes, "received");
    metrics.counter(Metric.TUNNEL_STALLS, sent::stalls, "sent");
    metrics.counter(Metric.TUNNEL_STALLS, received::stalls, "received");
    metrics.counter(Metric.TUNNEL_STALL_SECONDS, sent::stallSeconds, "sent");
    metrics.counter(Metric.TUNNEL_STALL_SECONDS, received::stallSeconds, "received");
    metrics.gauge(
        Metric.TUNNEL_STALLED,
        () -> List.of(
            Row.of((double) sent.stalled(), "sent"),
            Row.of((double) received.stalled(), "received")));
  }
}
