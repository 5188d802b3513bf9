package dev.buildplane.gateway;

import static dev.buildplane.gateway.TraceStand.header;
import static dev.buildplane.gateway.TraceStand.newTrace;
import static dev.buildplane.gateway.TraceStand.to;
import static dev.buildplane.gateway.TraceStand.traced;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.testkit.OtlpCollector.Seen;
import dev.buildplane.testkit.RawHttp;
import dev.buildplane.testkit.TestTls;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A trace stays one where a call is carried otherwise than by a stream of messages: v0.17's JSON, and upgrades.
@Timeout(300)
class TracingPathsIT {
  private static final String JSON_PLANE = "in-json";
  private static final String PLANE = "upgraded";

  @TempDir
  static Path folder;

  static TraceStand stand;

  @BeforeAll
  static void start() throws Exception {
    stand = new TraceStand(folder);
    stand.target.answer(
        "/hello", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello".getBytes(ISO_8859_1));
    var gateway = stand.replica("gateway");
    stand.agentAt(
        gateway,
        JSON_PLANE,
        Optional.of(stand.tracing("json-agent")),
        settings -> settings.withJsonOnly(true));
    stand.agentAt(gateway, PLANE, Optional.of(stand.tracing("agent")));
  }

  @AfterAll
  static void stop() throws Exception {
    stand.close();
  }

  private static Gateway gateway() {
    return stand.gateways.getFirst();
  }

  @Test
  void throughAnAgentThatSpeaksJson() throws Exception {
    var trace = newTrace();

    assertThat(stand.send(traced(to(gateway(), JSON_PLANE, "/hello"), trace).build()))
        .isEqualTo(200);

    var spans = stand.spans(trace, 4);
    assertThat(spans)
        .extracting(Seen::service)
        .containsExactly("gateway", "gateway", "json-agent", "json-agent");
    assertThat(spans)
        .noneMatch(Seen::error)
        .allSatisfy(
            span -> assertThat(span.attribute("http.response.status_code")).isEqualTo("200"));
    assertThat(header(stand.reached("/hello"), "traceparent"))
        .isEqualTo("00-" + trace + "-" + spans.getLast().id() + "-01");
  }

  @ParameterizedTest
  @ValueSource(strings = {"websocket", "SPDY/3.1"})
  void anUpgradesSpansEndWithItsPipe(String protocol) throws Exception {
    var trace = newTrace();
    stand.target.behave("/pipe", (connection, from) -> {
      var out = connection.getOutputStream();
      out.write(("HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: " + protocol
              + "\r\n\r\n")
          .getBytes(ISO_8859_1));
      out.flush();
      from.transferTo(out);
    });
    var operator = stand.hub.ca.issueClient("operator", List.of("system:masters"), TestHub.YEAR);
    try (var caller = RawHttp.tls(
        gateway().callerPort(), TestTls.context(operator, stand.hub.ca.trust()), "http/1.1")) {
      caller.send(Chain.get(
          "/api/proxy/buildplane/" + PLANE + "/_cluster/" + PLANE + "/k8s/pipe",
          "Connection: Upgrade",
          "Upgrade: " + protocol,
          "Sec-WebSocket-Version: 13",
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
          "traceparent: 00-" + trace + "-" + TraceStand.CALLERS_SPAN + "-01"));
      assertThat(caller.read().status()).isEqualTo(101);
      caller.send("ping");
      assertThat(caller.in().readNBytes(4)).isEqualTo("ping".getBytes(ISO_8859_1));
      assertThat(stand.collector.trace(trace)).as("while it lasts").isEmpty();
    }

    var spans = stand.spans(trace, 4);
    assertThat(spans)
        .extracting(Seen::service)
        .containsExactly("gateway", "gateway", "agent", "agent");
    assertThat(spans)
        .noneMatch(Seen::error)
        .allSatisfy(
            span -> assertThat(span.attribute("http.response.status_code")).isEqualTo("101"));
    assertThat(header(stand.reached("/pipe"), "traceparent"))
        .isEqualTo("00-" + trace + "-" + spans.getLast().id() + "-01");
  }
}
