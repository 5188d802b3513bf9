package dev.buildplane.gateway;

import static java.util.Objects.requireNonNull;

import dev.buildplane.http.HttpLimits;
import dev.buildplane.http.TlsIdentity;
import dev.buildplane.pki.TrustBundle;
import dev.buildplane.tunnel.TunnelSettings;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.InstantSource;
import java.util.function.Supplier;

/// What a gateway is made of. Addresses with port 0 take any free port.
///
/// @param agents where agents dial in; serves `/ws` only
/// @param callers where the operator, the command line and kubectl call; every route is authenticated
/// @param health plain text `/healthz`, `/livez`, `/readyz`, `/metrics`
/// @param identity certificate of the agents' and the callers' listener
/// @param callerTrust CAs of callers' client certificates, asked for anew on each connection
/// @param tunnels bounds of the tunnels
/// @param limits bounds of the two TLS listeners
/// @param answerDeadline how long a plane may take none of a proxied request, or have all of it, and not begin its answer; 504 beyond
/// @param heartbeatInterval how often `HEARTBEAT` goes out per connection on `/api/v1/planes/watch`, those of all connections spread
///   over it
/// @param decisionLifetime how long a token's or an access review's outcome is used again
/// @param clock for certificate validity and time stamps
/// @param audit takes one JSON line per proxied call; must not block
public record GatewaySettings(
    InetSocketAddress agents,
    InetSocketAddress callers,
    InetSocketAddress health,
    TlsIdentity identity,
    Supplier<TrustBundle> callerTrust,
    TunnelSettings tunnels,
    HttpLimits limits,
    Duration answerDeadline,
    Duration heartbeatInterval,
    Duration decisionLifetime,
    InstantSource clock,
    AuditSink audit) {
  public static final Duration DEFAULT_ANSWER_DEADLINE = Duration.ofSeconds(60);
  public static final Duration DEFAULT_HEARTBEAT_INTERVAL = Duration.ofSeconds(60);
  public static final Duration DEFAULT_DECISION_LIFETIME = Duration.ofSeconds(5);

  public GatewaySettings {
    requireNonNull(agents, "agents");
    requireNonNull(callers, "callers");
    requireNonNull(health, "health");
    requireNonNull(identity, "identity");
    requireNonNull(callerTrust, "callerTrust");
  }

  /// Defaults around the addresses and identities; audit lines go to the logger `buildplane.audit`.
  public static GatewaySettings of(
      InetSocketAddress agents,
      InetSocketAddress callers,
      InetSocketAddress health,
      TlsIdentity identity,
      Supplier<TrustBundle> callerTrust) {
    return new GatewaySettings(
        agents,
        callers,
        health,
        identity,
        callerTrust,
        TunnelSettings.defaults(),
        HttpLimits.DEFAULT,
        DEFAULT_ANSWER_DEADLINE,
        DEFAULT_HEARTBEAT_INTERVAL,
        DEFAULT_DECISION_LIFETIME,
        InstantSource.system(),
        AuditLog.toLogger());
  }

  public GatewaySettings withAudit(AuditSink sink) {
    return new GatewaySettings(
        agents,
        callers,
        health,
        identity,
        callerTrust,
        tunnels,
        limits,
        answerDeadline,
        heartbeatInterval,
        decisionLifetime,
        clock,
        sink);
  }

  public GatewaySettings withLimits(HttpLimits other) {
    return new GatewaySettings(
        agents,
        callers,
        health,
        identity,
        callerTrust,
        tunnels,
        other,
        answerDeadline,
        heartbeatInterval,
        decisionLifetime,
        clock,
        audit);
  }

  public GatewaySettings withTunnels(TunnelSettings other) {
    return new GatewaySettings(
        agents,
        callers,
        health,
        identity,
        callerTrust,
        other,
        limits,
        answerDeadline,
        heartbeatInterval,
        decisionLifetime,
        clock,
        audit);
  }

  public GatewaySettings withAnswerDeadline(Duration deadline) {
    return new GatewaySettings(
        agents,
        callers,
        health,
        identity,
        callerTrust,
        tunnels,
        limits,
        deadline,
        heartbeatInterval,
        decisionLifetime,
        clock,
        audit);
  }

  public GatewaySettings withHeartbeatInterval(Duration interval) {
    return new GatewaySettings(
        agents,
        callers,
        health,
        identity,
        callerTrust,
        tunnels,
        limits,
        answerDeadline,
        interval,
        decisionLifetime,
        clock,
        audit);
  }
}
