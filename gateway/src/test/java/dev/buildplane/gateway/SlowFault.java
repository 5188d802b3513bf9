package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.http.HttpLimits;
import dev.buildplane.http.TlsIdentity;
import dev.buildplane.testkit.HostileHttp2;
import dev.buildplane.testkit.RawHttp;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/// Hundreds of peers that begin and do not go on, on both TLS listeners of a gateway with short deadlines and low caps: they
/// are cut, and a caller is served all the while.
@ExtendWith(Chain.Given.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SlowFault {
  private static final int EACH = 60;
  private static final int FEW = 20;
  private static final HttpLimits SHORT = HttpLimits.DEFAULT.withDeadlines(
      Duration.ofSeconds(4), Duration.ofSeconds(4), Duration.ofSeconds(4));

  private final Chain chain;
  private Gateway gateway;

  SlowFault(Chain chain) {
    this.chain = chain;
  }

  @BeforeAll
  void start() throws IOException {
    gateway = gateway(SHORT);
    Awaitility.await().atMost(TestHub.PATIENCE).until(gateway::ready);
  }

  private Gateway gateway(HttpLimits limits) throws IOException {
    return Gateway.start(
        GatewaySettings.of(
                TestHub.any(),
                TestHub.any(),
                TestHub.any(),
                TlsIdentity.of(chain.hub.serverIdentity()),
                chain.hub.ca::trust)
            .withLimits(limits),
        chain.hub.client);
  }

  @AfterAll
  void stop() {
    gateway.close();
  }

  private RawHttp tls(int port) throws IOException {
    return RawHttp.tls(port, chain.tls(null), "http/1.1");
  }

  private boolean canary() throws IOException {
    try (var caller = RawHttp.tls(gateway.callerPort(), chain.tls(chain.operator), "http/1.1")) {
      return caller.send(Chain.get("/api/v1/planes/status")).read().status() == 200;
    }
  }

  @Test
  void whoDoesNotGoOnIsCut() throws Exception {
    for (var port : List.of(gateway.agentPort(), gateway.callerPort())) {
      var stalled = new ArrayList<RawHttp>();
      var stalledHttp2 = new ArrayList<HostileHttp2>();
      try {
        for (int i = 0; i < EACH; i++) {
          stalled.add(RawHttp.plain(port)); // no handshake at all
          stalled.add(
              RawHttp.plain(port).send("\u0016\u0003\u0001\u0002\u0000\u0001")); // a piece of one
          stalled.add(tls(port)); // no request
          stalled.add(tls(port)
              .send("GET /ws?planeType=buildplane HTTP/1.1\r\nHost: x\r\nX-")); // a piece of a head
        }
        for (int i = 0; i < EACH / 4; i++) {
          stalledHttp2.add(
              HostileHttp2.unread(port, chain.tls(null)).flush().listen()); // no SETTINGS
        }
        assertThat(canary()).isTrue();
        for (var connection : stalled) {
          assertThat(endsUnserved(connection)).isTrue();
        }
        for (var connection : stalledHttp2) {
          connection.end();
        }
        assertThat(canary()).isTrue();
      } finally {
        for (var connection : stalled) {
          connection.close();
        }
        for (Closeable connection : stalledHttp2) {
          connection.close();
        }
      }
    }
  }

  /// Whether it ends without anything but TLS's own farewell or a 408.
  private static boolean endsUnserved(RawHttp connection) throws IOException {
    try {
      var last =
          new String(connection.in().readAllBytes(), java.nio.charset.StandardCharsets.ISO_8859_1);
      return last.isEmpty() || last.startsWith("HTTP/1.1 408 ") || last.charAt(0) == 0x15;
    } catch (java.net.SocketTimeoutException e) {
      return false;
    } catch (IOException e) {
      return true; // a reset
    }
  }

  @Test
  void aHeadThatTricklesMeetsItsDeadline() throws Exception {
    try (var connection = tls(gateway.agentPort())) {
      connection.send("GET /ws HTTP/1.1\r\n");
      var answer = new Thread[1];
      var cut = new java.util.concurrent.atomic.AtomicBoolean();
      answer[0] = Thread.ofVirtual().start(() -> {
        try {
          cut.set(endsUnserved(connection));
        } catch (IOException e) {
          cut.set(false);
        }
      });
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .pollInterval(Duration.ofMillis(200))
          .until(() -> {
            if (!cut.get()) {
              trickle(connection);
            }
            return cut.get();
          });
      answer[0].join();
    }
  }

  private static void trickle(RawHttp connection) {
    try {
      connection.send("X");
    } catch (IOException e) {
      // Cut: the reader notices as well.
    }
  }

  @Test
  void aBodyThatStallsIsAnswered408() throws Exception {
    try (var connection =
        RawHttp.tls(gateway.callerPort(), chain.tls(chain.operator), "http/1.1")) {
      connection.send(Chain.request("POST", "/api/v1/planes/notify", "Content-Length: 10") + "{");
      assertThat(connection.read().status()).isEqualTo(408);
    }
  }

  @Test
  void oneAddressGetsNoMoreThanItsShare() throws Exception {
    var open = new ArrayList<RawHttp>();
    try (var narrow = gateway(HttpLimits.DEFAULT.withConnections(1000, FEW))) {
      for (int i = 0; i < FEW; i++) {
        open.add(tls(narrow.agentPort())); // past its handshake, so counted
      }
      for (int i = 0; i < FEW; i++) {
        try (var oneMore = RawHttp.plain(narrow.agentPort())) {
          assertThat(oneMore.closes()).isTrue();
        }
      }
      try (var caller = RawHttp.tls(narrow.callerPort(), chain.tls(chain.operator), "http/1.1")) {
        // The other listener has its own share.
        assertThat(caller.send(Chain.get("/api/v1/planes/status")).read().status())
            .isEqualTo(200);
      }
    } finally {
      for (var connection : open) {
        connection.close();
      }
    }
  }
}
