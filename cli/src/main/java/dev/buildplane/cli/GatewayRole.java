package dev.buildplane.cli;

import dev.buildplane.gateway.Gateway;
import dev.buildplane.gateway.GatewaySettings;
import dev.buildplane.gateway.MeshSettings;
import dev.buildplane.gateway.PeerAddress;
import dev.buildplane.metrics.Metrics;
import dev.buildplane.tracing.Tracing;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;

/// One replica of the cluster gateway in a process of its own.
final class GatewayRole {
  /// What the gateway calls itself in spans.
  static final String SERVICE = "buildplane-gateway";

  private GatewayRole() {}

  /// Where it listens.
  record Addresses(InetSocketAddress agents, InetSocketAddress callers, InetSocketAddress health) {}

  /// Where the other replicas are: a list, or every address of one name.
  record Peers(List<URI> list, Optional<URI> service, Duration pingInterval, Duration lease) {
    static Peers of(List<URI> list) {
      return new Peers(
          list, Optional.empty(), MeshSettings.DEFAULT_PING_INTERVAL, MeshSettings.DEFAULT_LEASE);
    }

    MeshSettings settings(GatewayCertificates certificates) {
      if (list.isEmpty() && service.isEmpty()) {
        return MeshSettings.none();
      }
      var addresses = service.map(PeerAddress::service).orElseGet(() -> PeerAddress.fixed(list));
      return MeshSettings.of(addresses, certificates::peer, certificates::peerTrust)
          .withIntervals(pingInterval, lease, MeshSettings.DEFAULT_LOOK_INTERVAL);
    }
  }

  /// @param shared what other parts of the process count into
  /// @param more to say about the gateway
  static Gateway start(
      Addresses addresses,
      Peers peers,
      GatewayCertificates certificates,
      KubernetesClient hubClient,
      Metrics shared,
      Optional<Tracing> tracing,
      UnaryOperator<GatewaySettings> more)
      throws IOException {
    return Gateway.start(
        more.apply(GatewaySettings.of(
            addresses.agents(),
            addresses.callers(),
            addresses.health(),
            certificates.server(),
            certificates::callerTrust)),
        peers.settings(certificates),
        hubClient,
        shared,
        tracing);
  }

  static RoleReady ready(Gateway gateway) {
    return new RoleReady(
        ProcessId.current(),
        Map.of(
            "--agent-port", gateway.agentPort(),
            "--gateway-port", gateway.callerPort(),
            "--health-port", gateway.healthPort()));
  }
}
