package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.agent.AgentSettings;
import dev.buildplane.http.TlsIdentity;
import dev.buildplane.metrics.Metrics;
import dev.buildplane.testkit.OtlpCollector;
import dev.buildplane.testkit.OtlpCollector.Seen;
import dev.buildplane.tracing.Tracing;
import dev.buildplane.tracing.TracingSettings;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;

/// A hub, a target, and gateways and agents whose spans go to one collector.
final class TraceStand implements AutoCloseable {
  static final String CALLERS_SPAN = "b7ad6b7169203331";

  private static final Duration PING = Duration.ofMillis(200);
  private static final Duration LEASE = Duration.ofSeconds(30);
  private static final Duration LOOK = Duration.ofMillis(100);

  final OtlpCollector collector;
  final TestHub hub;
  final CannedTarget target;

  /// Those that know each other.
  final List<Gateway> gateways = new CopyOnWriteArrayList<>();

  private final Path folder;
  private final Deque<AutoCloseable> started = new ArrayDeque<>();

  TraceStand(Path folder) throws Exception {
    this.folder = folder;
    collector = closing(new OtlpCollector());
    hub = closing(new TestHub(folder));
    hub.allowPeers();
    target = closing(CannedTarget.tls(hub.ca));
  }

  <T extends AutoCloseable> T closing(T part) {
    started.addFirst(part);
    return part;
  }

  @Override
  public void close() throws Exception {
    for (var part : started) {
      part.close();
    }
  }

  Tracing tracing(String service) {
    return closing(Tracing.start(settings(service)));
  }

  TracingSettings settings(String service) {
    return TracingSettings.to(service, collector.endpoint()).with("otel.bsp.schedule.delay", "50");
  }

  private GatewaySettings settings(Duration answerDeadline) throws Exception {
    return GatewaySettings.of(
            TestHub.any(),
            TestHub.any(),
            TestHub.any(),
            TlsIdentity.of(hub.serverIdentity()),
            hub.ca::trust)
        .withAudit(AuditSink.each(hub.audit::add))
        .withAnswerDeadline(answerDeadline);
  }

  private MeshSettings mesh() {
    var peer = hub.peerIdentity();
    return MeshSettings.of(
            () -> gateways.stream()
                .map(one -> PeerAddress.of(URI.create("https://localhost:" + one.callerPort())))
                .collect(Collectors.toSet()),
            () -> peer,
            hub.ca::trust)
        .withIntervals(PING, LEASE, LOOK);
  }

  /// A gateway of its own, without peers.
  Gateway alone(Duration answerDeadline, Optional<Tracing> tracing) throws Exception {
    var gateway = closing(Gateway.start(
        settings(answerDeadline), MeshSettings.none(), hub.client, new Metrics(), tracing));
    Awaitility.await().atMost(TestHub.PATIENCE).until(gateway::ready);
    return gateway;
  }

  /// One that knows those before it.
  Gateway replica(String name) throws Exception {
    var gateway = closing(Gateway.start(
        settings(GatewaySettings.DEFAULT_ANSWER_DEADLINE),
        mesh(),
        hub.client,
        new Metrics(),
        Optional.of(tracing(name))));
    gateways.add(gateway);
    return gateway;
  }

  AgentChain agentAt(Gateway gateway, String plane, Optional<Tracing> tracing) throws Exception {
    return agentAt(gateway, plane, tracing, UnaryOperator.identity());
  }

  AgentChain agentAt(
      Gateway gateway, String plane, Optional<Tracing> tracing, UnaryOperator<AgentSettings> more)
      throws Exception {
    Awaitility.await().atMost(TestHub.PATIENCE).until(gateway::ready);
    return closing(AgentChain.start(
        hub,
        plane,
        folder.resolve(plane),
        gateway.agentPort(),
        target.port(),
        Optional.of(hub.ca.trust()),
        settings -> more.apply(settings.withConnections(1)),
        tracing));
  }

  static HttpRequest.Builder to(Gateway gateway, String plane, String path) {
    return HttpRequest.newBuilder(URI.create("https://localhost:" + gateway.callerPort()
        + "/api/proxy/buildplane/" + plane + "/_cluster/" + plane + "/k8s" + path));
  }

  static HttpRequest.Builder traced(HttpRequest.Builder request, String trace) {
    return request
        .header("traceparent", "00-" + trace + "-" + CALLERS_SPAN + "-01")
        .header("tracestate", "vendor=1");
  }

  int send(HttpRequest request) throws Exception {
    try (var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      return caller.send(request, BodyHandlers.ofString()).statusCode();
    }
  }

  static String newTrace() {
    return UUID.randomUUID().toString().replace("-", "");
  }

  /// All spans of a trace, once there are so many, outermost first.
  List<Seen> spans(String trace, int count) {
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .untilAsserted(() -> assertThat(collector.trace(trace)).hasSize(count));
    var left = new ArrayList<>(collector.trace(trace));
    var ordered = new ArrayList<Seen>();
    var outermost = left.stream()
        .filter(span -> left.stream().noneMatch(other -> other.id().equals(span.parentId())))
        .collect(Collectors.toCollection(ArrayList::new));
    assertThat(outermost).as("one tree").hasSize(1);
    for (var next = Optional.of(outermost.getFirst()); next.isPresent(); ) {
      var parent = next.get();
      ordered.add(parent);
      next = left.stream()
          .filter(span -> span.parentId().equals(parent.id()))
          .max(Comparator.comparingLong(Seen::startNanos));
    }
    return ordered;
  }

  Seen span(String trace, Predicate<Seen> which) {
    return Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(
            () -> collector.trace(trace).stream().filter(which).findFirst().orElse(null),
            Objects::nonNull);
  }

  static String header(CannedTarget.Seen request, String name) {
    return request
        .head()
        .lines()
        .filter(line -> line.toLowerCase(Locale.ROOT).startsWith(name + ": "))
        .map(line -> line.substring(name.length() + 2))
        .collect(Collectors.joining("|"));
  }

  CannedTarget.Seen reached(String path) throws InterruptedException {
    for (; ; ) {
      var request = target.seen.poll(TestHub.PATIENCE.toSeconds(), TimeUnit.SECONDS);
      assertThat(request).as("a request for " + path + " at the target").isNotNull();
      if (request.path().startsWith(path)) {
        return request;
      }
    }
  }
}
