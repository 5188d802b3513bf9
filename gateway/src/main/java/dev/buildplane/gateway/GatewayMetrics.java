package dev.buildplane.gateway;

import dev.buildplane.http.HttpServer;
import dev.buildplane.metrics.Metric;
import dev.buildplane.metrics.Metrics;
import dev.buildplane.metrics.Metrics.Count;
import dev.buildplane.metrics.Metrics.Row;
import dev.buildplane.metrics.Metrics.Timing;
import dev.buildplane.model.PlaneType;
import dev.buildplane.tunnel.TunnelException;
import dev.buildplane.tunnel.TunnelProtocol;
import dev.buildplane.tunnel.TunnelSettings;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.IntSupplier;
import java.util.function.Supplier;

/// What a gateway counts. All series with labels from closed sets exist from the start, at zero, so that nothing is looked up or
/// created while a request passes. Thread-safe.
final class GatewayMetrics {
  /// Planes with a row of their own in [Metric#GATEWAY_PLANE_AGENTS].
  static final int PLANE_ROWS = 1_000;

  /// Stands for all planes beyond [#PLANE_ROWS]. No planeID begins like this.
  static final String OTHER_PLANES = "_other";

  private static final int CODE_CLASSES = 6;

  /// Why a stream ended.
  enum End {
    COMPLETED,
    CANCELLED,
    DEADLINE,
    CONNECTION_LOST,
    REVOKED,
    SHED,
    REFUSED,
    DRAINING,
    RESET,
    PROTOCOL;

    static End of(TunnelException.Code code) {
      return switch (code) {
        case CONNECTION_LOST, HANDSHAKE_REFUSED, DIAL_FAILED -> CONNECTION_LOST;
        case DRAINING -> DRAINING;
        case TOO_MANY_STREAMS, OVERLOADED, REFUSED -> REFUSED;
        case SHED -> SHED;
        case CANCELLED, RESET -> RESET;
        case PROTOCOL, HEADERS_TOO_LARGE -> PROTOCOL;
      };
    }
  }

  /// Why an agent was turned away.
  enum Rejection {
    BAD_REQUEST(400),
    PROTOCOL(400),
    NO_CERTIFICATE(401),
    NOT_SYNCED(401),
    UNKNOWN_PLANE(401),
    UNTRUSTED(401),
    FAILURE(500);

    private final int status;

    Rejection(int status) {
      this.status = status;
    }

    int status() {
      return status;
    }
  }

  /// Why a caller could not be authenticated.
  enum Unauthenticated {
    NO_CREDENTIALS,
    CERTIFICATE,
    TOKEN,
    UNAVAILABLE
  }

  /// What a known caller may not do.
  enum Denied {
    PROXY,
    CONNECTIONS
  }

  /// What a request does, as Kubernetes has it.
  enum Verb {
    GET,
    WATCH,
    CREATE,
    UPDATE,
    PATCH,
    DELETE,
    CONNECT,
    OTHER;

    static Verb of(String method, String rawQuery, boolean upgrade) {
      if (upgrade) {
        return CONNECT;
      }
      return switch (method) {
        case "GET", "HEAD", "OPTIONS" -> lasts(rawQuery) ? WATCH : GET;
        case "POST" -> CREATE;
        case "PUT" -> UPDATE;
        case "PATCH" -> PATCH;
        case "DELETE" -> DELETE;
        default -> OTHER;
      };
    }

    private static boolean lasts(String query) {
      return query.contains("watch=true")
          || query.contains("watch=1")
          || query.contains("follow=true");
    }
  }

  private final Metrics metrics;
  private final TunnelSettings tunnels;
  private final Count agentsConnected;
  private final Count opened;
  private final Count local;
  private final Count forwardedOut;
  private final Count forwardedIn;
  private final Map<End, Count> ended;
  private final Map<Rejection, Count> rejected;
  private final Map<Unauthenticated, Count> unauthenticated;
  private final Map<Denied, Count> denied;
  private final Count[] proxied = new Count[CODE_CLASSES];
  private final Map<Verb, Timing[]> durations = new EnumMap<>(Verb.class);
  private final Set<PlaneKey> planesShown = new HashSet<>(); // guarded by itself

