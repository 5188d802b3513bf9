package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.buildplane.http.EventLoops;
import dev.buildplane.http.Headers;
import dev.buildplane.http.HttpExchange;
import dev.buildplane.http.HttpServer;
import dev.buildplane.http.HttpServerSettings;
import dev.buildplane.http.Policy;
import dev.buildplane.http.Principal;
import dev.buildplane.http.ProblemFormat;
import dev.buildplane.http.Route;
import dev.buildplane.http.Router;
import dev.buildplane.metrics.Metrics;
import dev.buildplane.tracing.Tracing;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The cluster gateway: agents dial in on one listener, callers reach the planes behind them through another, and a
/// third says how it is doing. Thread-safe.
public final class Gateway implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Gateway.class);

  /// How often certificates are looked at for expiry.
  private static final Duration EXPIRY_CHECK = Duration.ofSeconds(1);

  /// The heartbeats of an interval go out in parts, one each time this has passed.
  private static final Duration HEARTBEAT_STEP = Duration.ofSeconds(1);

  /// How long [#close] waits for agents to let go of their tunnels.
  private static final Duration DRAIN = Duration.ofSeconds(5);

  /// How often [#close] looks whether they have.
  private static final Duration DRAIN_LOOK = Duration.ofMillis(50);

  private final PlaneTrust trust;
  private final AgentSessions sessions;
  private final ProxyHandler proxy;
  private final PlaneFeed feed;
  private final Mesh mesh;
  private final ScheduledExecutorService clockwork;
  private final HttpServer agents;
  private final HttpServer callers;
  private final HttpServer health;
  private final EventLoops loops;
  private final AuditLog audit;
  private final AtomicBoolean closing;

  private Gateway(
      PlaneTrust trust,
      AgentSessions sessions,
      ProxyHandler proxy,
      PlaneFeed feed,
      Mesh mesh,
      ScheduledExecutorService clockwork,
      List<HttpServer> listeners,
      EventLoops loops,
      AuditLog audit,
      AtomicBoolean closing) {
    this.trust = trust;
    this.sessions = sessions;
    this.proxy = proxy;
    this.feed = feed;
    this.mesh = mesh;
    this.clockwork = clockwork;
    this.agents = listeners.get(0);
    this.callers = listeners.get(1);
    this.health = listeners.get(2);
    this.loops = loops;
    this.audit = audit;
    this.closing = closing;
  }

  /// Starts the three listeners; callers are authorised by SubjectAccessReview at the hub. Returns before the hub has
  /// been read: see [#ready].
  ///
  /// @param hubClient stays the caller's; needs to read the six plane kinds and the Secrets they name, and to create
  ///   SubjectAccessReviews and TokenReviews
  /// @throws IOException when an address cannot be bound
  public static Gateway start(GatewaySettings settings, KubernetesClient hubClient)
      throws IOException {
    return start(settings, hubClient, new Metrics());
  }

  /// As above, in a process whose other parts count into `shared`: `/metrics` tells of all of them.
  public static Gateway start(GatewaySettings settings, KubernetesClient hubClient, Metrics shared)
      throws IOException {
    return start(settings, MeshSettings.none(), hubClient, shared);
  }

  /// As above, with another authorizer.
  public static Gateway start(
      GatewaySettings settings, KubernetesClient hubClient, CallerAuthorizer authorizer)
      throws IOException {
    return start(settings, MeshSettings.none(), hubClient, authorizer, new Metrics(), null);
  }

  /// As one of several replicas, in a process whose other parts count into `shared`.
  public static Gateway start(
      GatewaySettings settings, MeshSettings peers, KubernetesClient hubClient, Metrics shared)
      throws IOException {
    return start(settings, peers, hubClient, shared, Optional.empty());
  }

  /// As above, with spans of the calls it proxies.
  ///
  /// @param tracing stays the caller's; to be closed after the gateway
  public static Gateway start(
      GatewaySettings settings,
      MeshSettings peers,
      KubernetesClient hubClient,
      Metrics shared,
      Optional<Tracing> tracing)
      throws IOException {
    return start(
        settings,
        peers,
        hubClient,
        new AccessReviews(hubClient, settings.decisionLifetime(), settings.clock()),
        shared,
        tracing.orElse(null));
  }

  private static Gateway start(
      GatewaySettings settings,
      MeshSettings peers,
      KubernetesClient hubClient,
      CallerAuthorizer authorizer,
      Metrics shared,
      @Nullable Tracing tracing)
      throws IOException {
    var replica = UUID.randomUUID();
    var feed = new PlaneFeed(settings.clock(), replica);
    var audit = new AuditLog(settings.audit(), settings.clock(), replica);
    var strangers = new StrangersAudit(audit, settings.clock());
    // The two know each other: trust tells of changes, sessions ask for it. The reference is set before trust starts.
    var reevaluation = new CompletableFuture<AgentSessions>();
    var trust = new PlaneTrust(
        hubClient, planes -> reevaluation.thenAccept(known -> known.reevaluate(planes)));
    var sessions = new AgentSessions(trust, feed, settings.clock(), strangers);
    reevaluation.complete(sessions);
    var metrics = new GatewayMetrics(shared, settings.tunnels());
    var mesh = new Mesh(peers, replica.toString());
    var closing = new AtomicBoolean();
    var proxy = new ProxyHandler(
        trust,
        sessions,
        mesh.remote(),
        authorizer,
        audit,
        metrics,
        settings.answerDeadline(),
        tracing);
    // Agents and callers share loops: a call whose tunnel is on its caller's loop never changes threads.
    var loops = EventLoops.start(Runtime.getRuntime().availableProcessors(), "gateway");
    var listeners = List.of(
        HttpServer.start(
            HttpServerSettings.tls("gateway-agents", settings.agents(), settings.identity())
                .withLimits(settings.limits().withDrain(DRAIN)),
            agentRoutes(new Admission(
                trust, sessions, feed, settings.tunnels(), settings.clock(), metrics)),
            loops),
        HttpServer.start(
            HttpServerSettings.tls("gateway-callers", settings.callers(), settings.identity())
                .withLimits(settings.limits())
                .withProblemFormat(ProblemFormat.KUBERNETES_STATUS),
            callerRoutes(
                settings,
                peers.pingInterval(),
                hubClient,
                authorizer,
                sessions,
                mesh.remote(),
                feed,
                metrics,
                audit,
                strangers,
                proxy),
            loops),
        HttpServer.start(
            HttpServerSettings.plain("gateway-health", settings.health()),
            healthRoutes(trust, closing, shared::render)));
    metrics.watch(sessions::all, () -> mesh.remote().replicas().size(), settings.clock(), audit);
    metrics.watch(listeners.get(0), listeners.get(1));
    trust.start();
    mesh.start();
    return new Gateway(
        trust,
        sessions,
        proxy,
        feed,
        mesh,
        clockwork(settings, sessions, strangers),
        listeners,
        loops,
        audit,
        closing);
  }

  private static Router agentRoutes(Admission admission) {
    // Who may connect is decided by the handler, in v0.17's order, after the query has been looked at.
    var policy = new Policy(
        "agent: client certificate that a plane resource trusts",
        _ -> CompletableFuture.completedFuture(Principal.ANONYMOUS));
    return Router.builder()
        .route(Route.async(Set.of("GET"), "/ws", policy, admission))
        .build();
  }

  private static Router callerRoutes(
      GatewaySettings settings,
      Duration pingInterval,
      KubernetesClient hubClient,
      CallerAuthorizer authorizer,
      AgentSessions sessions,
      RemoteConnections remote,
      PlaneFeed feed,
      GatewayMetrics metrics,
      AuditLog audit,
      StrangersAudit strangers,
      ProxyHandler proxy) {
    var caller = strangers.around(new CallerAuthentication(
            hubClient,
            settings.callerTrust(),
            settings.decisionLifetime(),
            settings.clock(),
            metrics)
        .policy());
    var router = Router.builder();
    router.route(Route.async(Set.of(), ProxyTarget.PREFIX + "**", caller, proxy)
        .withMaxBodyBytes(Route.UNLIMITED)
        .withPipes());
    new PlaneApi(sessions, feed, authorizer, remote, pingInterval, metrics, audit)
        .addTo(router, caller);
    return router.build();
  }

  private static Router healthRoutes(
      PlaneTrust trust, AtomicBoolean closing, Supplier<String> metrics) {
    var router = Router.builder();
    for (var path : List.of("/healthz", "/livez", "/health")) {
      router.route(Route.get(path, Policy.PUBLIC, exchange -> plain(exchange, 200, "OK")));
    }
    for (var path : List.of("/readyz", "/ready")) {
      router.route(Route.get(path, Policy.PUBLIC, exchange -> {
        if (closing.get()) {
          plain(exchange, 503, "this gateway is stopping; use another replica");
        } else if (trust.synced()) {
          plain(exchange, 200, "OK");
        } else {
          plain(exchange, 503, "plane resources have not been read from the hub yet");
        }
      }));
    }
    router.route(Route.get(
        "/metrics",
        Policy.PUBLIC,
        exchange -> exchange.respond(
            200,
            Headers.of("content-type", "text/plain; version=0.0.4; charset=utf-8"),
            metrics.get().getBytes(UTF_8))));
    return router.build();
  }

  private static void plain(HttpExchange exchange, int status, String text) {
    exchange.respond(
        status, Headers.of("content-type", "text/plain; charset=utf-8"), text.getBytes(UTF_8));
  }

  private static ScheduledExecutorService clockwork(
      GatewaySettings settings, AgentSessions sessions, StrangersAudit strangers) {
    var clockwork = Executors.newSingleThreadScheduledExecutor(
        Thread.ofPlatform().name("gateway-clockwork").daemon().factory());
    every(clockwork, EXPIRY_CHECK, () -> {
      sessions.reevaluateExpired();
      sessions.forgetTurns();
      strangers.endWindow();
    });
    heartbeats(clockwork, settings.heartbeatInterval(), sessions);
    return clockwork;
  }

  /// Spread over the interval: ten thousand at once would keep followers, who write status for each, from anything else.
  private static void heartbeats(
      ScheduledExecutorService clockwork, Duration interval, AgentSessions sessions) {
    int parts = (int) Math.max(1, interval.dividedBy(HEARTBEAT_STEP));
    var next = new AtomicInteger();
    every(
        clockwork,
        interval.dividedBy(parts),
        () -> sessions.heartbeat(next.getAndUpdate(part -> (part + 1) % parts), parts));
  }

  private static void every(ScheduledExecutorService clockwork, Duration period, Runnable work) {
    clockwork.scheduleWithFixedDelay(
        () -> {
          try {
            work.run();
          } catch (RuntimeException e) {
            log.error("periodic work of the gateway failed; it goes on with the next period", e);
          }
        },
        period.toMillis(),
        period.toMillis(),
        TimeUnit.MILLISECONDS);
  }

  /// Every route by listener (`agents`, `callers`, `health`), for tests of the access table.
  public Map<String, List<Route>> routes() {
    return Map.of(
        "agents", agents.router().routes(),
        "callers", callers.router().routes(),
        "health", health.router().routes());
  }

  /// Port of the agents' listener.
  public int agentPort() {
    return agents.port();
  }

  /// Port of the callers' listener.
  public int callerPort() {
    return callers.port();
  }

  /// Port of the health listener.
  public int healthPort() {
    return health.port();
  }

  /// Whether the plane resources have been read from the hub; until then agents are turned away.
  public boolean ready() {
    return trust.synced();
  }

  /// What this replica calls itself, towards agents, peers and in audit events.
  public String replica() {
    return feed.replica().toString();
  }

  /// Other replicas this one follows now.
  public int connectedPeers() {
    return mesh.remote().replicas().size();
  }

  AgentSessions sessions() {
    return sessions;
  }

  /// Agents connected now.
  public int connectedAgents() {
    return sessions.all().size();
  }

  /// Is not ready from now on, stops taking calls, ends watches after a whole event, lets other calls end for as long as [HttpLimits#drain] says, tells agents
  /// to go (GOAWAY), then closes everything.
  @Override
  public void close() {
    closing.set(true);
    feed.close();
    proxy.endWatches();
    callers.close();
    sessions.drainAll();
    awaitNoSessions();
    agents.close();
    mesh.close();
    clockwork.shutdownNow();
    trust.close();
    health.close();
    loops.close();
    audit.close();
  }

  private void awaitNoSessions() {
    long looks = DRAIN.dividedBy(DRAIN_LOOK);
    try {
      for (long look = 0; look < looks && !sessions.all().isEmpty(); look++) {
        Thread.sleep(DRAIN_LOOK);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
