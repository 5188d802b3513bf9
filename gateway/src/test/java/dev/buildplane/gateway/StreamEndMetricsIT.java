package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.model.ClientCA;
import dev.buildplane.tunnel.MemoryBudget;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Calls that the gateway itself ends are counted by the reason, at a gateway made impatient or short of memory.
@Timeout(180)
class StreamEndMetricsIT {
  /// Less than a stream's window, so that one reader that stands still spends its share.
  private static final long BUDGET_BYTES = 512 << 10;

  @TempDir
  Path directory;

  /// A gateway with an agent, and a caller.
  private final class Stand implements AutoCloseable {
    final TestHub hub;
    final TestAgent agent;
    final HttpClient caller;
    private final HttpClient plain = HttpClient.newHttpClient();

    Stand(UnaryOperator<GatewaySettings> settings) throws Exception {
      hub = new TestHub(directory, settings);
      hub.plane("p", null, ClientCA.ofValue(hub.agents.certificatePem()));
      agent = hub.agent("p");
      caller = hub.caller(HttpClient.Version.HTTP_2);
    }

    HttpRequest proxied(String path) {
      return HttpRequest.newBuilder(URI.create("https://localhost:" + hub.gateway.callerPort()
              + "/api/proxy/buildplane/p/_cluster/p/k8s" + path))
          .build();
    }

    int status(String path) throws Exception {
      return caller.send(proxied(path), BodyHandlers.ofString()).statusCode();
    }

    void awaitMetrics(String... lines) {
      var uri = URI.create("http://localhost:" + hub.gateway.healthPort() + "/metrics");
      await()
          .atMost(TestHub.PATIENCE)
          .untilAsserted(() -> assertThat(plain
                  .send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString())
                  .body()
                  .lines())
              .contains(lines));
    }

    @Override
    public void close() throws Exception {
      caller.shutdownNow();
      plain.close();
      agent.close();
      hub.close();
    }
  }

  private static String closed(String reason, int count) {
    return "buildplane_gateway_streams_closed_total{reason=\"" + reason + "\"} " + count + ".0";
  }

  @Test
  void aCallWithoutAnAnswerInTimeIsCountedAsDeadline() throws Exception {
    try (var stand = new Stand(settings -> settings.withAnswerDeadline(Duration.ofSeconds(1)))) {
      stand.awaitMetrics(closed("deadline", 0));
      var answer = stand.caller.send(stand.proxied("/never"), BodyHandlers.ofString());
      assertThat(answer.statusCode()).isEqualTo(504);
      stand.awaitMetrics(
          closed("deadline", 1),
          closed("cancelled", 0),
          "buildplane_gateway_streams 0.0",
          "buildplane_gateway_proxy_requests_total{code=\"5xx\"} 1.0");
      await().atMost(TestHub.PATIENCE).until(() -> stand.agent.open.get() == 0);
    }
  }

  @Test
  void aCallGivenUpForMemoryIsCountedAsShed() throws Exception {
    var budget = new MemoryBudget(BUDGET_BYTES);
    try (var stand =
        new Stand(settings -> settings.withTunnels(settings.tunnels().withBudget(budget)))) {
      stand.awaitMetrics(closed("shed", 0));
      var endless = stand
          .caller
          .send(stand.proxied("/endless"), BodyHandlers.ofInputStream())
          .body();
      // Not a byte is read: the gateway may give the call up before the first could be.
      stand.awaitMetrics(closed("shed", 1), "buildplane_gateway_streams 0.0");
      await().atMost(TestHub.PATIENCE).until(() -> budget.usedBytes() == 0);
      await().atMost(TestHub.PATIENCE).until(() -> stand.agent.open.get() == 0);
      assertThat(stand
              .caller
              .send(stand.proxied("/hello"), BodyHandlers.ofString())
              .body())
          .isEqualTo("hello");
      endless.close();
    }
  }

  /// What an agent does to a call is told apart: it will not have it, it takes it back, it answers what is no answer, it goes.
  @Test
  void whatAnAgentDoesToACallIsItsReason() throws Exception {
    try (var stand = new Stand(UnaryOperator.identity())) {
      stand.awaitMetrics(
          closed("refused", 0),
          closed("reset", 0),
          closed("protocol", 0),
          closed("connection_lost", 0));
      stand.agent.refusing = true;
      assertThat(stand.status("/hello")).isEqualTo(503);
      stand.awaitMetrics(closed("refused", 1));
      stand.agent.refusing = false;

      assertThat(stand.status("/reset")).isEqualTo(502);
      stand.awaitMetrics(closed("reset", 1));

      assertThat(stand.status("/no-status")).isEqualTo(502);
      stand.awaitMetrics(closed("protocol", 1));

      var underWay = stand.caller.sendAsync(stand.proxied("/never"), BodyHandlers.ofString());
      await().atMost(TestHub.PATIENCE).until(() -> stand.agent.open.get() == 1);
      stand.agent.close();
      assertThat(underWay.get(60, TimeUnit.SECONDS).statusCode()).isEqualTo(502);
      stand.awaitMetrics(
          closed("connection_lost", 1),
          closed("refused", 1),
          closed("reset", 1),
          closed("protocol", 1),
          "buildplane_gateway_streams 0.0");
    }
  }
}
