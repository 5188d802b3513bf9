package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.http.Headers;
import dev.buildplane.http.HttpExchange;
import dev.buildplane.http.HttpHandler;
import dev.buildplane.http.HttpProblem;
import dev.buildplane.http.Policy;
import dev.buildplane.http.Route;
import dev.buildplane.http.Router;
import dev.buildplane.model.Api;
import dev.buildplane.model.PlaneType;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// `/api/v1/planes/...`: `notify`, `reconnect` and `status` in the shapes of v0.17 (reference: gateway-agent, section 5),
/// and the event stream `watch`. Trust follows the resources by itself, so `notify` only says what that has done: it
/// applies the present state at once and never disconnects agents that something still trusts.
final class PlaneApi {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String ROOT = "/api/v1/planes";
  static final String WATCH = ROOT + "/watch";

  /// Query of [#WATCH] that asks for the state of all replicas instead of the changes of one.
  static final String EVERY_REPLICA = "replicas=all";

  /// How long other replicas may take to answer when all are asked.
  private static final Duration PEER_LIMIT = Duration.ofSeconds(5);

  private static final String SYNCED = "\"type\":\"SYNCED\"";
  private static final Logger log = LoggerFactory.getLogger(PlaneApi.class);
  private static final int MAX_NOTIFY_BYTES = 64 * 1024;

  private final AgentSessions sessions;
  private final PlaneFeed feed;
  private final CallerAuthorizer authorizer;
  private final GatewayMetrics metrics;
  private final AuditLog audit;
  private final RemoteConnections remote;
  private final Duration pingInterval;

  /// @param remote what other replicas hold, for `status`
  /// @param pingInterval longest silence of `watch`
  PlaneApi(
      AgentSessions sessions,
      PlaneFeed feed,
      CallerAuthorizer authorizer,
      RemoteConnections remote,
      Duration pingInterval,
      GatewayMetrics metrics,
      AuditLog audit) {
    this.metrics = metrics;
    this.audit = audit;
    this.remote = remote;
    this.pingInterval = pingInterval;
    this.sessions = sessions;
    this.feed = feed;
    this.authorizer = authorizer;
  }

  void addTo(Router.Builder router, Policy caller) {
    router
        .route(Route.blocking(Set.of("POST"), ROOT + "/notify", caller, guarded(this::notified))
            .withMaxBodyBytes(MAX_NOTIFY_BYTES))
        .route(Route.get(ROOT + "/status", caller, guarded(this::statusOfAll)))
        .route(Route.get(WATCH, caller, guarded(this::watch)))
        .route(Route.any(ROOT + "/**", caller, guarded(this::ofOnePlane)));
  }

  private HttpHandler guarded(HttpHandler handler) {
    return audited(allowed(handler));
  }

  /// One event per call, when it is over: a `watch` has one when it ends.
  private HttpHandler audited(HttpHandler handler) {
    return exchange -> {
      var record = audit.begin(exchange.head(), exchange.principal());
      record.connections(planeOf(exchange.rawPath()), verb(exchange));
      Forwarding.of(exchange.headers(), exchange.principal()).ifPresent(record::forwardedBy);
      exchange.onClose(() -> {
        if (exchange.status() > 0) {
          record.answered(exchange.status());
        }
        audit.end(record);
      });
      try {
        handler.handle(exchange);
      } catch (HttpProblem problem) {
        record.refused(problem.status(), problem.getMessage());
        throw problem;
      } catch (Exception failure) {
        if (exchange.status() == 0) {
          record.refused(500, "the gateway failed");
        }
        throw failure;
      }
    };
  }

  /// `{type}/{id}` of the paths about one plane, else nothing.
  private static String planeOf(String rawPath) {
    var below = rawPath.substring(ROOT.length() + 1);
    int end = below.lastIndexOf('/');
    return end < 0 ? "" : below.substring(0, end);
  }

  private HttpHandler allowed(HttpHandler handler) {
    return exchange -> {
      if (Forwarding.of(exchange.headers(), exchange.principal()).isPresent()) {
        handler.handle(exchange); // the replica that passes it on has asked
        return;
      }
      var access = new CallerAuthorizer.Access.Connections(verb(exchange));
      try {
        var decision = authorizer
            .authorize(exchange.principal(), access)
            .toCompletableFuture()
            .get();
        if (!decision.allowed()) {
          metrics.denied(GatewayMetrics.Denied.CONNECTIONS);
          throw new HttpProblem(
              403,
              "user '" + exchange.principal().user() + "' may not " + access.verb() + " "
                  + CallerAuthorizer.Access.Connections.RESOURCE + "." + Api.GROUP
                  + "; grant it by RBAC");
        }
      } catch (ExecutionException e) {
        throw new HttpProblem(
            503, "the hub's API server could not be asked whether you may; try again");
      }
      handler.handle(exchange);
    };
  }

