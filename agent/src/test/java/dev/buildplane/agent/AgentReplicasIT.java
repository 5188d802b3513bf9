package dev.buildplane.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.http.LoopbackPorts;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.Identity;
import dev.buildplane.tunnel.TunnelTransport;
import io.netty.channel.EventLoopGroup;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// An agent and the replicas of a gateway: where its two connections go.
@Timeout(120)
class AgentReplicasIT {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final Duration DAY = Duration.ofDays(1);
  private static final CertificateAuthority CA = CertificateAuthority.create("test CA", DAY);
  private static final Identity SERVER =
      CA.issueServer("server", List.of("localhost", "127.0.0.1"), DAY);

  @TempDir
  Path folder;

  private final EventLoopGroup loops = TunnelTransport.eventLoops(1, "test");
  private final List<TestGateway> gateways = new ArrayList<>();
  private @Nullable Agent agent;

  @BeforeEach
  void start() throws Exception {
    var identity = CA.issueClient("agent", List.of(), DAY);
    Files.writeString(folder.resolve("tls.key"), identity.keyPem());
    Files.writeString(folder.resolve("tls.crt"), identity.certificatePem());
    Files.writeString(folder.resolve("ca.pem"), CA.certificatePem());
    Files.writeString(folder.resolve("kubeconfig"), """
        current-context: none
        contexts: [{ name: none, context: { cluster: none, user: none } }]
        clusters: [{ name: none, cluster: { server: "https://localhost:1", certificate-authority: ca.pem } }]
        users: [{ name: none, user: {} }]
        """);
  }

  @AfterEach
  void stop() {
    if (agent != null) {
      agent.close();
    }
    gateways.forEach(TestGateway::close);
    loops.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
  }

  private TestGateway gateway(int port, String replica) throws Exception {
    var gateway = new TestGateway(loops, SERVER, port, replica);
    gateways.add(gateway);
    return gateway;
  }

  private Agent agent(int connections, int... ports) throws Exception {
    var urls = java.util.Arrays.stream(ports)
        .mapToObj(port -> URI.create("wss://127.0.0.1:" + port + "/ws"))
        .toList();
    agent = Agent.start(AgentSettings.of(
            urls.getFirst(),
            "buildplane",
            "p",
            folder.resolve("tls.crt"),
            folder.resolve("tls.key"),
            folder.resolve("ca.pem"),
            Optional.of(folder.resolve("kubeconfig")))
        .withServerUrls(urls)
        .withConnections(connections)
        .withSeekInterval(Duration.ofMillis(50)));
    return agent;
  }

  @Test
  void twoConnectionsGoToDifferentReplicasAndAreOneInstance() throws Exception {
    var a = gateway(0, "a");
    var b = gateway(0, "b");

    agent(AgentSettings.DEFAULT_CONNECTIONS, a.port(), b.port());

    var instances = Stream.of(a.accept(), b.accept())
        .map(accepted -> accepted.tunnel().agentMetadata().get("instance"))
        .toList();
    assertThat(instances.getFirst()).isNotEmpty().isEqualTo(instances.getLast());
    await().atMost(PATIENCE).until(() -> agent.status().connected() == 2);
  }

  @Test
  void whereThereIsOneReplicaBothConnectionsGoThere() throws Exception {
    var only = gateway(0, "only");

    agent(2, only.port());

    only.accept();
    only.accept();
    await().atMost(PATIENCE).until(() -> agent.status().connected() == 2);
  }

  @Test
  void aGatewayThatDoesNotNameItselfIsOnePlacePerAddress() throws Exception {
    var a = gateway(0, "");
    var b = gateway(0, "");

    agent(2, a.port(), b.port());

    a.accept();
    b.accept();
  }

  @Test
  void oneOfTwoConnectionsMovesWhenAnotherReplicaComesUp() throws Exception {
    var a = gateway(0, "a");
    int later = LoopbackPorts.free();
    agent(2, a.port(), later);
    var tunnels = List.of(a.accept().tunnel(), a.accept().tunnel());

    var moved = gateway(later, "b").accept().tunnel();

    await().atMost(PATIENCE).until(() -> tunnels.stream().anyMatch(one -> !one.isUp()));
    assertThat(tunnels).anyMatch(dev.buildplane.tunnel.Tunnel::isUp);
    assertThat(moved.isDraining()).isFalse();
  }

  @Test
  void aReplicaThatSendsItsAgentsAwayIsLeftForAnother() throws Exception {
    var a = gateway(0, "a");
    var b = gateway(0, "b");
    agent(1, a.port(), b.port());
    await().atMost(PATIENCE).until(() -> a.accepted.size() + b.accepted.size() == 1);
    var first = a.accepted.isEmpty() ? b : a;
    var other = first == a ? b : a;

    first.accept().tunnel().drain();

    var tunnel = other.accept().tunnel();
    await().atMost(PATIENCE).until(() -> agent.ready());
    assertThat(tunnel.isDraining()).isFalse();
  }

  @Test
  void theLossOfAReplicaLeavesTheOtherConnectionAlone() throws Exception {
    var a = gateway(0, "a");
    var b = gateway(0, "b");
    agent(2, a.port(), b.port());
    var atA = a.accept().tunnel();
    var atB = b.accept().tunnel();
    a.close();

    atA.close(new dev.buildplane.tunnel.CloseReason(
        dev.buildplane.tunnel.CloseReason.Code.CLOSED_HERE, "killed"));

    b.accept(); // with a gone, two at b are better than one
    assertThat(atB.isDraining()).isFalse();
    assertThat(agent.ready()).isTrue();
  }
}