  GatewayMetrics(Metrics metrics, TunnelSettings tunnels) {
    this.metrics = metrics;
    this.tunnels = tunnels;
    agentsConnected = metrics.counter(Metric.GATEWAY_AGENT_CONNECTIONS);
    opened = metrics.counter(Metric.GATEWAY_STREAMS_OPENED);
    local = metrics.counter(Metric.GATEWAY_ROUTES, "local");
    forwardedOut = metrics.counter(Metric.GATEWAY_ROUTES, "forwarded_out");
    forwardedIn = metrics.counter(Metric.GATEWAY_ROUTES, "forwarded_in");
    ended = counts(End.class, end -> new String[] {label(end)}, Metric.GATEWAY_STREAMS_CLOSED);
    rejected = counts(
        Rejection.class,
        why -> new String[] {Integer.toString(why.status()), label(why)},
        Metric.GATEWAY_AGENT_REJECTIONS);
    unauthenticated = counts(
        Unauthenticated.class,
        why -> new String[] {label(why)},
        Metric.GATEWAY_AUTHENTICATION_FAILURES);
    denied = counts(
        Denied.class, what -> new String[] {label(what)}, Metric.GATEWAY_AUTHORIZATION_DENIALS);
    Arrays.setAll(
        proxied, digit -> metrics.counter(Metric.GATEWAY_PROXY_REQUESTS, codeClass(digit)));
    for (var verb : Verb.values()) {
      var timings = new Timing[CODE_CLASSES];
      Arrays.setAll(
          timings,
          digit -> metrics.timer(Metric.GATEWAY_REQUEST_DURATION, label(verb), codeClass(digit)));
      durations.put(verb, timings);
    }
  }

  private <E extends Enum<E>> Map<E, Count> counts(
      Class<E> type, Function<E, String[]> labels, Metric metric) {
    var counts = new EnumMap<E, Count>(type);
    for (var each : type.getEnumConstants()) {
      counts.put(each, metrics.counter(metric, labels.apply(each)));
    }
    return counts;
  }

  private static <K> Count of(Map<K, Count> counts, K key) {
    var found = counts.get(key);
    if (found == null) {
      throw new IllegalStateException("no counter for " + key);
    }
    return found;
  }

