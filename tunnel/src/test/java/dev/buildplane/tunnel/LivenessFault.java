package dev.buildplane.tunnel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.testkit.BlackHole;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Links that go silent without closing, in one direction or both.
@Timeout(120)
class LivenessFault {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private Loopback net;
  private BlackHole link;

  @BeforeEach
  void connect() throws Exception {
    var quick = Loopback.settings().withLiveness(Duration.ofMillis(300), Duration.ofSeconds(4));
    net = new Loopback(quick, quick);
    link = BlackHole.before(net.gateway.port());
    net.agentEnd = net.dialer()
        .dial(Loopback.destination(link.port()), Loopback.agentTls(), Map.of(), net.target)
        .toCompletableFuture()
        .get(30, TimeUnit.SECONDS);
    net.gatewayEnd = net.gateway.accept();
  }

  @AfterEach
  void disconnect() {
    net.close();
    link.close();
  }

  @Test
  void bothEndsNoticeALinkThatSwallowsEverything() throws Exception {
    var call = Call.send(net.gatewayEnd, Call.get("/never"));
    link.swallowUp(true);
    link.swallowDown(true);
    assertThat(reason(net.gatewayEnd)).isEqualTo(CloseReason.Code.SILENT);
    assertThat(reason(net.agentEnd)).isEqualTo(CloseReason.Code.SILENT);
    assertThat(call.failed().code()).isEqualTo(TunnelException.Code.CONNECTION_LOST);
    assertThat(call.failed()).hasMessageContaining("nothing was heard");
  }

  @Test
  void theGatewayNoticesThatTheAgentsBytesAreSwallowed() throws Exception {
    link.swallowUp(true);
    assertThat(reason(net.gatewayEnd)).isEqualTo(CloseReason.Code.SILENT);
    reason(net.agentEnd);
  }

  @Test
  void theAgentNoticesThatTheGatewaysBytesAreSwallowed() throws Exception {
    link.swallowDown(true);
    assertThat(reason(net.agentEnd)).isEqualTo(CloseReason.Code.SILENT);
    reason(net.gatewayEnd);
  }

  @Test
  void anIdleTunnelStaysUpByItsPings() {
    var before = net.gatewayEnd.lastSeen();
    await().atMost(PATIENCE).until(() -> net.gatewayEnd.lastSeen().isAfter(before.plusSeconds(5)));
    assertThat(net.gatewayEnd.isUp()).isTrue();
    assertThat(net.agentEnd.isUp()).isTrue();
  }

  private static CloseReason.Code reason(Tunnel tunnel) throws Exception {
    return tunnel.closed().toCompletableFuture().get(30, TimeUnit.SECONDS).code();
  }
}
