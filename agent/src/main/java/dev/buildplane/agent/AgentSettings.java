package dev.buildplane.agent;

import static java.util.Objects.requireNonNull;

import dev.buildplane.tunnel.TunnelSettings;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// How an agent runs; names and defaults follow `reference/gateway-agent.md` section 6.1.
///
/// @param serverUrls of the gateway, `wss://host:port/ws`, one or several that lead to replicas of the same gateway; query parameters are kept
/// @param planeType `buildplane`, `dataplane` or `observabilityplane`
/// @param planeId of the plane this agent serves
/// @param clientCert PEM chain of the agent's identity, leaf first
/// @param clientKey its PEM key, unencrypted
/// @param serverCa PEM of the CA that signed the gateway's certificate; the system's own trust is never used
/// @param kubeconfig how the target `k8s` is reached; absent: the in-cluster service account
/// @param targets YAML file with further targets ([TargetsFile])
/// @param connections tunnels kept at a time, 1 or 2; two go to different replicas of the gateway where there are several
/// @param metadata more to say in the handshake, besides version and host name
/// @param tunnel bounds of the tunnels
/// @param reloadInterval how often the files above are looked at, at least 10 ms
/// @param seekInterval how often an agent whose two tunnels share a replica looks for another one, at least 10 ms
/// @param drain how long [Agent#close] lets requests finish before it cuts them, at least 10 ms
public record AgentSettings(
    List<URI> serverUrls,
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
    Duration reloadInterval,
    Duration seekInterval,
    Duration drain) {
  public static final Duration DEFAULT_RELOAD_INTERVAL = Duration.ofSeconds(5);
  public static final Duration DEFAULT_SEEK_INTERVAL = Duration.ofSeconds(30);
  public static final Duration DEFAULT_DRAIN = Duration.ofSeconds(10);
  public static final int DEFAULT_CONNECTIONS = 2;
  public static final int MAX_CONNECTIONS = 2;
  public static final int MAX_SERVER_URLS = 16;
  private static final Duration SHORTEST_INTERVAL = Duration.ofMillis(10);

  public AgentSettings {
    serverUrls = List.copyOf(serverUrls);
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
    requireInterval("reload interval", reloadInterval);
    requireInterval("seek interval", seekInterval);
    requireInterval("drain", drain);
    if (serverUrls.isEmpty() || serverUrls.size() > MAX_SERVER_URLS) {
      throw new IllegalArgumentException("expected 1 to " + MAX_SERVER_URLS + " server URLs, found "
          + serverUrls.size() + "; set --server-url");
    }
    metadata = Map.copyOf(metadata);
  }

  private static void requireInterval(String name, Duration found) {
    if (found.compareTo(SHORTEST_INTERVAL) < 0) {
      throw new IllegalArgumentException("expected a " + name + " of at least "
          + SHORTEST_INTERVAL.toMillis() + " ms, found " + found);
    }
  }

  /// Two connections, no extra targets, default bounds.
  public static AgentSettings of(
      URI serverUrl,
      String planeType,
      String planeId,
      Path clientCert,
      Path clientKey,
      Path serverCa,
      Optional<Path> kubeconfig) {
    return new AgentSettings(
        List.of(serverUrl),
        planeType,
        planeId,
        clientCert,
        clientKey,
        serverCa,
        kubeconfig,
        Optional.empty(),
        DEFAULT_CONNECTIONS,
        Map.of(),
        TunnelSettings.defaults(),
        DEFAULT_RELOAD_INTERVAL,
        DEFAULT_SEEK_INTERVAL,
        DEFAULT_DRAIN);
  }

  /// At several addresses of one gateway.
  public AgentSettings withServerUrls(List<URI> urls) {
    return new AgentSettings(
        urls,
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
        reloadInterval,
        seekInterval,
        drain);
  }

  public AgentSettings withDrain(Duration limit) {
    return new AgentSettings(
        serverUrls,
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
        reloadInterval,
        seekInterval,
        limit);
  }

  public AgentSettings withSeekInterval(Duration interval) {
    return new AgentSettings(
        serverUrls,
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
        reloadInterval,
        interval,
        drain);
  }

  public AgentSettings withTargets(Path file) {
    return new AgentSettings(
        serverUrls,
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
        reloadInterval,
        seekInterval,
        drain);
  }

  public AgentSettings withConnections(int count) {
    return new AgentSettings(
        serverUrls,
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
        reloadInterval,
        seekInterval,
        drain);
  }

  /// Whether it speaks nothing but the JSON messages of OpenChoreo v0.17.
  public AgentSettings withJsonOnly(boolean only) {
    return withTunnel(tunnel.withJson(tunnel.json().withOnly(only)));
  }

  public AgentSettings withMetadata(Map<String, String> more) {
    return new AgentSettings(
        serverUrls,
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
        reloadInterval,
        seekInterval,
        drain);
  }

  public AgentSettings withTunnel(TunnelSettings bounds) {
    return new AgentSettings(
        serverUrls,
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
        reloadInterval,
        seekInterval,
        drain);
  }

  public AgentSettings withReloadInterval(Duration interval) {
    return new AgentSettings(
        serverUrls,
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
        interval,
        seekInterval,
        drain);
  }
}
