package dev.buildplane.gateway;

import static java.util.Objects.requireNonNull;

import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/// How a gateway works together with its other replicas.
///
/// @param peers addresses of the replicas' callers' listeners, its own may be among them; asked every `lookInterval` on a
///   thread of its own, may block
/// @param credentials absent: this gateway has no peers
/// @param pingInterval longest silence of `/api/v1/planes/watch`, and how often a connection to a peer is probed
/// @param lease what a peer has told counts this long after the last line from it; longer than `pingInterval`
/// @param lookInterval how often `peers` is asked
public record MeshSettings(
    Supplier<Set<PeerAddress>> peers,
    Optional<Credentials> credentials,
    Duration pingInterval,
    Duration lease,
    Duration lookInterval) {
  /// Organisation in the client certificates of gateways. Whoever has one of the internal CA may speak for any caller.
  public static final String PEER_GROUP = "buildplane:gateways";

  public static final Duration DEFAULT_PING_INTERVAL = Duration.ofSeconds(10);
  public static final Duration DEFAULT_LEASE = Duration.ofSeconds(30);
  public static final Duration DEFAULT_LOOK_INTERVAL = Duration.ofSeconds(5);

  /// Who a gateway is to its peers, and whom it believes to be one. Asked for anew on each connection.
  ///
  /// @param identity a client certificate in the group [#PEER_GROUP]
  /// @param trust CA of the peers' serving certificates
  public record Credentials(Supplier<Identity> identity, Supplier<TrustBundle> trust) {}

  public MeshSettings {
    requireNonNull(peers, "peers");
    requireNonNull(credentials, "credentials");
    if (!pingInterval.isPositive() || lease.compareTo(pingInterval) <= 0) {
      throw new IllegalArgumentException("expected 0 < pingInterval < lease, found pingInterval "
          + pingInterval + " and lease " + lease);
    }
    if (!lookInterval.isPositive()) {
      throw new IllegalArgumentException("expected a positive lookInterval, found " + lookInterval);
    }
  }

  /// A gateway on its own.
  public static MeshSettings none() {
    return new MeshSettings(
        Set::of, Optional.empty(), DEFAULT_PING_INTERVAL, DEFAULT_LEASE, DEFAULT_LOOK_INTERVAL);
  }

  /// One of several, with default intervals.
  public static MeshSettings of(
      Supplier<Set<PeerAddress>> peers, Supplier<Identity> identity, Supplier<TrustBundle> trust) {
    return new MeshSettings(
        peers,
        Optional.of(new Credentials(identity, trust)),
        DEFAULT_PING_INTERVAL,
        DEFAULT_LEASE,
        DEFAULT_LOOK_INTERVAL);
  }

  public MeshSettings withIntervals(Duration ping, Duration leaseLimit, Duration look) {
    return new MeshSettings(peers, credentials, ping, leaseLimit, look);
  }
}
