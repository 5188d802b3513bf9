package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.model.ClientCA;
import dev.buildplane.testkit.HostileHttp2;
import dev.buildplane.testkit.RawHttp;
import dev.buildplane.testkit.WebSocketEnvelope;
import dev.buildplane.tunnel.TunnelSettings;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// An agent that was let in turns on the gateway, from within its tunnel: it loses the tunnel, and other planes notice nothing.
@ExtendWith(Chain.Given.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HostileAgentFault {
  private static final String PLANE = "hostile";
  private static final long PROTOCOL_ERROR = 1;
  private static final String PATH =
      "/api/proxy/buildplane/" + PLANE + "/_cluster/" + PLANE + "/k8s/x";

  @FunctionalInterface
  private interface Attack {
    void on(HostileHttp2 tunnel) throws IOException;
  }

  private static final Map<String, Attack> ATTACKS = Map.of(
      "ping flood",
          tunnel -> {
            for (int i = 0; i < 50_000; i++) {
              tunnel.frame(HostileHttp2.PING, 0, 0, new byte[8]);
            }
          },
      "settings flood",
          tunnel -> {
            for (int i = 0; i < 50_000; i++) {
              tunnel.setting(HostileHttp2.INITIAL_WINDOW_SIZE, 65_535);
            }
          },
      "continuations without end",
          tunnel -> {
            tunnel.frame(HostileHttp2.HEADERS, 0, 1, HostileHttp2.block(":status", "200"));
            for (int i = 0; i < 50_000; i++) {
              tunnel.frame(HostileHttp2.CONTINUATION, 0, 1, HostileHttp2.block("x", "y"));
            }
          },
      "an answer to a request nobody sent it",
          tunnel -> tunnel.headers(9_999, true, ":status", "200"),
      "a request towards the gateway",
          tunnel -> tunnel.request(2, true, "GET", "/api/v1/planes/status"),
      "a frame longer than allowed",
          tunnel -> tunnel.frame(HostileHttp2.DATA, 0, 1, new byte[100_000]),
      "window overflow",
          tunnel -> tunnel.windowUpdate(0, Integer.MAX_VALUE).windowUpdate(0, Integer.MAX_VALUE),
      "garbage", tunnel -> tunnel.frame(HostileHttp2.SETTINGS, 0, 0, new byte[] {1}));

  /// A request that nobody made, promised on stream 2.
  private static byte[] promise() {
    var request = HostileHttp2.block(
        ":method", "GET", ":scheme", "https", ":authority", "k8s", ":path", "/api/v1/secrets");
    return ByteBuffer.allocate(4 + request.length).putInt(2).put(request).array();
  }

  private final Chain chain;
  private RawHttp connection;
  private HostileHttp2 tunnel;

  HostileAgentFault(Chain chain) {
    this.chain = chain;
  }

  static Stream<String> attacks() {
    return ATTACKS.keySet().stream().sorted();
  }

  @BeforeAll
  void populate() {
    chain.hub.plane(PLANE, null, ClientCA.ofValue(chain.hub.agents.certificatePem()));
  }

  @BeforeEach
  void connect() throws Exception {
    var identity = chain.hub.agentIdentity();
    Awaitility.await().atMost(TestHub.PATIENCE).until(() -> {
      connection = chain.agents(identity);
      return connection
              .send(AgentClaimsIT.handshake("/ws?planeType=buildplane&planeID=" + PLANE))
              .read()
              .status()
          == 101;
    });
    var socket = WebSocketEnvelope.on(connection);
    tunnel = HostileHttp2.server(connection, socket.in(), socket.out()).listen();
  }

  /// SETTINGS and their acknowledgement, after which the gateway sends it requests.
  private void join() throws Exception {
    tunnel.frame(HostileHttp2.SETTINGS, HostileHttp2.ACK, 0).flush();
    Awaitility.await().atMost(TestHub.PATIENCE).until(() -> connected());
  }

  private boolean connected() throws IOException {
    try (var caller = chain.callers(chain.operator)) {
      return caller
          .send(Chain.get("/api/v1/planes/buildplane/" + PLANE + "/status"))
          .read()
          .body()
          .contains("\"connected\":true");
    }
  }

  @AfterEach
  void othersNoticeNothing() throws Exception {
    connection.close();
    assertThat(chain.works()).isTrue();
    Awaitility.await().atMost(TestHub.PATIENCE).until(() -> !connected());
  }

  /// On a thread of its own: the client of the hub needs the common pool, which has one thread on a small machine.
  private CompletableFuture<Integer> call() {
    return CompletableFuture.supplyAsync(
        () -> {
          try (var caller = chain.callers(chain.operator)) {
            return caller.send(Chain.get(PATH)).read().status();
          } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
          }
        },
        Thread::startVirtualThread);
  }

  @ParameterizedTest
  @MethodSource("attacks")
  void abuseEndsTheTunnelAndItsCalls(String attack) throws Exception {
    tunnel.frame(HostileHttp2.SETTINGS, 0, 0).flush();
    join();
    var waiting = call();
    tunnel.opened();
    try {
      ATTACKS.get(attack).on(tunnel);
      tunnel.flush();
    } catch (IOException e) {
      // Cut in the middle: that is what is wanted.
    }
    tunnel.end();
    assertThat(waiting.get(60, TimeUnit.SECONDS)).isEqualTo(502);
  }

  @Test
  void anAgentDoesNotSayHowMuchTheGatewaysEncoderRemembers() throws Exception {
    tunnel.setting(HostileHttp2.HEADER_TABLE_SIZE, 0xffff_ffffL).flush();
    join();
    var waiting = call();
    int stream = tunnel.opened();
    assertThat(tunnel.peerTableBytes()).isLessThanOrEqualTo(TunnelSettings.ENCODER_TABLE_BYTES);
    tunnel.headers(stream, true, ":status", "204").flush();
    assertThat(waiting.get(60, TimeUnit.SECONDS)).isEqualTo(204);
  }

  @Test
  void anAnswerThatIsNoneFailsTheCallOnly() throws Exception {
    tunnel.frame(HostileHttp2.SETTINGS, 0, 0).flush();
    join();
    var waiting = call();
    int stream = tunnel.opened();
    tunnel.headers(stream, false, ":status", "99999").flush();
    assertThat(waiting.get(60, TimeUnit.SECONDS)).isEqualTo(502);
  }

  @Test
  void aPushEndsTheTunnelAndItsCalls() throws Exception {
    tunnel.frame(HostileHttp2.SETTINGS, 0, 0).flush();
    join();
    var waiting = call();
    int stream = tunnel.opened();
    tunnel
        .frame(HostileHttp2.PUSH_PROMISE, HostileHttp2.END_HEADERS, stream, promise())
        .headers(2, true, ":status", "200")
        .flush();
    assertThat(tunnel.end()).isIn(HostileHttp2.NO_CODE, PROTOCOL_ERROR);
    assertThat(waiting.get(60, TimeUnit.SECONDS)).isEqualTo(502);
  }

  /// A success that is no 200, and a 200 that does not belong to the key it was sent: both would open the pipe of an HTTP/2 caller.
  @ParameterizedTest
  @CsvSource({
    "200, sec-websocket-accept",
    "204, expected 101",
    "206, expected 101",
    "299, expected 101"
  })
  void aSuccessThatIsNoSwitchOpensNothing(String status, String why) throws Exception {
    tunnel.setting(HostileHttp2.ENABLE_CONNECT_PROTOCOL, 1).flush();
    join();
    try (var caller = Http2Caller.connect(chain.port("callers"), chain.tls(chain.operator))) {
      var pipe = caller.open("websocket", PATH);
      int stream = tunnel.opened();
      tunnel.headers(stream, false, ":status", status).flush();
      assertThat(pipe.status()).isEqualTo(502);
      assertThat(pipe.text()).contains(why);
    }
  }

  @Test
  void a101ToACallThatAskedForNoneFailsTheCall() throws Exception {
    tunnel.frame(HostileHttp2.SETTINGS, 0, 0).flush();
    join();
    var waiting = call();
    int stream = tunnel.opened();
    tunnel.headers(stream, false, ":status", "101").flush();
    assertThat(waiting.get(60, TimeUnit.SECONDS)).isEqualTo(502);
  }
}
