package dev.buildplane.operator;

import dev.buildplane.http.Headers;
import dev.buildplane.http.HttpExchange;
import dev.buildplane.http.HttpProblem;
import dev.buildplane.http.HttpServer;
import dev.buildplane.http.HttpServerSettings;
import dev.buildplane.http.Policy;
import dev.buildplane.http.ProblemFormat;
import dev.buildplane.http.Route;
import dev.buildplane.http.Router;
import dev.buildplane.http.TlsIdentity;
import dev.buildplane.pki.Identity;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.SSLContext;

/// A gateway as far as the operator can tell: it tells of connections as the test wishes, and its proxy leads straight to the
/// plane's API server while an agent is connected for the resource in the URL.
final class FakeGateway implements AutoCloseable {
  private static final String PREFIX = "/api/proxy/";
  private static final int STREAMS = 10_000;
  private static final List<String> FORWARDED = List.of("accept", "content-type");

  private final URI plane;
  private final HttpClient planeClient;
  private final HttpServer server;
  private final AtomicInteger proxied = new AtomicInteger();
  private volatile boolean talking = true;
  private volatile boolean closed;
  private final List<BlockingQueue<String>> followers = new CopyOnWriteArrayList<>();
  private final Map<String, String> connections = new TreeMap<>();
  private final Map<String, List<String>> authorized = new TreeMap<>();
  private final Set<String> json = new HashSet<>();

  private final UUID replica = UUID.randomUUID();

  // Guarded by this. A request with this method and ending is answered by the plane and by a lost connection to the caller.
  private String losesMethod = "";
  private String losesEnding = "";

  private FakeGateway(URI plane, SSLContext planeTls, Identity identity, int port)
      throws IOException {
    this.plane = plane;
    this.planeClient = HttpClient.newBuilder().sslContext(planeTls).build();
    var router = Router.builder()
        .route(Route.get("/api/v1/planes/watch", Policy.PUBLIC, this::watch))
        .route(Route.any(PREFIX + "**", Policy.PUBLIC, this::proxy))
        .build();
    var bind = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    server = HttpServer.start(
        HttpServerSettings.tls("fake-gateway", bind, TlsIdentity.of(identity))
            .withProblemFormat(ProblemFormat.KUBERNETES_STATUS),
        router);
  }

  static FakeGateway start(URI plane, SSLContext planeTls, Identity identity, int port)
      throws IOException {
    return new FakeGateway(plane, planeTls, identity, port);
  }

  URI uri() {
    return URI.create("https://127.0.0.1:" + server.port());
  }

  int port() {
    return server.port();
  }

  void connect(String id, String planeID, String... keys) {
    connectAs("", id, planeID, keys);
  }

  /// One of several connections of an agent.
  void connectAs(String instance, String id, String planeID, String... keys) {
    connect(instance, Instant.now().plus(Duration.ofDays(365)), id, planeID, keys);
  }

  void connectExpiring(Instant certificateExpires, String id, String planeID, String... keys) {
    connect("", certificateExpires, id, planeID, keys);
  }

  /// An agent of v0.17: no watch comes through to it.
  synchronized void connectJson(String id, String planeID, String... keys) {
    json.add(id);
    connect(id, planeID, keys);
  }

  private synchronized void connect(
      String instance, Instant certificateExpires, String id, String planeID, String... keys) {
    var now = Instant.now();
    var line = """
        {"type":"CONNECTION","connectionID":"%s","planeType":"buildplane","planeID":"%s","authorized":[%s],"connectedAt":"%s","lastSeen":"%s","protocol":"%s","certificateExpires":"%s","agent":{"version":"test"%s}}""".formatted(
            id,
            planeID,
            String.join(",", List.of(keys).stream().map(key -> '"' + key + '"').toList()),
            now,
            now,
            json.contains(id) ? "json" : "h2",
            certificateExpires,
            instance.isEmpty() ? "" : ",\"instance\":\"" + instance + "\"");
    connections.put(id, line);
    authorized.put(id, List.of(keys));
    tell(line);
  }

  /// As a process that is stopped: connections stay open, nothing comes.
  void stopTalking() {
    talking = false;
  }

  synchronized void disconnect(String id) {
    connections.remove(id);
    authorized.remove(id);
    tell("""
        {"type":"DISCONNECTED","connectionID":"%s","planeType":"buildplane","planeID":"x","authorized":[],"at":"%s","reason":"test"}""".formatted(id, Instant.now()));
  }

