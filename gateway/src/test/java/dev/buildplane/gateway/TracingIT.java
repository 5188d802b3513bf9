package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.http.TlsIdentity;
import dev.buildplane.metrics.Metrics;
import dev.buildplane.model.ClientCA;
import dev.buildplane.testkit.OtlpCollector;
import dev.buildplane.testkit.OtlpCollector.Seen;
import dev.buildplane.tracing.Tracing;
import dev.buildplane.tracing.TracingSettings;
import dev.buildplane.tunnel.TunnelSettings;
import io.opentelemetry.proto.trace.v1.Span.SpanKind;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Spans from the caller to the target: two replicas that know each other, a real agent at the second, a target, and a collector of all their spans.
@Timeout(300)
class TracingIT {
  private static final Duration PING = Duration.ofMillis(200);
  private static final Duration LEASE = Duration.ofSeconds(30);
  private static final Duration LOOK = Duration.ofMillis(100);
  private static final String PLANE = "traced";
  private static final String CALLERS_SPAN = "b7ad6b7169203331";
  private static final byte[] HELLO =
      "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".getBytes(ISO_8859_1);

  @TempDir
  static Path folder;

  static OtlpCollector collector;
  static TestHub hub;
  static CannedTarget target;
  static AgentChain agent;
  static final List<Gateway> gateways = new CopyOnWriteArrayList<>();
  static final List<AutoCloseable> started = new ArrayList<>();

  @BeforeAll
  static void start() throws Exception {
    collector = closing(new OtlpCollector());
    hub = closing(new TestHub(folder));
    hub.allowPeers();
    target = closing(CannedTarget.tls(hub.ca));
    target.answer("/hello", HELLO);
    for (var name : List.of("first", "second")) {
      gateways.add(closing(Gateway.start(
          settings(GatewaySettings.DEFAULT_ANSWER_DEADLINE),
          mesh(),
          hub.client,
          new Metrics(),
          Optional.of(tracing(name)))));
    }
    agent = closing(agentAt(gateways.get(1), PLANE, Optional.of(tracing("agent"))));
    // At the replica that does not hold the agent, once it has heard of it.
    Awaitility.await().atMost(TestHub.PATIENCE).until(() -> works(0) && works(1));
  }

  private static <T extends AutoCloseable> T closing(T part) {
    started.addFirst(part);
    return part;
  }

  @AfterAll
  static void stop() throws Exception {
    for (var part : started) {
      part.close();
    }
  }

  private static Tracing tracing(String service) {
    return closing(Tracing.start(settings(service)));
  }

  private static TracingSettings settings(String service) {
    return TracingSettings.to(service, collector.endpoint()).with("otel.bsp.schedule.delay", "50");
  }

  private static GatewaySettings settings(Duration answerDeadline) throws Exception {
    return GatewaySettings.of(
            TestHub.any(),
            TestHub.any(),
            TestHub.any(),
            TlsIdentity.of(hub.serverIdentity()),
            hub.ca::trust)
        .withAudit(hub.audit::add)
        .withAnswerDeadline(answerDeadline);
  }

