package dev.buildplane.cli;

import dev.buildplane.gateway.Gateway;
import dev.buildplane.gateway.GatewaySettings;
import dev.buildplane.gateway.MeshSettings;
import dev.buildplane.gateway.PeerAddress;
import dev.buildplane.http.TlsIdentity;
import dev.buildplane.metrics.Metrics;
import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// One replica of the cluster gateway in a process of its own.
final class GatewayRole {
  private GatewayRole() {}

  /// Where it listens.
  record Addresses(InetSocketAddress agents, InetSocketAddress callers, InetSocketAddress health) {}

  /// Where the other replicas are: a list, or every address of one name.
  record Peers(List<URI> list, Optional<URI> service, Duration pingInterval, Duration lease) {
    static Peers of(List<URI> list) {
      return new Peers(
          list, Optional.empty(), MeshSettings.DEFAULT_PING_INTERVAL, MeshSettings.DEFAULT_LEASE);
    }

    MeshSettings settings(Identity identity, TrustBundle trust) {
      if (list.isEmpty() && service.isEmpty()) {
        return MeshSettings.none();
      }
      var addresses = service.map(PeerAddress::service).orElseGet(() -> PeerAddress.fixed(list));
      return MeshSettings.of(addresses, () -> identity, () -> trust)
          .withIntervals(pingInterval, lease, MeshSettings.DEFAULT_LOOK_INTERVAL);
    }
  }

  /// What it shows and whom it believes.
  ///
  /// @param server shown to agents, callers and peers
  /// @param callerTrust CA of callers' certificates, peers included
  /// @param peer shown to other replicas, in the group of gateways
  /// @param peerTrust CA of their serving certificates
  record Certificates(
      Identity server, TrustBundle callerTrust, Identity peer, TrustBundle peerTrust) {
    static Certificates standalone(StandalonePki pki) {
      return new Certificates(
          pki.identity("gateway-server"),
          pki.trust("internal-ca"),
          pki.identity("gateway-peer"),
          pki.trust("control-plane-ca"));
    }
  }

  /// @param shared what other parts of the process count into
  static Gateway start(
      Addresses addresses,
      Peers peers,
      Certificates certificates,
      KubernetesClient hubClient,
      Metrics shared)
      throws java.io.IOException {
    return start(addresses, peers, certificates, hubClient, shared, settings -> settings);
  }

  /// As above, with more to say about the gateway.
  static Gateway start(
      Addresses addresses,
      Peers peers,
      Certificates certificates,
      KubernetesClient hubClient,
      Metrics shared,
      java.util.function.UnaryOperator<GatewaySettings> more)
      throws java.io.IOException {
    return Gateway.start(
        more.apply(GatewaySettings.of(
            addresses.agents(),
            addresses.callers(),
            addresses.health(),
            TlsIdentity.of(certificates.server()),
            certificates::callerTrust)),
        peers.settings(certificates.peer(), certificates.peerTrust()),
        hubClient,
        shared);
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
