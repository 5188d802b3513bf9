package dev.buildplane.gateway;

import dev.buildplane.http.TlsIdentity;
import dev.buildplane.metrics.Metrics;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;

/// Replicas of a gateway at one hub that find each other.
final class TestReplicas implements AutoCloseable {
  private static final Duration PING = Duration.ofMillis(200);
  private static final Duration LEASE = Duration.ofSeconds(10);
  private static final Duration LOOK = Duration.ofMillis(100);

  final List<Gateway> gateways = new CopyOnWriteArrayList<>();
  private final TestHub hub;
  private final UnaryOperator<GatewaySettings> more;

  /// Returns when each is connected to all others.
  ///
  /// @param more changes the settings of each
  TestReplicas(TestHub hub, int count, UnaryOperator<GatewaySettings> more) throws Exception {
    this.hub = hub;
    this.more = more;
    hub.allowPeers();
    for (int i = 0; i < count; i++) {
      add();
    }
    awaitMesh();
  }

  void awaitMesh() {
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> gateways.stream()
            .allMatch(one -> one.ready() && one.connectedPeers() == gateways.size() - 1));
  }

  /// Starts one more, which the others find.
  Gateway add() throws Exception {
    var peer = hub.peerIdentity();
    var mesh = MeshSettings.of(
            () -> gateways.stream()
                .map(one -> PeerAddress.of(URI.create("https://localhost:" + one.callerPort())))
                .collect(Collectors.toSet()),
            () -> peer,
            hub.ca::trust)
        .withIntervals(PING, LEASE, LOOK);
    var settings = GatewaySettings.of(
        TestHub.any(),
        TestHub.any(),
        TestHub.any(),
        TlsIdentity.of(hub.serverIdentity()),
        hub.ca::trust);
    var gateway = Gateway.start(more.apply(settings), mesh, hub.client, new Metrics());
    gateways.add(gateway);
    return gateway;
  }

  URI at(int replica, String path) {
    return URI.create("https://localhost:" + gateways.get(replica).callerPort() + path);
  }

  /// The way to the target of a cluster-scoped build plane.
  URI proxied(int replica, String plane, String rest) {
    return at(replica, "/api/proxy/buildplane/" + plane + "/_cluster/" + plane + "/k8s" + rest);
  }

  @Override
  public void close() {
    gateways.forEach(Gateway::close);
  }
}
