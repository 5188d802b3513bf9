package dev.buildplane.operator;

import dev.buildplane.metrics.Metrics;
import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import dev.buildplane.render.ConfinementPolicy;
import java.net.URI;
import java.time.Duration;
import java.time.InstantSource;

/// What the operator must be told.
///
/// @param gateways where the replicas of the gateway are
/// @param identity client certificate shown to the gateway; its CN is the user the operator acts as there
/// @param gatewayTrust CA of the gateway's server certificate
/// @param confinement what runs may create in build planes
/// @param clock where the time comes from
/// @param gatewayLease how long a silent replica's word counts while others speak; its stream is dialled again after that silence
/// @param metrics what the operator counts into; whoever runs it exposes them
public record OperatorSettings(
    GatewaySet gateways,
    Identity identity,
    TrustBundle gatewayTrust,
    ConfinementPolicy confinement,
    InstantSource clock,
    Duration gatewayLease,
    Metrics metrics) {
  /// Three times what the gateway lets pass without a line.
  public static final Duration DEFAULT_GATEWAY_LEASE = Duration.ofSeconds(30);

  /// Settings with the strictest confinement and the system's clock.
  public static OperatorSettings of(URI gateway, Identity identity, TrustBundle gatewayTrust) {
    return new OperatorSettings(
        GatewaySet.of(gateway),
        identity,
        gatewayTrust,
        ConfinementPolicy.strict(),
        InstantSource.system(),
        DEFAULT_GATEWAY_LEASE,
        new Metrics());
  }

  public OperatorSettings withGateways(GatewaySet set) {
    return new OperatorSettings(
        set, identity, gatewayTrust, confinement, clock, gatewayLease, metrics);
  }

  public OperatorSettings withGatewayLease(Duration lease) {
    return new OperatorSettings(
        gateways, identity, gatewayTrust, confinement, clock, lease, metrics);
  }

  public OperatorSettings withClock(InstantSource other) {
    return new OperatorSettings(
        gateways, identity, gatewayTrust, confinement, other, gatewayLease, metrics);
  }

  public OperatorSettings withMetrics(Metrics other) {
    return new OperatorSettings(
        gateways, identity, gatewayTrust, confinement, clock, gatewayLease, other);
  }
}