  private static String label(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  private static String codeClass(int digit) {
    return digit == 0 ? "none" : digit + "xx";
  }

  void agentConnected() {
    agentsConnected.one();
  }

  void agentRejected(Rejection why) {
    of(rejected, why).one();
  }

  void notAuthenticated(Unauthenticated why) {
    of(unauthenticated, why).one();
  }

  void denied(Denied what) {
    of(denied, what).one();
  }

  /// A call goes to an agent of this replica.
  void local() {
    local.one();
  }

  /// A call goes to another replica.
  void forwardedOut() {
    forwardedOut.one();
  }

  /// A call came from another replica.
  void forwardedIn() {
    forwardedIn.one();
  }

  void streamOpened() {
    opened.one();
  }

  void streamEnded(End why) {
    of(ended, why).one();
  }

  /// Notes whether an answer stands still because its caller does not read ([dev.buildplane.tunnel.TunnelMeter.Flow#stands]).
  long held(long since, boolean now) {
    return tunnels.meter().received().stands(since, now);
  }

  /// A proxied request has ended. Status 0: the caller went away before an answer began.
  void proxied(Verb verb, int status, long nanos) {
    int digit = status / 100 < CODE_CLASSES ? status / 100 : 0;
    proxied[digit].one();
    var timings = durations.get(verb);
    if (timings != null) {
      timings[digit].nanos(nanos);
    }
  }

  /// Exposes what others hold.
  void watch(
      Supplier<? extends Collection<AgentSession>> sessions,
      IntSupplier peers,
      InstantSource clock,
      AuditLog audit) {
    metrics.gauge(Metric.GATEWAY_PEERS, peers::getAsInt);
    metrics.gauge(Metric.GATEWAY_AGENTS, () -> perType(sessions.get()));
    metrics.gauge(Metric.GATEWAY_PLANE_AGENTS, () -> perPlane(sessions.get()));
    metrics.gauge(
        Metric.GATEWAY_AGENT_SILENCE, () -> silenceSeconds(sessions.get(), clock.instant()));
    metrics.gauge(Metric.GATEWAY_AGENT_CERTIFICATE_EXPIRY, () -> expiry(sessions.get()));
    metrics.gauge(
        Metric.GATEWAY_STREAMS,
        () -> sessions.get().stream()
            .mapToInt(session -> session.tunnel().activeStreams())
            .sum());
    metrics.gauge(Metric.GATEWAY_AUDIT_WAITING, audit::waiting);
    metrics.gauge(Metric.TUNNEL_MEMORY_USED, tunnels.budget()::usedBytes);
    metrics.gauge(Metric.TUNNEL_MEMORY_LIMIT, tunnels.budget()::limitBytes);
    var sent = tunnels.meter().sent();
    var received = tunnels.meter().received();
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

  void watch(HttpServer agents, HttpServer callers) {
    metrics.counter(Metric.GATEWAY_TLS_FAILURES, agents::tlsHandshakeFailures, "agents");
    metrics.counter(Metric.GATEWAY_TLS_FAILURES, callers::tlsHandshakeFailures, "callers");
  }

  private static List<Row> perType(Collection<AgentSession> sessions) {
    record Kind(PlaneType type, TunnelProtocol protocol) {}
    var counts = new HashMap<Kind, Integer>();
    sessions.forEach(session -> counts.merge(
        new Kind(session.plane().type(), session.tunnel().protocol()), 1, Integer::sum));
    var rows = new ArrayList<Row>();
    for (var type : PlaneType.values()) {
      for (var protocol : TunnelProtocol.values()) {
        int count = counts.getOrDefault(new Kind(type, protocol), 0);
        rows.add(Row.of(count, type.wire(), protocol.wire()));
      }
    }
    return rows;
  }

  /// Planes keep the row they have while there is room; only when there is none do planes without an agent lose theirs, so
  /// that rows do not come and go.
  private List<Row> perPlane(Collection<AgentSession> sessions) {
    var counts = new TreeMap<PlaneKey, Integer>(java.util.Comparator.comparing(PlaneKey::toString));
    sessions.forEach(session -> counts.merge(session.plane(), 1, Integer::sum));
    var rows = new ArrayList<Row>();
    var rest = new TreeMap<String, Integer>();
    synchronized (planesShown) {
      if (planesShown.size() + counts.size() > PLANE_ROWS) {
        planesShown.retainAll(counts.keySet());
      }
      counts.forEach((plane, count) -> {
        if (planesShown.contains(plane) || planesShown.size() < PLANE_ROWS) {
          planesShown.add(plane);
          rows.add(Row.of(count, plane.type().wire(), plane.planeID()));
        } else {
          rest.merge(plane.type().wire(), count, Integer::sum);
        }
      });
    }
    rest.forEach((type, count) -> rows.add(Row.of(count, type, OTHER_PLANES)));
    return rows;
  }

  private static double silenceSeconds(Collection<AgentSession> sessions, Instant now) {
    return sessions.stream()
        .mapToLong(session -> Duration.between(session.tunnel().lastSeen(), now).toMillis())
        .max()
        .stream()
        .mapToDouble(millis -> Math.max(0, millis) / 1000.0)
        .findFirst()
        .orElse(0);
  }

  private static double expiry(Collection<AgentSession> sessions) {
    return sessions.stream()
        .filter(session -> !session.chain().isEmpty())
        .mapToLong(
            session -> session.chain().getFirst().getNotAfter().toInstant().getEpochSecond())
        .min()
        .orElse(0);
  }
}
