package dev.buildplane.gateway;

import static dev.buildplane.gateway.TraceStand.CALLERS_SPAN;
import static dev.buildplane.gateway.TraceStand.header;
import static dev.buildplane.gateway.TraceStand.newTrace;
import static dev.buildplane.gateway.TraceStand.to;
import static dev.buildplane.gateway.TraceStand.traced;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.model.ClientCA;
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
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Spans from the caller to the target: two replicas that know each other, a real agent at the second, a target, and a collector of all their spans.
@Timeout(300)
class TracingIT {
  private static final String PLANE = "traced";
  private static final byte[] HELLO =
      "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".getBytes(ISO_8859_1);

  @TempDir
  static Path folder;

  static TraceStand stand;

  @BeforeAll
  static void start() throws Exception {
    stand = new TraceStand(folder);
    stand.target.answer("/hello", HELLO);
    stand.replica("first");
    stand.agentAt(stand.replica("second"), PLANE, Optional.of(stand.tracing("agent")));
    // At the replica that does not hold the agent, once it has heard of it.
    Awaitility.await().atMost(TestHub.PATIENCE).until(() -> works(0) && works(1));
  }

  @AfterAll
  static void stop() throws Exception {
    stand.close();
  }

  private static boolean works(int replica) throws Exception {
    boolean works = stand.send(to(stand.gateways.get(replica), PLANE, "/hello").build()) == 200;
    stand.target.seen.clear();
    return works;
  }

  @Test
  void aCallIsOneTraceFromTheCallerToTheTarget() throws Exception {
    var trace = newTrace();
    stand.target.answer("/direct?token=s3cret", HELLO);
    stand.target.answer("/direct", HELLO);

    assertThat(stand.send(traced(to(stand.gateways.get(1), PLANE, "/direct?token=s3cret"), trace)
            .build()))
        .isEqualTo(200);

    var spans = stand.spans(trace, 4);
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
    var request = stand.reached("/direct");
    assertThat(header(request, "traceparent"))
        .isEqualTo("00-" + trace + "-" + spans.getLast().id() + "-01");
    assertThat(header(request, "tracestate")).isEqualTo("vendor=1");
  }

  @Test
  void theSpanOfACallSaysWhoseAndWhereTo() throws Exception {
    var trace = newTrace();

    stand.send(
        traced(to(stand.gateways.get(1), PLANE, "/hello?token=s3cret"), trace).build());

    var spans = stand.spans(trace, 4);
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
        .containsEntry("server.port", Integer.toString(stand.target.port()))
        .containsEntry("buildplane.target", "k8s");
    // `secrets-stay-secret`: neither queries nor the agent's own token.
    assertThat(spans.toString()).doesNotContain("s3cret").doesNotContain("the-agents-own");
  }

  @Test
  void throughAnotherReplicaItStaysOneTrace() throws Exception {
    var trace = newTrace();

    assertThat(
            stand.send(traced(to(stand.gateways.get(0), PLANE, "/hello"), trace).build()))
        .isEqualTo(200);

    var spans = stand.spans(trace, 6);
    assertThat(spans)
        .extracting(Seen::service)
        .containsExactly("first", "first", "second", "second", "agent", "agent");
    assertThat(spans.get(1).name()).isEqualTo("GET replica");
    assertThat(spans.get(2).attribute("enduser.id")).isEqualTo("operator");
    assertThat(spans.get(2).attribute("buildplane.forwarded.by"))
        .isEqualTo(stand.gateways.get(0).replica());
  }

