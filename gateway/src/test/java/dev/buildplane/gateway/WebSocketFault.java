package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.testkit.RawHttp;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.HexFormat;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// WebSocket abuse (RFC 6455) by an agent that was let in, and by one that was not.
@ExtendWith(Chain.Given.class)
class WebSocketFault {
  private static final String WS = "/ws?planeType=buildplane&planeID=" + Chain.PLANE;
  private static final int CLOSE = 0x88;

  private final Chain chain;

  WebSocketFault(Chain chain) {
    this.chain = chain;
  }

  @AfterEach
  void everybodyElseIsServed() throws IOException {
    assertThat(chain.works()).isTrue();
  }

  private RawHttp admitted(String... more) throws IOException {
    var agent = chain.agents(chain.hub.agentIdentity());
    var answer = agent.send(AgentClaimsIT.handshake(WS, more)).read();
    assertThat(answer.status()).isEqualTo(101);
    assertThat(answer.header("sec-websocket-extensions")).isEmpty();
    return agent;
  }

  /// The code of the close frame that ends the connection, after whatever else is sent before.
  private static int closeCode(RawHttp agent) throws IOException {
    var in = agent.in();
    while (true) {
      int first = in.read();
      int length = in.read();
      if (first < 0 || length < 0) {
        return -1;
      }
      if (length == 126) {
        length = (in.read() << 8) | in.read();
      }
      var payload = in.readNBytes(length);
      if (first == CLOSE) {
        assertThat(agent.closes()).isTrue();
        return ((payload[0] & 0xff) << 8) | (payload[1] & 0xff);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "unmasked, 820100, 1002",
    "first reserved bit (deflate), C2810000000000, 1002",
    "second reserved bit, A2810000000000, 1002",
    "third reserved bit, 92810000000000, 1002",
    "unknown data code, 83810000000000, 1002",
    "unknown control code, 8B8000000000, 1002",
    "fragmented ping, 098000000000, 1002",
    "fragmented close, 088000000000, 1002",
    "continuation of nothing, 808000000000, 1002",
    "length not shortest in two bytes, 82FE000500000000, 1002",
    "length not shortest in eight bytes, 82FF000000000000000500000000, 1002",
    "negative length, 82FFFFFFFFFFFFFFFFFF00000000, 1002",
    "oversized ping, 89FE007E00000000, 1009",
    "text, 818000000000, 1003",
    "close with one byte, 88810000000000, 1002",
    "close with a code that may not be sent, 88820000000003EE, 1002",
    "not HTTP/2, 82FF7FFFFFFFFFFFFFFF0000000047455420, -1"
  })
  void violationsCloseWithTheirCode(String name, String frame, int code) throws IOException {
    try (var agent = admitted()) {
      agent.send(HexFormat.of().parseHex(frame));
      if (code > 0) {
        assertThat(closeCode(agent)).isEqualTo(code);
      } else {
        agent.in().readAllBytes(); // some frames, then the end
      }
    }
  }

  @Test
  void compressionIsOfferedInVain() throws IOException {
    admitted("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
        .close();
  }

  @Test
  void fragmentsWithoutEndHoldNoMemory() throws IOException {
    try (var agent = admitted()) {
      agent.send(HexFormat.of().parseHex("028000000000"));
      agent.send(repeated("008000000000", 100_000));
      agent.send(HexFormat.of().parseHex("898000000000")); // still listened to
      agent.send(HexFormat.of().parseHex("8882000000000" + "3E8"));
      assertThat(closeCode(agent)).isEqualTo(1000);
    }
  }

  @Test
  void aPingFloodOfAPeerThatNeverReadsIsNotQueued() throws IOException {
    try (var agent = admitted()) {
      var ping = "89FD00000000" + "41".repeat(125);
      try {
        for (int i = 0; i < 20; i++) {
          agent.send(repeated(ping, 2_000));
        }
      } catch (IOException e) {
        // Cut: as good as being left unanswered.
      }
    }
  }

  private static byte[] repeated(String hex, int times) {
    var bytes = HexFormat.of().parseHex(hex);
    var all = new ByteArrayOutputStream(bytes.length * times);
    for (int i = 0; i < times; i++) {
      all.writeBytes(bytes);
    }
    return all.toByteArray();
  }

  @Test
  void framesBeforeAdmissionAreNoFrames() throws IOException {
    try (var stranger =
        chain.agents(chain.foreign.issueClient("x", java.util.List.of(), TestHub.YEAR))) {
      stranger.send(AgentClaimsIT.handshake(WS));
      stranger.send(HexFormat.of().parseHex("82FF7FFFFFFFFFFFFFFF00000000"));
      assertThat(stranger.read().status()).isEqualTo(401);
      assertThat(stranger.closes()).isTrue();
    }
    try (var stranger = chain.agents(null)) {
      stranger.send(HexFormat.of().parseHex("828500000000" + "0D0A0D0A0D"));
      assertThat(stranger.read().status()).isEqualTo(400);
      assertThat(stranger.closes()).isTrue();
    }
  }

  @ParameterizedTest
  @CsvSource({"Sec-WebSocket-Version: 12, 400", "Sec-WebSocket-Key: short, 400", "Upgrade: h2c, 400"
  })
  void aHandshakeThatIsNotOneIsRefused(String line, int status) throws IOException {
    var name = line.substring(0, line.indexOf(':') + 1);
    var handshake = AgentClaimsIT.handshake(WS)
            .lines()
            .map(own -> own.startsWith(name) ? line : own)
            .collect(java.util.stream.Collectors.joining("\r\n"))
        + "\r\n\r\n";
    try (var agent = chain.agents(chain.hub.agentIdentity())) {
      assertThat(agent.send(handshake).read().status()).isEqualTo(status);
      assertThat(agent.closes()).isTrue();
    }
  }

  @Test
  void anAgentThatLeavesWithoutAWordIsForgotten() throws Exception {
    int before = chain.hub.gateway.connectedAgents();
    admitted().close();
    org.awaitility.Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> chain.hub.gateway.connectedAgents() <= before);
  }
}