  private static String verb(HttpExchange exchange) {
    if (exchange.rawPath().equals(WATCH)) {
      return "watch";
    }
    return exchange.method().equals("GET") || exchange.method().equals("HEAD") ? "get" : "update";
  }

  private void notified(HttpExchange exchange) throws IOException {
    var payload = read(exchange);
    var typeName = payload.path("planeType").asText("");
    var planeID = payload.path("planeID").asText("");
    var event = payload.path("event").asText("");
    if (typeName.isEmpty() || planeID.isEmpty() || event.isEmpty()) {
      throw new HttpProblem(400, "missing required fields: planeType, planeID, event");
    }
    var answer = answer();
    switch (event) {
      case "created", "updated" -> {
        var outcome = reevaluate(typeName, planeID);
        answer
            .put("action", "revalidate")
            .put("authorizationsGranted", outcome.granted())
            .put("authorizationsRevoked", outcome.revoked());
      }
      case "deleted" ->
        answer
            .put("action", "disconnect")
            .put("disconnectedAgents", reevaluate(typeName, planeID).closed());
      default -> throw new HttpProblem(400, "unknown event type: " + event);
    }
    send(exchange, answer);
  }

  private AgentSessions.Outcome reevaluate(String typeName, String planeID) {
    return PlaneType.ofWire(typeName)
        .map(type -> sessions.reevaluate(List.of(new PlaneKey(type, planeID))))
        .orElse(new AgentSessions.Outcome(0, 0, 0));
  }

  private static JsonNode read(HttpExchange exchange) throws IOException {
    try {
      // As text: given bytes, the parser would guess at encodings, and JSON has one (RFC 8259 section 8.1).
      return JSON.readTree(new String(exchange.body().readAllBytes(), UTF_8));
    } catch (JsonProcessingException e) {
      throw new HttpProblem(400, "invalid payload: " + e.getOriginalMessage());
    }
  }

  /// `{type}/{id}/status` and `{type}/{id}/reconnect`.
  private void ofOnePlane(HttpExchange exchange) {
    var parts = exchange.rawPath().substring(ROOT.length() + 1).split("/", -1);
    if (parts.length != 3) {
      throw new HttpProblem(404, "no such path: " + exchange.rawPath());
    }
    switch (parts[2]) {
      case "status" -> {
        require(exchange, "GET");
        send(exchange, status(parts[0], parts[1], filter(exchange)));
      }
      case "reconnect" -> {
        require(exchange, "POST");
        int count = PlaneType.ofWire(parts[0])
            .map(type -> reconnect(exchange, new PlaneKey(type, parts[1])))
            .orElse(0);
        send(exchange, answer().put("disconnectedAgents", count));
      }
      default -> throw new HttpProblem(404, "no such path: " + exchange.rawPath());
    }
  }

  /// Here, and unless another replica sent it here at the others.
  private int reconnect(HttpExchange exchange, PlaneKey plane) {
    var forwarded = Forwarding.of(exchange.headers(), exchange.principal());
    var caller = forwarded.map(Forwarding::caller).orElse(exchange.principal());
    int here = sessions.disconnectAll(plane, "asked to reconnect by " + caller.user());
    if (forwarded.isPresent()) {
      return here;
    }
    var words =
        new Forwarding(caller, feed.replica().toString(), UUID.randomUUID().toString());
    return here
        + ofPeers(pool -> PeerRequest.post(pool, exchange.rawPath(), words))
            .mapToInt(PlaneApi::disconnected)
            .sum();
  }

  private static int disconnected(String answer) {
    try {
      return JSON.readTree(answer).path("disconnectedAgents").asInt();
    } catch (JsonProcessingException e) {
      log.warn("a peer's answer is no JSON: {}", e.getOriginalMessage());
      return 0;
    }
  }

  /// Asks all peers at once; one that does not answer in time is left out, and told in the log.
  private Stream<String> ofPeers(Function<PeerPool, CompletableFuture<String>> question) {
    var asked = new TreeMap<String, CompletableFuture<String>>();
    remote
        .pools()
        .forEach((replica, pool) -> asked.put(
            replica, question.apply(pool).orTimeout(PEER_LIMIT.toMillis(), TimeUnit.MILLISECONDS)));
    return asked.entrySet().stream().flatMap(entry -> {
      try {
        return Stream.of(entry.getValue().join());
      } catch (CompletionException e) {
        log.warn("replica {} was not asked: {}", entry.getKey(), String.valueOf(e.getCause()));
        return Stream.empty();
      }
    });
  }