  private static MeshSettings mesh() {
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
  private static Gateway alone(Duration answerDeadline, Optional<Tracing> tracing)
      throws Exception {
    var gateway = closing(Gateway.start(
        settings(answerDeadline), MeshSettings.none(), hub.client, new Metrics(), tracing));
    Awaitility.await().atMost(TestHub.PATIENCE).until(gateway::ready);
    return gateway;
  }

  private static AgentChain agentAt(Gateway gateway, String plane, Optional<Tracing> tracing)
      throws Exception {
    Awaitility.await().atMost(TestHub.PATIENCE).until(gateway::ready);
    return AgentChain.start(
        hub,
        plane,
        folder.resolve(plane),
        gateway.agentPort(),
        target.port(),
        Optional.of(hub.ca.trust()),
        settings -> settings.withConnections(1),
        tracing);
  }

  private static HttpRequest.Builder to(Gateway gateway, String plane, String path) {
    return HttpRequest.newBuilder(URI.create("https://localhost:" + gateway.callerPort()
        + "/api/proxy/buildplane/" + plane + "/_cluster/" + plane + "/k8s" + path));
  }

  private static HttpRequest.Builder traced(HttpRequest.Builder request, String trace) {
    return request
        .header("traceparent", "00-" + trace + "-" + CALLERS_SPAN + "-01")
        .header("tracestate", "vendor=1");
  }

  private static int send(HttpRequest request) throws Exception {
    try (var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      return caller.send(request, BodyHandlers.ofString()).statusCode();
    }
  }

  private static boolean works(int replica) throws Exception {
    boolean works = send(to(gateways.get(replica), PLANE, "/hello").build()) == 200;
    target.seen.clear();
    return works;
  }

  private static String newTrace() {
    return UUID.randomUUID().toString().replace("-", "");
  }

  /// All spans of a trace, once there are so many, outermost first.
  private static List<Seen> spans(String trace, int count) {
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

  private static Seen span(String trace, Predicate<Seen> which) {
    return Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(
            () -> collector.trace(trace).stream().filter(which).findFirst().orElse(null),
            java.util.Objects::nonNull);
  }

  private static String header(CannedTarget.Seen request, String name) {
    return request
        .head()
        .lines()
        .filter(line -> line.toLowerCase(java.util.Locale.ROOT).startsWith(name + ": "))
        .map(line -> line.substring(name.length() + 2))
        .collect(Collectors.joining("|"));
  }

  private static CannedTarget.Seen reached(String path) throws InterruptedException {
    for (; ; ) {
      var request = target.seen.poll(TestHub.PATIENCE.toSeconds(), TimeUnit.SECONDS);
      assertThat(request).as("a request for " + path + " at the target").isNotNull();
      if (request.path().startsWith(path)) {
        return request;
      }
    }
  }

  @Test
  void aCallIsOneTraceFromTheCallerToTheTarget() throws Exception {
    var trace = newTrace();
    target.answer("/direct?token=s3cret", HELLO);
    target.answer("/direct", HELLO);

    assertThat(send(
            traced(to(gateways.get(1), PLANE, "/direct?token=s3cret"), trace).build()))
        .isEqualTo(200);

    var spans = spans(trace, 4);
    assertThat(spans)
        .extracting(Seen::service)
        .containsExactly("second", "second", "agent", "agent");
    assertThat(spans)
        .extracting(Seen::name)
        .containsExactly(
            "GET /api/proxy/{planeType}/{planeID}/{namespace}/{name}/{target}/{path}",
            "GET tunnel",
            "GET /{path}",
            "GET");
    assertThat(spans)
        .extracting(Seen::kind)
        .containsExactly(
            SpanKind.SPAN_KIND_SERVER,
            SpanKind.SPAN_KIND_CLIENT,
            SpanKind.SPAN_KIND_SERVER,
            SpanKind.SPAN_KIND_CLIENT);
    assertThat(spans.getFirst().parentId()).isEqualTo(CALLERS_SPAN);
    assertThat(spans).noneMatch(Seen::error);
    assertThat(spans)
        .allSatisfy(span -> assertThat(span.attributes())
            .containsEntry("http.request.method", "GET")
            .containsEntry("http.response.status_code", "200"));
    var request = reached("/direct");
    assertThat(header(request, "traceparent"))
        .isEqualTo("00-" + trace + "-" + spans.getLast().id() + "-01");
    assertThat(header(request, "tracestate")).isEqualTo("vendor=1");
  }

  @Test
  void theSpanOfACallSaysWhoseAndWhereTo() throws Exception {
    var trace = newTrace();

    send(traced(to(gateways.get(1), PLANE, "/hello?token=s3cret"), trace).build());

    var spans = spans(trace, 4);
    assertThat(spans.getFirst().attributes())
        .containsEntry(
            "http.route", "/api/proxy/{planeType}/{planeID}/{namespace}/{name}/{target}/{path}")
        .containsEntry("url.path", "/api/proxy/buildplane/traced/_cluster/traced/k8s/hello")
        .containsEntry("buildplane.plane.kind", "ClusterBuildPlane")
        .containsEntry("buildplane.plane.id", PLANE)
        .containsEntry("buildplane.plane.name", PLANE)
        .containsEntry("buildplane.target", "k8s")
        .containsEntry("enduser.id", "operator")
        .containsEntry("network.protocol.version", "2")
        .doesNotContainKey("error.type");
    assertThat(spans.getLast().attributes())
        .containsEntry("server.address", "localhost")
        .containsEntry("server.port", Integer.toString(target.port()))
        .containsEntry("buildplane.target", "k8s");
    // `secrets-stay-secret`: neither queries nor the agent's own token.
    assertThat(spans.toString()).doesNotContain("s3cret").doesNotContain("the-agents-own");
  }

  @Test
  void throughAnotherReplicaItStaysOneTrace() throws Exception {
    var trace = newTrace();

    assertThat(send(traced(to(gateways.get(0), PLANE, "/hello"), trace).build()))
        .isEqualTo(200);

    var spans = spans(trace, 6);
    assertThat(spans)
        .extracting(Seen::service)
        .containsExactly("first", "first", "second", "second", "agent", "agent");
    assertThat(spans.get(1).name()).isEqualTo("GET replica");
    assertThat(spans.get(2).attribute("enduser.id")).isEqualTo("operator");
    assertThat(spans.get(2).attribute("buildplane.forwarded.by"))
        .isEqualTo(gateways.get(0).replica());
  }

  @Test
  void theAuditLineNamesTheTrace() throws Exception {
    var trace = newTrace();

    send(traced(to(gateways.get(1), PLANE, "/hello"), trace).build());

    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> hub.audit.stream()
            .anyMatch(
                line -> line.contains("\"buildplane.openchoreo.dev/trace-id\":\"" + trace + "\"")));
  }

  @Test
  void aMalformedContextIsDroppedAndANewTraceBegins() throws Exception {
    target.answer("/malformed", HELLO);

    send(to(gateways.get(1), PLANE, "/malformed")
        .header("traceparent", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01")
        .header("tracestate", "vendor=1")
        .build());

    var request = reached("/malformed");
    var trace = header(request, "traceparent").substring(3, 35);
    assertThat(trace).isNotEqualToIgnoringCase("0AF7651916CD43DD8448EB211C80319C");
    assertThat(header(request, "tracestate")).isEmpty();
    assertThat(spans(trace, 4).getFirst().parentId()).isEmpty();
  }

  @Test
  void aTargetsFailureMarksAllSpans() throws Exception {
    var trace = newTrace();
    target.answer("/broken", "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n".getBytes(ISO_8859_1));

    assertThat(send(traced(to(gateways.get(1), PLANE, "/broken"), trace).build()))
        .isEqualTo(500);

    assertThat(spans(trace, 4)).allSatisfy(span -> {
      assertThat(span.error()).isTrue();
      assertThat(span.attribute("error.type")).isEqualTo("500");
    });
  }

  @Test
  void aTargetThatHangsUpIsNamed() throws Exception {
    var trace = newTrace();
    target.behave("/hangs-up", (connection, _) -> connection.close());

    assertThat(send(traced(to(gateways.get(1), PLANE, "/hangs-up"), trace)
            .POST(HttpRequest.BodyPublishers.ofString("x"))
            .build()))
        .isEqualTo(502);

    var spans = spans(trace, 4);
    assertThat(spans).allMatch(Seen::error);
    assertThat(spans.getFirst().attribute("error.type")).isEqualTo("502");
    assertThat(spans.getLast().attribute("error.type")).isNotEmpty();
  }

  @Test
  void anAnswerThatDoesNotComeIsADeadline() throws Exception {
    var trace = newTrace();
    target.behave("/never", (_, from) -> from.readAllBytes());
    var hasty = alone(Duration.ofSeconds(3), Optional.of(tracing("hasty")));
    closing(agentAt(hasty, "hasty", Optional.of(tracing("hasty-agent"))));
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> send(to(hasty, "hasty", "/hello").build()) == 200);

    assertThat(send(traced(to(hasty, "hasty", "/never"), trace).build())).isEqualTo(504);

    var call = span(trace, span -> span.parentId().equals(CALLERS_SPAN));
    assertThat(call.error()).isTrue();
    assertThat(call.attributes())
        .containsEntry("error.type", "deadline")
        .containsEntry("http.response.status_code", "504");
    var atAgent = span(
        trace,
        span -> span.service().equals("hasty-agent") && span.kind() == SpanKind.SPAN_KIND_SERVER);
    assertThat(atAgent.attribute("error.type")).isEqualTo("cancelled");
  }

  @Test
  void aCallerThatLeavesIsCancelled() throws Exception {
    var trace = newTrace();
    target.behave("/slow", (_, from) -> from.readAllBytes());
    try (var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      var pending = caller.sendAsync(
          traced(to(gateways.get(1), PLANE, "/slow"), trace).build(), BodyHandlers.ofString());
      reached("/slow");
      pending.cancel(true);
      caller.shutdownNow();
    }

    var spans = spans(trace, 4);
    assertThat(spans).allSatisfy(span -> {
      assertThat(span.error()).isTrue();
      assertThat(span.attribute("error.type")).isEqualTo("cancelled");
    });
    assertThat(spans.getFirst().attributes()).doesNotContainKey("http.response.status_code");
  }

  @Test
  void aLostConnectionIsNamed() throws Exception {
    var trace = newTrace();
    hub.plane("lost", null, ClientCA.ofValue(hub.agents.certificatePem()));
    var lost = Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .ignoreExceptions()
        .until(
            () -> TestAgent.dialAs(
                "lost",
                gateways.get(1).agentPort(),
                "lost",
                hub.agentIdentity(),
                hub.ca.trust(),
                TunnelSettings.defaults()),
            java.util.Objects::nonNull);
    try (var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      var pending = caller.sendAsync(
          traced(to(gateways.get(1), "lost", "/silent"), trace).build(), BodyHandlers.ofString());
      assertThat(lost.requests.poll(TestHub.PATIENCE.toSeconds(), TimeUnit.SECONDS))
          .isNotNull();
      lost.close();
      assertThat(pending.get(TestHub.PATIENCE.toSeconds(), TimeUnit.SECONDS).statusCode())
          .isEqualTo(502);
    }

    assertThat(spans(trace, 2)).allSatisfy(span -> {
      assertThat(span.error()).isTrue();
      assertThat(span.attribute("error.type")).isEqualTo("connection_lost");
    });
  }

  @Test
  void theSpansOfAWatchEndWithIt() throws Exception {
    var trace = newTrace();
    target.behave("/watch", (connection, from) -> {
      connection
          .getOutputStream()
          .write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nfirst\n\r\n"
              .getBytes(ISO_8859_1));
      connection.getOutputStream().flush();
      from.readAllBytes();
    });
    try (var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      var watch = caller.send(
          traced(to(gateways.get(1), PLANE, "/watch?watch=true"), trace).build(),
          BodyHandlers.ofInputStream());
      assertThat(watch.body().readNBytes(6)).isEqualTo("first\n".getBytes(UTF_8));
      var later = newTrace();
      send(traced(to(gateways.get(1), PLANE, "/hello"), later).build());
      spans(later, 4);

      assertThat(collector.trace(trace)).as("while it lasts").isEmpty();
      watch.body().close();
    }

    assertThat(spans(trace, 4))
        .noneMatch(Seen::error)
        .allSatisfy(
            span -> assertThat(span.attribute("http.response.status_code")).isEqualTo("200"));
  }

