package dev.buildplane.tracing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildplane.testkit.OtlpCollector;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.time.Duration;
import java.util.Optional;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class TracingIT {
  private static final int QUEUE = 100;
  private static final int BATCH = 50;

  private static TracingSettings settings(URI endpoint) {
    return TracingSettings.to("test", endpoint)
        .with("otel.bsp.max.queue.size", Integer.toString(QUEUE))
        .with("otel.bsp.max.export.batch.size", Integer.toString(BATCH))
        .with("otel.bsp.schedule.delay", "100")
        .with("otel.exporter.otlp.timeout", "60000");
  }

  @Test
  void headersOfTheCollectorAreSent() throws Exception {
    try (var collector = new OtlpCollector()) {
      var tracing = Tracing.start(settings(collector.endpoint())
          .with("otel.exporter.otlp.headers", "authorization=Bearer%20collector"));
      tracing.server("GET /x", Optional.empty()).end();
      tracing.close();

      assertThat(collector.authorizations()).containsExactly("Bearer collector");
      assertThat(collector.spans()).singleElement().satisfies(span -> {
        assertThat(span.service()).isEqualTo("test");
        assertThat(span.parentId()).isEmpty();
      });
    }
  }

  @Test
  void whatWaitsForACollectorThatDoesNotAnswerIsBounded() throws Exception {
    try (var collector = new OtlpCollector()) {
      collector.hold();
      var tracing = Tracing.start(settings(collector.endpoint()));
      for (int i = 0; i < 100 * QUEUE; i++) {
        tracing.server("GET /x", Optional.empty()).end();
      }
      collector.release();
      tracing.close();

      Awaitility.await()
          .atMost(Duration.ofSeconds(60))
          .untilAsserted(() -> assertThat(collector.spans()).isNotEmpty());
      // What waits, what is gathered for the next request, and what is under way.
      assertThat(collector.spans()).hasSizeLessThanOrEqualTo(QUEUE + 2 * BATCH);
    }
  }

  @Test
  void aDeadCollectorFailsNobody() throws Exception {
    var tracing = Tracing.start(settings(URI.create("http://127.0.0.1:" + closedPort())));
    for (int i = 0; i < 100 * QUEUE; i++) {
      tracing.server("GET /x", Optional.empty()).end();
    }

    assertThat(tracing.server("GET /x", Optional.empty()).traceId()).hasSize(32);
    tracing.close();
  }

  @Test
  void whatCannotBeUsedIsSaid() {
    var usable = settings(URI.create("http://127.0.0.1:4318"));

    assertThatThrownBy(() -> Tracing.start(usable.with("otel.traces.sampler", "sometimes")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("sometimes")
        .hasMessageContaining("OTEL_*");
    assertThatThrownBy(() -> Tracing.start(usable.with("otel.exporter.otlp.protocol", "grpc")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("expected http/protobuf, found grpc");
  }

  private static int closedPort() throws IOException {
    try (var probe = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return probe.getLocalPort();
    }
  }
}