  private static void require(HttpExchange exchange, String method) {
    if (!exchange.method().equals(method)) {
      throw new HttpProblem(
          405, "method " + exchange.method() + " is not allowed here; allowed: " + method);
    }
  }

  private static String filter(HttpExchange exchange) {
    var name = "";
    var namespace = "";
    for (var pair : exchange.rawQuery().split("&", -1)) {
      if (pair.startsWith("name=")) {
        name = pair.substring("name=".length());
      } else if (pair.startsWith("namespace=")) {
        namespace = pair.substring("namespace=".length());
      }
    }
    return name.isEmpty() ? "" : namespace + "/" + name;
  }

  /// Here and at the other replicas.
  private Stream<RemoteConnections.Entry> connections(PlaneKey plane) {
    var here = sessions.of(plane).stream()
        .map(session -> new RemoteConnections.Entry(
            session.id().toString(),
            plane,
            session.authorizedKeys(),
            session.instance(),
            session.tunnel().lastSeen()));
    return Stream.concat(here, remote.of(plane).stream());
  }

  private ObjectNode status(String type, String planeID, String crKey) {
    var connected = PlaneType.ofWire(type)
        .map(known -> connections(new PlaneKey(known, planeID)))
        .orElse(Stream.empty())
        .filter(entry -> crKey.isEmpty() || entry.authorized().contains(crKey))
        .toList();
    long agents =
        connected.stream().map(RemoteConnections.Entry::agent).distinct().count();
    var lastSeen = connected.stream()
        .map(RemoteConnections.Entry::lastSeen)
        .max(Instant::compareTo)
        .map(Instant::toString)
        .orElse("0001-01-01T00:00:00Z");
    return JsonNodeFactory.instance
        .objectNode()
        .put("planeType", type)
        .put("planeID", planeID)
        .put("connected", !connected.isEmpty())
        .put("connectedAgents", (int) agents)
        .put("lastSeen", lastSeen);
  }

  private void statusOfAll(HttpExchange exchange) {
    var keys = new TreeSet<PlaneKey>(java.util.Comparator.comparing(PlaneKey::toString));
    sessions.all().forEach(session -> keys.add(session.plane()));
    keys.addAll(remote.planes());
    var answer = JsonNodeFactory.instance.objectNode();
    var planes = answer.putArray("planes");
    keys.forEach(key -> planes.add(status(key.type().wire(), key.planeID(), "")));
    answer.put("total", planes.size());
    send(exchange, answer);
  }

  private void watch(HttpExchange exchange) throws IOException, InterruptedException {
    if (feed.full()) {
      throw new HttpProblem(503, "too many followers of plane events: " + PlaneFeed.MAX_FOLLOWERS);
    }
    if (exchange.rawQuery().equals(EVERY_REPLICA)) {
      everyReplica(exchange);
      return;
    }
    var follower = sessions.follow();
    var thread = Thread.currentThread();
    exchange.onClose(
        thread::interrupt); // do not wait out the ping interval for a caller that has left
    try (var out = exchange.respondStreaming(
        200,
        Headers.of("content-type", "application/x-ndjson")
            .with(Forwarding.REPLICA, feed.replica().toString()))) {
      for (var line : follower.snapshot()) {
        write(out, line);
      }
      out.flush();
      while (!follower.behind()) {
        var line = follower.waiting().poll(pingInterval.toMillis(), TimeUnit.MILLISECONDS);
        write(out, line == null ? feed.ping() : line);
        if (follower.waiting().isEmpty()) {
          out.flush();
        }
      }
    } finally {
      feed.leave(follower);
    }
  }

  /// What this and the other replicas have now, as one snapshot; it ends there.
  private void everyReplica(HttpExchange exchange) throws IOException {
    var own = sessions.follow();
    feed.leave(own);
    try (var out = exchange.respondStreaming(
        200,
        Headers.of("content-type", "application/x-ndjson")
            .with(Forwarding.REPLICA, feed.replica().toString()))) {
      for (var answer : ofPeers(PeerRequest::snapshot).toList()) {
        for (var line : answer.lines().toList()) {
          if (!line.contains(SYNCED)) {
            write(out, line);
          }
        }
      }
      for (var line : own.snapshot()) {
        write(out, line);
      }
    }
  }

  private static void write(OutputStream out, String line) throws IOException {
    out.write((line + "\n").getBytes(UTF_8));
  }

  private static ObjectNode answer() {
    return JsonNodeFactory.instance.objectNode().put("success", true);
  }

  private static void send(HttpExchange exchange, ObjectNode body) {
    exchange.respond(
        200, Headers.of("content-type", "application/json"), (body + "\n").getBytes(UTF_8));
  }
}
