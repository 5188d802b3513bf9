package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.model.ClientCA;
import dev.buildplane.testkit.HostileHttp2;
import dev.buildplane.testkit.RawHttp;
import dev.buildplane.testkit.WebSocketEnvelope;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// An agent that answers what it was not asked, or asks: its connection ends, the call it had answered has its answer, and the audit log says whose agent
/// it was and what it did. What it says after the end of an answer goes nowhere.
@Timeout(180)
class HostileAgentAuditIT {
  /// What it sends once its answer to stream 1 is whole.
  private interface Attack {
    void on(HostileHttp2 tunnel) throws Exception;
  }

  private static final Map<String, Attack> ATTACKS = Map.of(
      "an answer to a request nobody sent it",
          tunnel -> tunnel.headers(9_999, true, ":status", "200"),
      "a request", tunnel -> tunnel.request(2, true, "GET", "/api/v1/planes/status"));

  @TempDir
  static Path folder;

  static TestHub hub;

  @BeforeAll
  static void start() throws Exception {
    hub = new TestHub(folder);
  }

  @AfterAll
  static void stop() throws Exception {
    hub.close();
  }

  static Stream<String> attacks() {
    return ATTACKS.keySet().stream().sorted();
  }

  @ParameterizedTest
  @MethodSource("attacks")
  void isEndedAndAudited(String attack) throws Exception {
    var plane = "hostile-" + attack.replace(' ', '-');
    afterAnAnswer(plane, (tunnel, _) -> {
      ATTACKS.get(attack).on(tunnel);
      tunnel.flush();
      tunnel.end();
    });
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .untilAsserted(() -> assertThat(hub.audit)
            .anyMatch(line -> Stream.of(
                    "\"verb\":\"connect\"",
                    "\"username\":\"CN=agent\"",
                    "\"name\":\"buildplane/" + plane + "\"",
                    "\"code\":400",
                    "PROTOCOL_ERROR: ")
                .allMatch(line::contains)));
  }

  @Test
  void whatComesAfterTheEndOfAnAnswerGoesNowhere() throws Exception {
    afterAnAnswer("talkative", (tunnel, again) -> {
      tunnel
          .headers(1, true, ":status", "200")
          .frame(HostileHttp2.DATA, 0, 1, new byte[10])
          .flush();
      long before = tunnel.frames();
      var next = again.get();
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> tunnel.frames() > before);
      tunnel.headers(3, true, ":status", "202").flush();
      var answer = next.get(60, TimeUnit.SECONDS);
      assertThat(answer.statusCode()).as(answer.body()).isEqualTo(202);
    });
  }

  /// What is done next.
  private interface Then {
    void on(HostileHttp2 tunnel, Supplier<CompletableFuture<HttpResponse<String>>> callAgain)
        throws Exception;
  }

  private static void afterAnAnswer(String plane, Then then) throws Exception {
    hub.plane(plane, null, ClientCA.ofValue(hub.agents.certificatePem()));
    var path = "/api/proxy/buildplane/" + plane + "/_cluster/" + plane + "/k8s/x";
    try (var caller = hub.caller(HttpClient.Version.HTTP_2);
        var connection = connect(plane)) {
      var socket = WebSocketEnvelope.on(connection);
      var tunnel = HostileHttp2.server(connection, socket.in(), socket.out()).listen();
      tunnel.frame(HostileHttp2.SETTINGS, 0, 0).flush();
      tunnel.frame(HostileHttp2.SETTINGS, HostileHttp2.ACK, 0).flush();
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> get(caller, "/api/v1/planes/buildplane/" + plane + "/status")
              .get(60, TimeUnit.SECONDS)
              .body()
              .contains("\"connected\":true"));
      var answered = get(caller, path);
      tunnel.opened();
      tunnel.headers(1, true, ":status", "204").flush();
      assertThat(answered.get(60, TimeUnit.SECONDS).statusCode()).isEqualTo(204);
      then.on(tunnel, () -> get(caller, path));
    }
  }

  private static RawHttp connect(String plane) {
    var identity = hub.agentIdentity();
    return Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(
            () -> {
              var connection =
                  RawHttp.tls(hub.gateway.agentPort(), hub.sslContext(identity), "http/1.1");
              int status = connection
                  .send(AgentClaimsIT.handshake("/ws?planeType=buildplane&planeID=" + plane))
                  .read()
                  .status();
              if (status == 101) {
                return connection;
              }
              connection.close();
              return null;
            },
            java.util.Objects::nonNull);
  }

  private static CompletableFuture<HttpResponse<String>> get(HttpClient caller, String path) {
    return caller.sendAsync(
        HttpRequest.newBuilder(URI.create("https://localhost:" + hub.gateway.callerPort() + path))
            .build(),
        BodyHandlers.ofString());
  }
}
