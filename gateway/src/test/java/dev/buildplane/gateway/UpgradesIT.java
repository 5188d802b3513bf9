package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.testkit.RawHttp;
import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Only a switch of protocols opens a pipe to the target; a refused one leaves none (CVE-2018-1002105).
@ExtendWith(Chain.Given.class)
class UpgradesIT {
  private final Chain chain;

  UpgradesIT(Chain chain) {
    this.chain = chain;
  }

  @BeforeEach
  void forget() {
    chain.target.forget();
  }

  static Stream<String> upgrades() {
    return Stream.of("websocket", "SPDY/3.1", "WebSocket", "spdy/3.1, websocket")
        .flatMap(protocol -> Stream.of(
            "GET Upgrade: " + protocol, "POST Content-Length: 0\r\nUpgrade: " + protocol));
  }

  private static String upgrade(String kind, int status) {
    var parts = kind.split(" ", 2);
    return Chain.request(
        parts[0],
        Chain.PROXY + "/status/" + status,
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        parts[1]);
  }

  @ParameterizedTest
  @MethodSource("upgrades")
  void aRefusedUpgradeClosesTheConnection(String kind) throws Exception {
    for (int status : List.of(400, 403, 200, 302, 500)) {
      try (var caller = chain.callers(chain.operator)) {
        var answer = caller.send(upgrade(kind, status)).read();
        assertThat(answer.status()).isEqualTo(status == 200 ? 502 : status);
        sendOrFail(caller, Chain.get(Chain.PROXY + "/evil"));
        assertThat(caller.closes()).isTrue();
      }
      try (var caller = chain.callers(chain.operator)) {
        caller.send(upgrade(kind, status) + Chain.get(Chain.PROXY + "/evil"));
        assertThat(caller.readAll()).hasSize(1);
      }
    }
    assertThat(chain.target.raw()).doesNotContain("evil");
    assertThat(chain.works()).isTrue();
  }

  private static void sendOrFail(RawHttp caller, String text) {
    try {
      caller.send(text);
    } catch (IOException e) {
      // Closed already: that is what is wanted.
    }
  }

  @Test
  void onlyA101OpensAPipe() throws Exception {
    try (var caller = chain.callers(chain.operator)) {
      var answer = caller
          .send(Chain.get(
              Chain.PROXY + "/switch",
              "Connection: Upgrade",
              "Upgrade: SPDY/3.1",
              "Authorization: Bearer evil"))
          .read();
      assertThat(answer.status()).isEqualTo(101);
      caller.send("raw bytes");
      assertThat(new String(caller.in().readNBytes(9), java.nio.charset.StandardCharsets.US_ASCII))
          .isEqualTo("raw bytes");
      assertThat(chain.target.raw()).endsWith("raw bytes").doesNotContain("evil");
    }
  }
}
