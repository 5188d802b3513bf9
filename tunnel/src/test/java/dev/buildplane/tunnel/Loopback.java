package dev.buildplane.tunnel;

import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.Identity;
import io.netty.channel.EventLoopGroup;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/// A gateway's and an agent's end in one process, over a real socket and real TLS.
final class Loopback implements AutoCloseable {
  static final CertificateAuthority SERVER_CA =
      CertificateAuthority.create("test gateway CA", Duration.ofDays(1));
  static final CertificateAuthority AGENT_CA =
      CertificateAuthority.create("test agent CA", Duration.ofDays(1));
  static final Identity SERVER =
      SERVER_CA.issueServer("gateway", List.of("localhost", "127.0.0.1"), Duration.ofDays(1));
  static final Identity AGENT = AGENT_CA.issueClient("agent", List.of(), Duration.ofDays(1));

  final EventLoopGroup gatewayLoops = TunnelTransport.eventLoops(1, "test-gateway");
  final EventLoopGroup agentLoops = TunnelTransport.eventLoops(1, "test-agent");
  final TestTarget target = new TestTarget();
  final TestGateway gateway;
  private final TunnelSettings agentSettings;
  GatewayTunnel gatewayEnd;
  AgentTunnel agentEnd;

  Loopback(TunnelSettings gatewaySettings, TunnelSettings agentSettings) throws Exception {
    this.agentSettings = agentSettings;
    gateway = new TestGateway(gatewayLoops, SERVER, gatewaySettings);
  }

  static Loopback connected() throws Exception {
    return connected(settings(), settings());
  }

  static Loopback connected(TunnelSettings gatewaySettings, TunnelSettings agentSettings)
      throws Exception {
    var loopback = new Loopback(gatewaySettings, agentSettings);
    loopback.agentEnd = loopback.dial();
    loopback.gatewayEnd = loopback.gateway.accept();
    return loopback;
  }

  /// The defaults, with a budget of its own so that tests do not meet in one.
  static TunnelSettings settings() {
    return TunnelSettings.defaults().withBudget(new MemoryBudget(64L << 20));
  }

  AgentTunnel dial() throws Exception {
    return dial(gateway.port());
  }

  /// At the gateway, or at a relay before it.
  AgentTunnel dial(int port) throws Exception {
    return dialer()
        .dial(destination(port), agentTls(), Map.of("version", "test"), target)
        .toCompletableFuture()
        .get(30, TimeUnit.SECONDS);
  }

  TunnelDialer dialer() {
    return new TunnelDialer(agentLoops, agentSettings, Duration.ofSeconds(20));
  }

  static TunnelDestination destination(int port) {
    return new TunnelDestination(
        URI.create("wss://localhost:" + port + "/ws?zone=a"), "buildplane", "shared-builder");
  }

  static SslContext agentTls() throws Exception {
    return SslContextBuilder.forClient()
        .keyManager(AGENT.key(), AGENT.chain())
        .trustManager(SERVER_CA.trust().certificates())
        .build();
  }

  @Override
  public void close() {
    if (gatewayEnd != null) {
      gatewayEnd.close(new CloseReason(CloseReason.Code.CLOSED_HERE, "the test is over"));
    }
    gateway.close();
    gatewayLoops.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
    agentLoops.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
  }
}
