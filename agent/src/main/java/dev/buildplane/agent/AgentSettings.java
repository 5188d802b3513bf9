package dev.buildplane.agent;

import static java.util.Objects.requireNonNull;

import dev.buildplane.tunnel.TunnelSettings;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/// How an agent runs; names and defaults follow `reference/gateway-agent.md` section 6.1.
///
/// @param serverUrl of the gateway, `wss://host:port/ws`; its query parameters are kept
/// @param planeType `buildplane`, `dataplane` or `observabilityplane`
/// @param planeId of the plane this agent serves
/// @param clientCert PEM chain of the agent's identity, leaf first
/// @param clientKey its PEM key, unencrypted
/// @param serverCa PEM of the CA that signed the gateway's certificate; the system's own trust is never used
/// @param kubeconfig how the target `k8s` is reached; absent: the in-cluster service account
/// @param targets YAML file with further targets ([TargetsFile])
/// @param connections tunnels kept at a time, 1 or 2
/// @param metadata more to say in the handshake, besides version and host name
/// @param tunnel bounds of the tunnels
/// @param reloadInterval how often the files above are looked at, at least 10 ms
public record AgentSettings(
    URI serverUrl,
    String planeType,
    String planeId,
    Path clientCert,
    Path clientKey,
    Path serverCa,
    Optional<Path> kubeconfig,
    Optional<Path> targets,
    int connections,
    Map<String, String> metadata,
    TunnelSettings tunnel,
    Duration reloadInterval) {
  public static final Duration DEFAULT_RELOAD_INTERVAL = Duration.ofSeconds(5);
  public static final int MAX_CONNECTIONS = 2;

  public AgentSettings {
    requireNonNull(serverUrl, "serverUrl");
    requireNonNull(planeType, "planeType");
    requireNonNull(tunnel, "tunnel");
    if (planeId.isEmpty()) {
      throw new IllegalArgumentException(
          "expected a plane id, found none; set --plane-id (PLANE_ID)");
    }
    if (connections < 1 || connections > MAX_CONNECTIONS) {
      throw new IllegalArgumentException(
          "expected 1 to " + MAX_CONNECTIONS + " connections, found " + connections);
    }
    if (reloadInterval.compareTo(Duration.ofMillis(10)) < 0) {
      throw new IllegalArgumentException(
          "expected a reload interval of at least 10 ms, found " + reloadInterval);
    }
    metadata = Map.copyOf(metadata);
  }

  /// One connection, no extra targets, default bounds.
  public static AgentSettings of(
      URI serverUrl,
      String planeType,
      String planeId,
      Path clientCert,
      Path clientKey,
      Path serverCa,
      Optional<Path> kubeconfig) {
    return new AgentSettings(
        serverUrl,
        planeType,
        planeId,
        clientCert,
        clientKey,
        serverCa,
        kubeconfig,
        Optional.empty(),
        1,
        Map.of(),
        TunnelSettings.defaults(),
        DEFAULT_RELOAD_INTERVAL);
  }

  public AgentSettings withTargets(Path file) {
    return new AgentSettings(
        serverUrl,
        planeType,
        planeId,
        clientCert,
        clientKey,
        serverCa,
        kubeconfig,
        Optional.of(file),
        connections,
        metadata,
        tunnel,
        reloadInterval);
  }

  public AgentSettings withConnections(int count) {
    return new AgentSettings(
        serverUrl,
        planeType,
        planeId,
        clientCert,
        clientKey,
        serverCa,
        kubeconfig,
        targets,
        count,
        metadata,
        tunnel,
        reloadInterval);
  }

  public AgentSettings withMetadata(Map<String, String> more) {
    return new AgentSettings(
        serverUrl,
        planeType,
        planeId,
        clientCert,
        clientKey,
        serverCa,
        kubeconfig,
        targets,
        connections,
        more,
        tunnel,
        reloadInterval);
  }

  public AgentSettings withTunnel(TunnelSettings bounds) {
    return new AgentSettings(
        serverUrl,
        planeType,
        planeId,
        clientCert,
        clientKey,
        serverCa,
        kubeconfig,
        targets,
        connections,
        metadata,
        bounds,
        reloadInterval);
  }

  public AgentSettings withReloadInterval(Duration interval) {
    return new AgentSettings(
        serverUrl,
        planeType,
        planeId,
        clientCert,
        clientKey,
        serverCa,
        kubeconfig,
        targets,
        connections,
        metadata,
        tunnel,
        interval);
  }
}
