package dev.buildplane.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.Identity;
import dev.buildplane.testkit.RawWebSocket;
import dev.buildplane.testkit.V017Gateway;
import dev.buildplane.testkit.V017Gateway.Connection;
import dev.buildplane.tunnel.JsonSettings;
import dev.buildplane.tunnel.TunnelSettings;
import dev.buildplane.tunnel.TunnelTransport;
import dev.buildplane.tunnel.WebSocketHandshake;
import io.netty.channel.EventLoopGroup;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// This agent at a gateway of OpenChoreo v0.17.
@Timeout(120)
class JsonAgentIT {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final Duration DAY = Duration.ofDays(1);
  private static final CertificateAuthority CA = CertificateAuthority.create("test CA", DAY);
  private static final Identity SERVER =
      CA.issueServer("server", List.of("localhost", "127.0.0.1"), DAY);

  @TempDir
  Path folder;

  private final EventLoopGroup loops = TunnelTransport.eventLoops(1, "test");
  private V017Gateway gateway;
  private TestTarget target;
  private Agent agent;

  @BeforeEach
  void start() throws Exception {
    gateway = new V017Gateway(SERVER, CA.trust());
    target = new TestTarget(loops, SERVER);
    var identity = CA.issueClient("agent", List.of(), DAY);
    Files.writeString(folder.resolve("tls.key"), identity.keyPem());
    Files.writeString(folder.resolve("tls.crt"), identity.certificatePem());
    Files.writeString(folder.resolve("ca.pem"), CA.certificatePem());
    Files.writeString(folder.resolve("token"), "own-token\n");
    Files.writeString(folder.resolve("kubeconfig"), """
        apiVersion: v1
        kind: Config
        current-context: build-plane
        contexts:
          - name: build-plane
            context: { cluster: build-plane, user: agent }
        clusters:
          - name: build-plane
            cluster: { server: "https://localhost:%d", certificate-authority: ca.pem }
        users:
          - name: agent
            user: { tokenFile: token }
        """.formatted(target.port()));
  }

  @AfterEach
  void stop() throws Exception {
    if (agent != null) {
      agent.close();
    }
    gateway.close();
    target.close();
    loops.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
  }

  private Connection connected() throws Exception {
    return connected(settings -> settings);
  }

  private Connection connected(UnaryOperator<JsonSettings> change) throws Exception {
    agent = Agent.start(AgentSettings.of(
            URI.create("wss://localhost:" + gateway.port() + "/ws"),
            "buildplane",
            "shared-builder",
            folder.resolve("tls.crt"),
            folder.resolve("tls.key"),
            folder.resolve("ca.pem"),
            Optional.of(folder.resolve("kubeconfig")))
        .withTunnel(TunnelSettings.defaults().withJson(change.apply(JsonSettings.defaults()))));
    return gateway.agent();
  }

  private static JsonNode answer(CompletableFuture<JsonNode> answer) throws Exception {
    return answer.get(60, TimeUnit.SECONDS);
  }

  private static ObjectNode get(String path) {
    return Connection.request("k8s", "GET", path);
  }

  private static String text(JsonNode answer) {
    return new String(Connection.body(answer), UTF_8);
  }

  @Test
  void theSubProtocolIsOfferedAndJsonSpokenWhenItIsNotChosen() throws Exception {
    var connection = connected();
    assertThat(connection.handshake().line())
        .isEqualTo("GET /ws?planeType=buildplane&planeID=shared-builder HTTP/1.1");
    assertThat(connection.handshake().fields())
        .containsEntry("sec-websocket-protocol", WebSocketHandshake.H2_PROTOCOL);
    await().atMost(PATIENCE).until(agent::ready);
  }

  @Test
  void aRequestWithoutHeadersReachesItsTargetWithTheAgentsCredentials() throws Exception {
    var answer = answer(connected().call(get("/api/v1/pods").put("query", "limit=5&x=%20")));
    assertThat(answer.path("statusCode").asInt()).isEqualTo(200);
    assertThat(text(answer)).isEqualTo("hello");
    assertThat(answer.has("error")).isFalse();
    var seen = target.seen.take();
    assertThat(seen.uri()).isEqualTo("/api/v1/pods?limit=5&x=%20");
    assertThat(seen.headers()).containsEntry("authorization", "Bearer own-token");
  }

  @Test
  void credentialsAndConnectionHeadersOfTheCallerStopHere() throws Exception {
    var request = get("/x");
    var headers = request.putObject("headers");
    headers.putArray("Authorization").add("Bearer of-the-caller");
    headers.putArray("Impersonate-User").add("admin");
    headers.putArray("Connection").add("X-Nominated, Upgrade");
    headers.putArray("Upgrade").add("websocket");
    headers.putArray("X-Nominated").add("1");
    headers.putArray("Content-Length").add("99");
    headers.putArray("Expect").add("100-continue");
    headers.putArray("Transfer-Encoding").add("chunked");
    headers.putArray("Accept").add("a/b").add("c/d");
    answer(connected().call(request));
    assertThat(target.seen.take().headers())
        .containsEntry("authorization", "Bearer own-token")
        .containsEntry("host", "localhost:" + target.port())
        .containsKey("accept")
        .doesNotContainKeys(
            "impersonate-user", "x-nominated", "upgrade", "expect", "transfer-encoding");
  }

