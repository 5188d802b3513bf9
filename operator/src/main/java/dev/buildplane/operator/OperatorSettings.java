package dev.buildplane.operator;

import dev.buildplane.metrics.Metrics;
import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import dev.buildplane.render.ConfinementPolicy;
import java.net.URI;
import java.time.InstantSource;

/// What the operator must be told.
///
/// @param gateway base URL of the gateway's callers' listener, `https://host:port`
/// @param identity client certificate shown to the gateway; its CN is the user the operator acts as there
/// @param gatewayTrust CA of the gateway's server certificate
/// @param confinement what runs may create in build planes
/// @param clock where the time comes from
/// @param metrics what the operator counts into; whoever runs it exposes them
public record OperatorSettings(
    URI gateway,
    Identity identity,
    TrustBundle gatewayTrust,
    ConfinementPolicy confinement,
    InstantSource clock,
    Metrics metrics) {

  /// Settings with the strictest confinement and the system's clock.
  public static OperatorSettings of(URI gateway, Identity identity, TrustBundle gatewayTrust) {
    return new OperatorSettings(
        gateway,
        identity,
        gatewayTrust,
        ConfinementPolicy.strict(),
        InstantSource.system(),
        new Metrics());
  }

  public OperatorSettings withClock(InstantSource other) {
    return new OperatorSettings(gateway, identity, gatewayTrust, confinement, other, metrics);
  }

  public OperatorSettings withMetrics(Metrics other) {
    return new OperatorSettings(gateway, identity, gatewayTrust, confinement, clock, other);
  }
}
