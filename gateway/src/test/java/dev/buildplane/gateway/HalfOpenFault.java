package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.testkit.BlackHole;
import dev.buildplane.tunnel.TunnelSettings;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The only way of an agent to its gateway loses everything without closing: the call under way fails with its reason, the plane is told as
/// disconnected, later calls are refused at once; and when the way is there again, so is the agent.
@Timeout(180)
class HalfOpenFault {
  private static final String PLANE = "half-open";

  /// In place of 10 s and 25 s.
  private static final TunnelSettings QUICK =
      TunnelSettings.defaults().withLiveness(Duration.ofMillis(300), Duration.ofSeconds(3));

  @TempDir
  Path folder;

  private final CountDownLatch hanging = new CountDownLatch(1);
  private TestHub hub;
  private CannedTarget target;
  private BlackHole way;
  private AgentChain chain;
  private HttpClient caller;

  @BeforeEach
  void start() throws Exception {
    hub = new TestHub(folder, settings -> settings.withTunnels(QUICK));
    target = CannedTarget.plain();
    target.answer(
        "/here",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
            .getBytes(java.nio.charset.StandardCharsets.US_ASCII));
    target.behave("/hang", (_, from) -> {
      hanging.countDown();
      from.transferTo(java.io.OutputStream.nullOutputStream());
    });
    way = BlackHole.before(hub.gateway.agentPort());
    chain = AgentChain.start(
        hub,
        PLANE,
        folder.resolve("agent"),
        way.port(),
        target.port(),
        Optional.empty(),
        settings -> settings.withTunnel(QUICK));
    caller = hub.caller(HttpClient.Version.HTTP_2);
  }

  @AfterEach
  void stop() throws Exception {
    caller.shutdownNow();
    chain.close();
    way.close();
    target.close();
    hub.close();
  }

  private HttpResponse<String> get(URI uri) throws Exception {
    return caller.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString());
  }

  private String status() throws Exception {
    return get(URI.create("https://localhost:" + hub.gateway.callerPort()
            + "/api/v1/planes/buildplane/" + PLANE + "/status"))
        .body();
  }

  @ParameterizedTest
  @CsvSource({"true, true", "true, false", "false, true"})
  void isNoticedToldAndOver(boolean up, boolean down) throws Exception {
    assertThat(get(chain.uri("/here")).statusCode()).isEqualTo(200);
    assertThat(status()).contains("\"connected\":true");
    var underWay = caller.sendAsync(
        HttpRequest.newBuilder(chain.uri("/hang")).build(), BodyHandlers.ofString());
    assertThat(hanging.await(60, TimeUnit.SECONDS)).isTrue();

    way.swallowUp(up);
    way.swallowDown(down);

    var failed = underWay.get(60, TimeUnit.SECONDS);
    assertThat(failed.statusCode()).as(failed.body()).isEqualTo(502);
    assertThat(failed.body()).contains("connection to buildplane/" + PLANE);
    await()
        .atMost(TestHub.PATIENCE)
        .untilAsserted(() -> assertThat(status()).contains("\"connected\":false"));
    var refused = get(chain.uri("/here"));
    assertThat(refused.statusCode()).isEqualTo(503);
    assertThat(refused.body()).contains("no agents found for plane");

    way.swallowUp(false);
    way.swallowDown(false);
    await().atMost(TestHub.PATIENCE).untilAsserted(() -> {
      var again = get(chain.uri("/here"));
      assertThat(again.statusCode()).as(again.body()).isEqualTo(200);
    });
    await().atMost(TestHub.PATIENCE).until(() -> status().contains("\"connected\":true"));
  }
}