  @ParameterizedTest
  @CsvSource({
    "/a b/ü, /a%20b/%C3%BC",
    "/a%2Fb, /a%252Fb",
    "/a?b#c, /a%3Fb%23c",
    "'/a HTTP/1.1', /a%20HTTP/1.1",
  })
  void aDecodedPathIsTakenAtItsWord(String path, String uri) throws Exception {
    assertThat(text(answer(connected().call(get(path))))).isEqualTo("hello");
    assertThat(target.seen.take().uri()).isEqualTo(uri);
  }

  @Test
  void nothingInARequestEndsItsRequestLine() throws Exception {
    var connection = connected();
    var evil = " HTTP/1.1\r\nHost: x\r\n\r\nGET /smuggled";
    answer(connection.call(get("/a" + evil)));
    answer(connection.call(get("/b").put("query", "q=1" + evil)));
    var method = answer(connection.call(Connection.request("k8s", "GET" + evil, "/c")));
    assertThat(method.path("statusCode").asInt()).isEqualTo(500);
    var header = get("/d");
    header.putObject("headers").putArray("X-Evil").add("1\r\nX-Injected: 2");
    assertThat(answer(connection.call(header)).path("statusCode").asInt()).isEqualTo(500);
    assertThat(answer(connection.call(get("no-slash"))).path("statusCode").asInt())
        .isEqualTo(500);
    assertThat(target.seen)
        .extracting(TestTarget.Seen::uri)
        .containsExactly(
            "/a%20HTTP/1.1%0D%0AHost:%20x%0D%0A%0D%0AGET%20/smuggled",
            "/b?q=1%20HTTP/1.1%0D%0AHost:%20x%0D%0A%0D%0AGET%20/smuggled");
  }

  @ParameterizedTest
  @CsvSource({"0", "1", "2", "49153", "900000"})
  void aBinaryBodyGoesUpAndComesBackWhole(int bytes) throws Exception {
    var payload = new byte[bytes];
    new Random(bytes).nextBytes(payload);
    var request = Connection.request("k8s", "POST", "/echo").put("body", payload);
    var answer = answer(connected().call(request));
    assertThat(answer.path("statusCode").asInt()).isEqualTo(201);
    assertThat(Connection.body(answer)).isEqualTo(payload);
    assertThat(answer.has("body")).isEqualTo(bytes > 0);
    assertThat(target.seen.take().headers()).containsEntry("content-length", "" + bytes);
  }

  @Test
  void aLargeAnswerComesWholeAndPingsAreAnsweredMeanwhile() throws Exception {
    var connection = connected();
    var large = connection.call(get("/bytes/10000000"));
    connection.socket().frame(true, RawWebSocket.PING, "p".getBytes(UTF_8));
    assertThat(Connection.body(answer(large))).hasSize(10_000_000);
    assertThat(connection.pongs().poll(30, TimeUnit.SECONDS)).isEqualTo("p".getBytes(UTF_8));
  }

  @Test
  void anUnknownTargetIsA404AsInV017() throws Exception {
    var answer = answer(connected().call(Connection.request("monitoring", "GET", "/")));
    assertThat(answer.path("statusCode").asInt()).isEqualTo(404);
    assertThat(answer.path("error").path("code").asInt()).isEqualTo(404);
    assertThat(answer.path("error").path("message").asText())
        .isEqualTo("unknown target: monitoring");
    assertThat(text(answer)).contains("\"kind\":\"Status\"");
  }

  @Test
  void anUnreachableTargetAndABrokenAnswerAre502AsInV017() throws Exception {
    var connection = connected();
    var broken = answer(connection.call(get("/break")));
    assertThat(broken.path("statusCode").asInt()).isEqualTo(502);
    assertThat(broken.path("error").path("message").asText())
        .startsWith("failed to read response: ");
    target.close();
    await().atMost(PATIENCE).until(() -> target.open.get() == 0);
    var refused = answer(connection.call(get("/hello")));
    assertThat(refused.path("statusCode").asInt()).isEqualTo(502);
    assertThat(refused.path("error").path("message").asText())
        .startsWith("backend request failed: ");
  }