  @Test
  void theAuditLineNamesTheTrace() throws Exception {
    var trace = newTrace();

    stand.send(traced(to(stand.gateways.get(1), PLANE, "/hello"), trace).build());

    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> stand.hub.audit.stream()
            .anyMatch(
                line -> line.contains("\"buildplane.openchoreo.dev/trace-id\":\"" + trace + "\"")));
  }

  @Test
  void aMalformedContextIsDroppedAndANewTraceBegins() throws Exception {
    stand.target.answer("/malformed", HELLO);

    stand.send(to(stand.gateways.get(1), PLANE, "/malformed")
        .header("traceparent", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01")
        .header("tracestate", "vendor=1")
        .build());

    var request = stand.reached("/malformed");
    var trace = header(request, "traceparent").substring(3, 35);
    assertThat(trace).isNotEqualToIgnoringCase("0AF7651916CD43DD8448EB211C80319C");
    assertThat(header(request, "tracestate")).isEmpty();
    assertThat(stand.spans(trace, 4).getFirst().parentId()).isEmpty();
  }

  @Test
  void aTargetsFailureMarksAllSpans() throws Exception {
    var trace = newTrace();
    stand.target.answer(
        "/broken", "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n".getBytes(ISO_8859_1));

    assertThat(stand.send(
            traced(to(stand.gateways.get(1), PLANE, "/broken"), trace).build()))
        .isEqualTo(500);

    assertThat(stand.spans(trace, 4)).allSatisfy(span -> {
      assertThat(span.error()).isTrue();
      assertThat(span.attribute("error.type")).isEqualTo("500");
    });
  }

  @Test
  void aTargetThatHangsUpIsNamed() throws Exception {
    var trace = newTrace();
    stand.target.behave("/hangs-up", (connection, _) -> connection.close());

    assertThat(stand.send(traced(to(stand.gateways.get(1), PLANE, "/hangs-up"), trace)
            .POST(HttpRequest.BodyPublishers.ofString("x"))
            .build()))
        .isEqualTo(502);

    var spans = stand.spans(trace, 4);
    assertThat(spans).allMatch(Seen::error);
    assertThat(spans.getFirst().attribute("error.type")).isEqualTo("502");
    assertThat(spans.getLast().attribute("error.type")).isNotEmpty();
  }

  @Test
  void anAnswerThatDoesNotComeIsADeadline() throws Exception {
    var trace = newTrace();
    stand.target.behave("/never", (_, from) -> from.readAllBytes());
    var hasty = stand.alone(Duration.ofSeconds(3), Optional.of(stand.tracing("hasty")));
    stand.agentAt(hasty, "hasty", Optional.of(stand.tracing("hasty-agent")));
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> stand.send(to(hasty, "hasty", "/hello").build()) == 200);

    assertThat(stand.send(traced(to(hasty, "hasty", "/never"), trace).build())).isEqualTo(504);

    var call = stand.span(trace, span -> span.parentId().equals(CALLERS_SPAN));
    assertThat(call.error()).isTrue();
    assertThat(call.attributes())
        .containsEntry("error.type", "deadline")
        .containsEntry("http.response.status_code", "504");
    var atAgent = stand.span(
        trace,
        span -> span.service().equals("hasty-agent") && span.kind() == SpanKind.SPAN_KIND_SERVER);
    assertThat(atAgent.attribute("error.type")).isEqualTo("cancelled");
  }

  @Test
  void aCallerThatLeavesIsCancelled() throws Exception {
    var trace = newTrace();
    stand.target.behave("/slow", (_, from) -> from.readAllBytes());
    try (var caller = stand.hub.caller(HttpClient.Version.HTTP_2)) {
      var pending = caller.sendAsync(
          traced(to(stand.gateways.get(1), PLANE, "/slow"), trace).build(),
          BodyHandlers.ofString());
      stand.reached("/slow");
      pending.cancel(true);
      caller.shutdownNow();
    }

    var spans = stand.spans(trace, 4);
    assertThat(spans).allSatisfy(span -> {
      assertThat(span.error()).isTrue();
      assertThat(span.attribute("error.type")).isEqualTo("cancelled");
    });
    assertThat(spans.getFirst().attributes()).doesNotContainKey("http.response.status_code");
  }

  @Test
  void aLostConnectionIsNamed() throws Exception {
    var trace = newTrace();
    stand.hub.plane("lost", null, ClientCA.ofValue(stand.hub.agents.certificatePem()));
    var lost = Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .ignoreExceptions()
        .until(
            () -> TestAgent.dialAs(
                "lost",
                stand.gateways.get(1).agentPort(),
                "lost",
                stand.hub.agentIdentity(),
                stand.hub.ca.trust(),
                TunnelSettings.defaults()),
            java.util.Objects::nonNull);
    try (var caller = stand.hub.caller(HttpClient.Version.HTTP_2)) {
      var pending = caller.sendAsync(
          traced(to(stand.gateways.get(1), "lost", "/silent"), trace).build(),
          BodyHandlers.ofString());
      assertThat(lost.requests.poll(TestHub.PATIENCE.toSeconds(), TimeUnit.SECONDS))
          .isNotNull();
      lost.close();
      assertThat(pending.get(TestHub.PATIENCE.toSeconds(), TimeUnit.SECONDS).statusCode())
          .isEqualTo(502);
    }

    assertThat(stand.spans(trace, 2)).allSatisfy(span -> {
      assertThat(span.error()).isTrue();
      assertThat(span.attribute("error.type")).isEqualTo("connection_lost");
    });
  }

  @Test
  void theSpansOfAWatchEndWithIt() throws Exception {
    var trace = newTrace();
    stand.target.behave("/watch", (connection, from) -> {
      connection
          .getOutputStream()
          .write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nfirst\n\r\n"
              .getBytes(ISO_8859_1));
      connection.getOutputStream().flush();
      from.readAllBytes();
    });
    try (var caller = stand.hub.caller(HttpClient.Version.HTTP_2)) {
      var watch = caller.send(
          traced(to(stand.gateways.get(1), PLANE, "/watch?watch=true"), trace).build(),
          BodyHandlers.ofInputStream());
      assertThat(watch.body().readNBytes(6)).isEqualTo("first\n".getBytes(UTF_8));
      var later = newTrace();
      stand.send(traced(to(stand.gateways.get(1), PLANE, "/hello"), later).build());
      stand.spans(later, 4);

      assertThat(stand.collector.trace(trace)).as("while it lasts").isEmpty();
      watch.body().close();
    }

    assertThat(stand.spans(trace, 4))
        .noneMatch(Seen::error)
        .allSatisfy(
            span -> assertThat(span.attribute("http.response.status_code")).isEqualTo("200"));
  }

  @Test
  void whatIsNotSampledIsNotSentAndPropagatesAllTheSame() throws Exception {
    stand.target.answer("/unsampled", HELLO);
    var silentGateway = stand.closing(Tracing.start(stand
        .settings("silent-gateway")
        .with("otel.traces.sampler", "parentbased_traceidratio")
        .with("otel.traces.sampler.arg", "0")));
    var silentAgent = stand.closing(Tracing.start(stand
        .settings("silent-agent")
        .with("otel.traces.sampler", "parentbased_traceidratio")
        .with("otel.traces.sampler.arg", "1")));
    var gateway = stand.alone(GatewaySettings.DEFAULT_ANSWER_DEADLINE, Optional.of(silentGateway));
    stand.agentAt(gateway, "silent", Optional.of(silentAgent));
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> stand.send(to(gateway, "silent", "/hello").build()) == 200);

    assertThat(stand.send(to(gateway, "silent", "/unsampled").build())).isEqualTo(200);

    assertThat(header(stand.reached("/unsampled"), "traceparent"))
        .matches("00-[0-9a-f]{32}-[0-9a-f]{16}-0[02]");
    silentGateway.close();
    silentAgent.close();
    assertThat(stand.collector.spans()).noneMatch(span -> span.service().startsWith("silent"));
  }

  @Test
  void aRatioHoldsForTheWholeTrace() throws Exception {
    var trace = newTrace();
    var gateway = stand.alone(
        GatewaySettings.DEFAULT_ANSWER_DEADLINE,
        Optional.of(stand.closing(Tracing.start(stand
            .settings("follows")
            .with("otel.traces.sampler", "parentbased_traceidratio")
            .with("otel.traces.sampler.arg", "0")))));
    stand.agentAt(gateway, "follows", Optional.of(stand.tracing("follows-agent")));
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> stand.send(to(gateway, "follows", "/hello").build()) == 200);

    stand.send(traced(to(gateway, "follows", "/hello"), trace).build());

    assertThat(stand.spans(trace, 4)).as("the caller has it sampled").hasSize(4);
  }

  @Test
  void whereTracingIsOffAWellFormedContextPassesUnchanged() throws Exception {
    var trace = newTrace();
    stand.target.answer("/off", HELLO);
    var gateway = stand.hub.gateway;
    stand.agentAt(gateway, "off", Optional.empty());
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> stand.send(to(gateway, "off", "/hello").build()) == 200);

    stand.send(traced(to(gateway, "off", "/off"), trace).build());
    var kept = stand.reached("/off");
    stand.send(to(gateway, "off", "/off")
        .header("traceparent", "00-" + trace + "-0000000000000000-01")
        .header("tracestate", "vendor=1")
        .build());
    var dropped = stand.reached("/off");

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
    var dead = stand.closing(
        Tracing.start(TracingSettings.to("dead", URI.create("http://127.0.0.1:" + port))
            .with("otel.bsp.schedule.delay", "10")
            .with("otel.bsp.max.queue.size", "16")
            .with("otel.bsp.max.export.batch.size", "16")));
    var gateway = stand.alone(GatewaySettings.DEFAULT_ANSWER_DEADLINE, Optional.of(dead));
    stand.agentAt(gateway, "dead", Optional.of(dead));
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> stand.send(to(gateway, "dead", "/hello").build()) == 200);

    try (var caller = stand.hub.caller(HttpClient.Version.HTTP_2)) {
      for (int i = 0; i < 100; i++) {
        var answer = caller.send(to(gateway, "dead", "/hello").build(), BodyHandlers.ofString());
        assertThat(answer.statusCode()).isEqualTo(200);
      }
    }
  }
}