  synchronized void heartbeat(String id, Instant lastSeen) {
    tell("""
        {"type":"HEARTBEAT","connectionID":"%s","planeType":"buildplane","planeID":"x","lastSeen":"%s"}""".formatted(id, lastSeen));
  }

  /// The next such request reaches the plane; then its agent is killed, before the answer has come through.
  synchronized void killAgentsAfter(String method, String ending) {
    losesMethod = method;
    losesEnding = ending;
  }

  synchronized boolean hasAgents() {
    return !connections.isEmpty();
  }

  private synchronized boolean isFatal(String method, String path) {
    boolean fatal =
        !losesMethod.isEmpty() && method.equals(losesMethod) && path.endsWith(losesEnding);
    if (fatal) {
      losesMethod = "";
      List.copyOf(connections.keySet()).forEach(this::disconnect);
    }
    return fatal;
  }

  synchronized void reject(String planeID) {
    tell("""
        {"type":"REJECTED","planeType":"buildplane","planeID":"%s","at":"%s","reason":"client certificate not trusted","subject":"CN=stranger"}""".formatted(planeID, Instant.now()));
  }

  /// Requests that came through the proxy.
  int proxied() {
    return proxied.get();
  }

  private void tell(String line) {
    followers.forEach(queue -> queue.add(line));
  }

  private void watch(HttpExchange exchange) throws IOException, InterruptedException {
    var queue = new LinkedBlockingQueue<String>(STREAMS);
    synchronized (this) {
      queue.addAll(connections.values());
      queue.add(
          "{\"type\":\"SYNCED\",\"replica\":\"" + replica + "\",\"at\":\"" + Instant.now() + "\"}");
      followers.add(queue);
    }
    exchange.onClose(() -> followers.remove(queue));
    try (var out =
        exchange.respondStreaming(200, Headers.of("content-type", "application/x-ndjson"))) {
      while (followers.contains(queue)) {
        var line = queue.poll(100, TimeUnit.MILLISECONDS);
        if (!talking) {
          continue;
        }
        out.write(
            ((line == null ? "{\"type\":\"PING\",\"at\":\"" + Instant.now() + "\"}" : line) + "\n")
                .getBytes(StandardCharsets.UTF_8));
        out.flush();
      }
    } finally {
      followers.remove(queue);
    }
  }

  private void proxy(HttpExchange exchange) throws IOException, InterruptedException {
    proxied.incrementAndGet();
    while (!talking && !closed) {
      java.util.concurrent.locks.LockSupport.parkNanos(10_000_000);
    }
    var segments = exchange.rawPath().substring(PREFIX.length()).split("/", 6);
    var key = (segments[2].equals("_cluster") ? "" : segments[2]) + "/" + segments[3];
    synchronized (this) {
      var serving = authorized.keySet().stream()
          .filter(id -> authorized.get(id).contains(key))
          .toList();
      if (serving.isEmpty()) {
        throw new HttpProblem(503, "no agent is connected for " + key);
      }
      if (json.containsAll(serving) && exchange.rawQuery().contains("watch=true")) {
        throw new HttpProblem(501, "no agent of " + key + " carries a watch");
      }
    }
    var query = exchange.rawQuery().isEmpty() ? "" : "?" + exchange.rawQuery();
    var body = exchange.body().readAllBytes();
    var request = HttpRequest.newBuilder(URI.create(plane + "/" + segments[5] + query))
        .method(
            exchange.method(),
            body.length == 0
                ? HttpRequest.BodyPublishers.noBody()
                : HttpRequest.BodyPublishers.ofByteArray(body));
    for (var name : FORWARDED) {
      exchange.headers().first(name).ifPresent(value -> request.header(name, value));
    }
    var response = planeClient.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
    if (isFatal(exchange.method(), exchange.rawPath())) {
      response.body().close();
      throw new HttpProblem(502, "the agent was lost before it answered");
    }
    var type = response.headers().firstValue("content-type").orElse("application/json");
    var ended = new ArrayList<Runnable>();
    try (var in = response.body();
        var out =
            exchange.respondStreaming(response.statusCode(), Headers.of("content-type", type))) {
      exchange.onClose(() -> ended.forEach(Runnable::run));
      copy(in, out);
    }
  }

  private void copy(java.io.InputStream in, OutputStream out) throws IOException {
    var buffer = new byte[8_192];
    for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
      if (talking) {
        out.write(buffer, 0, read);
        out.flush();
      }
    }
  }

  @Override
  public void close() {
    closed = true;
    followers.clear();
    server.close();
    planeClient.shutdownNow();
  }
}