  @Test
  void anAnswerBeyondTheBoundIsA502AndTheTargetIsLetGo() throws Exception {
    var connection = connected(json -> json.withBounds(1 << 20, 1000, 1 << 20));
    var answer = answer(connection.call(get("/bytes/1001")));
    assertThat(answer.path("statusCode").asInt()).isEqualTo(502);
    assertThat(answer.path("error").path("message").asText()).contains("at most 1000 bytes");
    assertThat(Connection.body(answer(connection.call(get("/bytes/1000"))))).hasSize(1000);
  }

  @Test
  void aWatchThatSlippedThroughIsGivenUpAtTheLimit() throws Exception {
    var connection = connected(json -> json.withAnswerLimit(Duration.ofMillis(500)));
    var answer = answer(connection.call(get("/watch")));
    assertThat(answer.path("statusCode").asInt()).isEqualTo(504);
    await().atMost(PATIENCE).until(() -> target.open.get() == 0);
  }

  @Test
  void requestsRunAtTheSameTime() throws Exception {
    var connection = connected();
    var watch = connection.call(get("/watch"));
    var calls = new ArrayList<CompletableFuture<JsonNode>>();
    for (int i = 0; i < 200; i++) {
      calls.add(connection.call(get("/hello")));
    }
    for (var call : calls) {
      assertThat(text(answer(call))).isEqualTo("hello");
    }
    assertThat(watch).isNotDone();
  }

  @Test
  void aLostConnectionEndsItsRequestsAtTheTargetAndIsDialledAgain() throws Exception {
    var connection = connected();
    connection.call(get("/watch"));
    await().atMost(PATIENCE).until(() -> target.open.get() == 1);
    connection.close();
    await().atMost(PATIENCE).until(() -> target.open.get() == 0);
    assertThat(text(answer(gateway.agent().call(get("/hello"))))).isEqualTo("hello");
  }

  @Test
  void aGatewayThatFellSilentIsLeft() throws Exception {
    connected(json -> json.withLiveness(Duration.ofMillis(100), Duration.ofMillis(500)));
    // Never pinged, so the agent must come again by itself.
    assertThat(gateway.agent().handshake().line()).contains("planeID=shared-builder");
  }

  @Test
  void whatIsNoRequestIsDropped() throws Exception {
    var connection = connected();
    for (var noise : List.of(
        "",
        "not json",
        "[]",
        "{}",
        "{\"target\":\"k8s\"}",
        "{\"requestID\":7}",
        "{\"x\":" + "[".repeat(500_000),
        "{\"x\":" + "9".repeat(500_000) + "}")) {
      connection.socket().text(noise);
    }
    assertThat(text(answer(connection.call(get("/hello"))))).isEqualTo("hello");
    assertThat(target.seen).hasSize(1);
  }

  @Test
  void aFragmentedRequestIsOneRequest() throws Exception {
    var connection = connected();
    var request = get("/hello");
    var answer = connection.call(Connection.request("k8s", "GET", "/first"));
    var bytes = request.toString().getBytes(UTF_8);
    var pong = new ByteArrayOutputStream();
    pong.writeBytes("between".getBytes(UTF_8));
    for (int i = 0; i < bytes.length; i++) {
      connection
          .socket()
          .frame(
              i == bytes.length - 1,
              i == 0 ? RawWebSocket.TEXT : RawWebSocket.CONTINUATION,
              new byte[] {bytes[i]});
      if (i == 5) {
        connection.socket().frame(true, RawWebSocket.PING, pong.toByteArray());
      }
    }
    answer(answer);
    assertThat(connection.pongs().poll(30, TimeUnit.SECONDS)).isEqualTo(pong.toByteArray());
    await().atMost(PATIENCE).until(() -> target.seen.size() == 2);
  }

  @Test
  void wrongFramesCloseTheConnectionWithTheirCode() throws Exception {
    var connection = connected();
    connection.socket().frame(true, RawWebSocket.BINARY, new byte[] {1});
    assertThat(connection.closed().get(30, TimeUnit.SECONDS)).isEqualTo(1003);
    var masked = gateway.agent();
    masked.socket().raw(RawWebSocket.encode(true, RawWebSocket.TEXT, new byte[] {'{'}, true));
    assertThat(masked.closed().get(30, TimeUnit.SECONDS)).isEqualTo(1002);
    var huge = gateway.agent();
    huge.socket().raw(new byte[] {(byte) 0x81, 127, 0, 0, 0, 0, 0x7f, 0, 0, 0});
    assertThat(huge.closed().get(30, TimeUnit.SECONDS)).isEqualTo(1009);
  }

  @Test
  void closingLetsARunningRequestFinish() throws Exception {
    var connection = connected(json -> json.withAnswerLimit(Duration.ofSeconds(6)));
    var running = connection.call(get("/watch"));
    await().atMost(PATIENCE).until(() -> target.open.get() == 1);
    agent.close();
    assertThat(answer(running).path("statusCode").asInt()).isEqualTo(504);
    assertThat(connection.closed().get(30, TimeUnit.SECONDS)).isEqualTo(1001);
  }
}
