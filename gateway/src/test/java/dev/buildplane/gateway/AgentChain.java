package dev.buildplane.gateway;

import dev.buildplane.agent.Agent;
import dev.buildplane.agent.AgentSettings;
import dev.buildplane.metrics.Metrics;
import dev.buildplane.model.ClientCA;
import dev.buildplane.model.ClusterBuildPlane;
import dev.buildplane.pki.TrustBundle;
import dev.buildplane.tracing.Tracing;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.awaitility.Awaitility;

/// A real agent of a plane of its own, connected to a hub's gateway, in front of one target on the loopback interface.
final class AgentChain implements AutoCloseable {
  final String plane;
  final TestHub hub;
  private final Agent agent;

  private AgentChain(String plane, TestHub hub, Agent agent) {
    this.plane = plane;
    this.hub = hub;
    this.agent = agent;
  }

  /// Creates the plane, unless it is there, and waits until its agent is connected.
  ///
  /// @param folder for the agent's files, not used by anybody else
  /// @param targetCa who vouches for the target; absent when it speaks no TLS
  /// @param gatewayPort where the agent dials: the gateway's own port, or that of a relay before it
  static AgentChain start(
      TestHub hub,
      String plane,
      Path folder,
      int gatewayPort,
      int targetPort,
      Optional<TrustBundle> targetCa,
      UnaryOperator<AgentSettings> more)
      throws Exception {
    return start(hub, plane, folder, gatewayPort, targetPort, targetCa, more, Optional.empty());
  }

  /// As above, with spans of what it carries.
  static AgentChain start(
      TestHub hub,
      String plane,
      Path folder,
      int gatewayPort,
      int targetPort,
      Optional<TrustBundle> targetCa,
      UnaryOperator<AgentSettings> more,
      Optional<Tracing> tracing)
      throws Exception {
    if (hub.client.resources(ClusterBuildPlane.class).withName(plane).get() == null) {
      hub.plane(plane, null, ClientCA.ofValue(hub.agents.certificatePem()));
    }
    var own = hub.agentIdentity();
    Files.createDirectories(folder);
    Files.writeString(folder.resolve("tls.crt"), own.certificatePem());
    Files.writeString(folder.resolve("tls.key"), own.keyPem());
    Files.writeString(folder.resolve("gateway.pem"), hub.ca.certificatePem());
    Files.writeString(
        folder.resolve("target.pem"), targetCa.map(TrustBundle::pem).orElse(""));
    Files.writeString(folder.resolve("kubeconfig"), """
        apiVersion: v1
        kind: Config
        current-context: x
        contexts: [{ name: x, context: { cluster: x, user: x } }]
        clusters: [{ name: x, cluster: { server: "%s://localhost:%d", certificate-authority: target.pem } }]
        users: [{ name: x, user: { token: the-agents-own } }]
        """.formatted(
            targetCa.isPresent() ? "https" : "http", targetPort));
    var settings = more.apply(AgentSettings.of(
        URI.create("wss://localhost:" + gatewayPort + "/ws"),
        "buildplane",
        plane,
        folder.resolve("tls.crt"),
        folder.resolve("tls.key"),
        folder.resolve("gateway.pem"),
        Optional.of(folder.resolve("kubeconfig"))));
    var agent = Agent.start(settings, new Metrics(), tracing);
    Awaitility.await().atMost(TestHub.PATIENCE).until(agent::ready);
    return new AgentChain(plane, hub, agent);
  }

  static AgentChain start(
      TestHub hub, String plane, Path folder, int targetPort, TrustBundle targetCa)
      throws Exception {
    return start(
        hub,
        plane,
        folder,
        hub.gateway.agentPort(),
        targetPort,
        Optional.of(targetCa),
        UnaryOperator.identity());
  }

  /// Path of the target's root at the gateway.
  String path() {
    return "/api/proxy/buildplane/" + plane + "/_cluster/" + plane + "/k8s";
  }

  URI uri(String rest) {
    return URI.create("https://localhost:" + hub.gateway.callerPort() + path() + rest);
  }

  Agent agent() {
    return agent;
  }

  @Override
  public void close() {
    agent.close();
  }
}