  @Test
  void whatIsNotSampledIsNotSentAndPropagatesAllTheSame() throws Exception {
    target.answer("/unsampled", HELLO);
    var silentGateway = closing(Tracing.start(settings("silent-gateway")
        .with("otel.traces.sampler", "parentbased_traceidratio")
        .with("otel.traces.sampler.arg", "0")));
    var silentAgent = closing(Tracing.start(settings("silent-agent")
        .with("otel.traces.sampler", "parentbased_traceidratio")
        .with("otel.traces.sampler.arg", "1")));
    var gateway = alone(GatewaySettings.DEFAULT_ANSWER_DEADLINE, Optional.of(silentGateway));
    closing(agentAt(gateway, "silent", Optional.of(silentAgent)));
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> send(to(gateway, "silent", "/hello").build()) == 200);

    assertThat(send(to(gateway, "silent", "/unsampled").build())).isEqualTo(200);

    assertThat(header(reached("/unsampled"), "traceparent"))
        .matches("00-[0-9a-f]{32}-[0-9a-f]{16}-0[02]");
    silentGateway.close();
    silentAgent.close();
    assertThat(collector.spans()).noneMatch(span -> span.service().startsWith("silent"));
  }

  @Test
  void aRatioHoldsForTheWholeTrace() throws Exception {
    var trace = newTrace();
    var gateway = alone(
        GatewaySettings.DEFAULT_ANSWER_DEADLINE,
        Optional.of(closing(Tracing.start(settings("follows")
            .with("otel.traces.sampler", "parentbased_traceidratio")
            .with("otel.traces.sampler.arg", "0")))));
    closing(agentAt(gateway, "follows", Optional.of(tracing("follows-agent"))));
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> send(to(gateway, "follows", "/hello").build()) == 200);

    send(traced(to(gateway, "follows", "/hello"), trace).build());

    assertThat(spans(trace, 4)).as("the caller has it sampled").hasSize(4);
  }

  @Test
  void whereTracingIsOffAWellFormedContextPassesUnchanged() throws Exception {
    var trace = newTrace();
    target.answer("/off", HELLO);
    var gateway = hub.gateway;
    closing(agentAt(gateway, "off", Optional.empty()));
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> send(to(gateway, "off", "/hello").build()) == 200);

    send(traced(to(gateway, "off", "/off"), trace).build());
    var kept = reached("/off");
    send(to(gateway, "off", "/off")
        .header("traceparent", "00-" + trace + "-0000000000000000-01")
        .header("tracestate", "vendor=1")
        .build());
    var dropped = reached("/off");

    assertThat(header(kept, "traceparent")).isEqualTo("00-" + trace + "-" + CALLERS_SPAN + "-01");
    assertThat(header(kept, "tracestate")).isEqualTo("vendor=1");
    assertThat(header(dropped, "traceparent")).isEmpty();
    assertThat(header(dropped, "tracestate")).isEmpty();
  }

  @Test
  void aDeadCollectorFailsNoCall() throws Exception {
    int port;
    try (var probe = new java.net.ServerSocket(0, 1, java.net.InetAddress.getLoopbackAddress())) {
      port = probe.getLocalPort();
    }
    var dead =
        closing(Tracing.start(TracingSettings.to("dead", URI.create("http://127.0.0.1:" + port))
            .with("otel.bsp.schedule.delay", "10")
            .with("otel.bsp.max.queue.size", "16")
            .with("otel.bsp.max.export.batch.size", "16")));
    var gateway = alone(GatewaySettings.DEFAULT_ANSWER_DEADLINE, Optional.of(dead));
    closing(agentAt(gateway, "dead", Optional.of(dead)));
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> send(to(gateway, "dead", "/hello").build()) == 200);

    try (var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      for (int i = 0; i < 100; i++) {
        var answer = caller.send(to(gateway, "dead", "/hello").build(), BodyHandlers.ofString());
        assertThat(answer.statusCode()).isEqualTo(200);
      }
    }
  }
}
