package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.testkit.RawWebSocket;
import dev.buildplane.testkit.V017Agent;
import dev.buildplane.testkit.V017Agent.Answer;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Agents that break every rule of OpenChoreo v0.17's protocol.
class HostileJsonAgentIT extends JsonStand {
  /// An answer made of these words to a call it belongs to is a 502 to that caller, and nothing else happens.
  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "status 101           | `,\"statusCode\":101}`",
        "status 0             | `}`",
        "status beyond int    | `,\"statusCode\":99999999999999999999}`",
        "status of a text     | `,\"statusCode\":\"200\"}`",
        "body not base64      | `,\"statusCode\":200,\"body\":\"***\"}`",
        "body a number        | `,\"statusCode\":200,\"body\":7}`",
        "header with a line   | `,\"statusCode\":200,\"headers\":{\"X\":[\"a\\r\\nSet-Cookie: b\"]}}`",
        "header name invalid  | `,\"statusCode\":200,\"headers\":{\"X Y\":[\"a\"]}}`",
        "headers an array     | `,\"statusCode\":200,\"headers\":[1]}`",
        "key twice            | `,\"statusCode\":200,\"statusCode\":201}`",
        "no end               | `,\"statusCode\":200`",
        "more behind          | `,\"statusCode\":200}{}`",
        "half an escape       | `,\"statusCode\":200,\"x\":\"\\ud8`",
      })
  void anAnswerThatIsNoneIsA502ToItsCallerOnly(String name, String rest) throws Exception {
    var plane = "wrong-" + Integer.toHexString(name.hashCode());
    hub.plane(plane, null, agentsCA());
    try (var agent = agent(hub.gateway, plane, STOCK);
        var caller = caller()) {
      awaitServing(caller, hub.gateway, plane);
      agent.requests().clear();
      var waiting = silent(caller, hub.gateway, plane);
      var id = agent.requests().take().path("requestID").asText();
      agent.socket().text("{\"requestID\":\"" + id + "\"" + rest);
      var answer = waiting.get(60, TimeUnit.SECONDS);
      assertThat(answer.statusCode()).isEqualTo(502);
      assertThat(answer.body()).contains("the agent's answer cannot be used");
      assertThat(answer.headers().firstValue("set-cookie")).isEmpty();
      assertThat(get(caller, uri(hub.gateway, plane, "k8s/hello")).body()).isEqualTo("hello");
    }
  }

  /// Messages that belong to no call are dropped; the connection lives.
  @Test
  void messagesThatBelongToNoCallAreDropped() throws Exception {
    hub.plane("noise", null, agentsCA());
    hub.plane("canary", null, agentsCA());
    try (var agent = agent(hub.gateway, "noise", STOCK);
        var canary = agent(hub.gateway, "canary", STOCK);
        var caller = caller()) {
      awaitServing(caller, hub.gateway, "noise");
      awaitServing(caller, hub.gateway, "canary");
      for (var noise : List.of(
          "",
          "not json",
          "[]",
          "7",
          "null",
          "{}",
          "{\"statusCode\":200}",
          "{\"requestID\":\"\",\"statusCode\":200}",
          "{\"requestID\":\"" + "x".repeat(1000) + "\",\"statusCode\":200}",
          "{\"requestID\":\"00000000-0000-0000-0000-000000000000\",\"statusCode\":200}",
          "{\"x\":" + "[".repeat(1_000_000),
          "{\"x\":" + "{\"a\":".repeat(100_000),
          "{\"x\":" + "9".repeat(1_000_000) + "}",
          "{\"" + "k".repeat(1_000_000) + "\":1}",
          "{" + "\"a\":1,".repeat(100_000) + "\"b\":1}")) {
        agent.socket().text(noise);
        assertThat(get(caller, uri(hub.gateway, "canary", "k8s/hello")).body()).isEqualTo("hello");
      }
      agent
          .socket()
          .frame(true, RawWebSocket.TEXT, new byte[] {'{', '"', (byte) 0xc3, '"', ':', '1', '}'});
      assertThat(get(caller, uri(hub.gateway, "noise", "k8s/hello")).body()).isEqualTo("hello");
      assertThat(canary.isGone()).isFalse();
      assertThat(agent.isGone()).isFalse();
    }
  }

  @Test
  void anAnswerIsTakenOnlyFromTheConnectionThatWasAskedAndOnlyOnce() throws Exception {
    hub.plane("victim", null, agentsCA());
    hub.plane("thief", null, agentsCA());
    try (var victim = agent(hub.gateway, "victim", STOCK);
        var thief = agent(hub.gateway, "thief", STOCK);
        var caller = caller()) {
      awaitServing(caller, hub.gateway, "victim");
      awaitServing(caller, hub.gateway, "thief");
      victim.requests().clear();
      var waiting = silent(caller, hub.gateway, "victim");
      var id = victim.requests().take().path("requestID").asText();
      thief.answer(id, Answer.ok("stolen".getBytes(UTF_8)));
      assertThat(get(caller, uri(hub.gateway, "thief", "k8s/hello")).body()).isEqualTo("hello");
      assertThat(waiting).isNotDone();
      victim.answer(id, Answer.ok("mine".getBytes(UTF_8)));
      victim.answer(id, Answer.ok("again".getBytes(UTF_8)));
      assertThat(waiting.get(60, TimeUnit.SECONDS).body()).isEqualTo("mine");
      assertThat(get(caller, uri(hub.gateway, "victim", "k8s/hello")).body()).isEqualTo("hello");
    }
  }

  @Test
  void anAgentThatKeepsAnsweringUnaskedIsClosed() throws Exception {
    hub.plane("flood", null, agentsCA());
    hub.plane("flood-canary", null, agentsCA());
    try (var agent = agent(hub.gateway, "flood", STOCK);
        var canary = agent(hub.gateway, "flood-canary", STOCK);
        var caller = caller()) {
      awaitServing(caller, hub.gateway, "flood-canary");
      for (int i = 0; i < 100; i++) {
        agent.answer("guess-" + i, Answer.ok(new byte[0]));
      }
      assertThat(agent.closed().get(60, TimeUnit.SECONDS)).isEqualTo(1008);
      assertThat(get(caller, uri(hub.gateway, "flood-canary", "k8s/hello")).body())
          .isEqualTo("hello");
      assertThat(canary.isGone()).isFalse();
    }
  }

  @Test
  void wrongFramesCloseTheConnectionWithTheirCode() throws Exception {
    hub.plane("frames", null, agentsCA());
    hub.plane("frames-canary", null, agentsCA());
    try (var canary = agent(narrow, "frames-canary", STOCK);
        var caller = caller()) {
      awaitServing(caller, narrow, "frames-canary");
      assertThat(closeCode(socket -> socket.frame(true, RawWebSocket.BINARY, new byte[] {1})))
          .isEqualTo(1003);
      assertThat(closeCode(socket -> socket.raw(
              RawWebSocket.encode(true, RawWebSocket.TEXT, "{}".getBytes(UTF_8), false))))
          .isEqualTo(1002);
      assertThat(closeCode(socket -> socket.raw(
              new byte[] {(byte) 0x81, (byte) 0xff, 0, 0, 0, 0, 0x7f, 0, 0, 0, 1, 2, 3, 4})))
          .isEqualTo(1009);
      assertThat(closeCode(socket -> {
            var piece = new byte[1 << 18];
            socket.frame(false, RawWebSocket.TEXT, piece);
            for (int sent = piece.length; sent <= MAX_MESSAGE_BYTES; sent += piece.length) {
              socket.frame(false, RawWebSocket.CONTINUATION, piece);
            }
          }))
          .isEqualTo(1009);
      assertThat(get(caller, uri(narrow, "frames-canary", "k8s/hello")).body()).isEqualTo("hello");
      assertThat(canary.isGone()).isFalse();
    }
  }

  /// A hostile act, whose writes may fail as the gateway has closed already.
  private interface Act {
    void on(RawWebSocket socket) throws IOException;
  }

  private static int closeCode(Act act) throws Exception {
    try (var agent = agent(narrow, "frames", STOCK)) {
      act.on(agent.socket());
      return agent.closed().get(60, TimeUnit.SECONDS);
    }
  }

  @Test
  void aMessageBeyondTheBoundFailsTheCallsOfItsConnectionAndNoOthers() throws Exception {
    hub.plane("huge", null, agentsCA());
    hub.plane("huge-canary", null, agentsCA());
    try (var agent = agent(narrow, "huge", STOCK);
        var canary = agent(narrow, "huge-canary", STOCK);
        var caller = caller()) {
      awaitServing(caller, narrow, "huge");
      awaitServing(caller, narrow, "huge-canary");
      agent.requests().clear();
      var waiting = silent(caller, narrow, "huge");
      agent.requests().take();
      agent.socket().raw(new byte[] {(byte) 0x81, (byte) 0xff, 0, 0, 0, 0, 0x7f, 0, 0, 0, 1, 2, 3, 4
      });
      var answer = waiting.get(60, TimeUnit.SECONDS);
      assertThat(answer.statusCode()).isEqualTo(502);
      assertThat(answer.body()).contains("at most " + MAX_MESSAGE_BYTES + " bytes");
      assertThat(get(caller, uri(narrow, "huge-canary", "k8s/hello")).body()).isEqualTo("hello");
      assertThat(canary.isGone()).isFalse();
    }
  }

  /// Claiming a plane needs its certificate, whatever is spoken afterwards (A4).
  @Test
  void anAgentOfAnotherPlaneIsTurnedAway() throws Exception {
    hub.plane("mine", null, agentsCA());
    var stranger = CertificateAuthority.create("other", TestHub.YEAR)
        .issueClient("agent", List.of(), TestHub.YEAR);
    try (var owner = agent(hub.gateway, "mine", STOCK)) {
      assertThatThrownBy(() -> V017Agent.dial(
              hub.gateway.agentPort(), "buildplane", "mine", stranger, hub.ca.trust(), STOCK))
          .isInstanceOf(IOException.class)
          .hasMessageStartingWith("HTTP/1.1 401 ");
      assertThat(owner.isGone()).isFalse();
    }
  }
}
