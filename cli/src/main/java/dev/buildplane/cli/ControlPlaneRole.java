package dev.buildplane.cli;

import dev.buildplane.apiserver.ApiServer;
import dev.buildplane.apiserver.ApiServerSettings;
import dev.buildplane.apiserver.PodLogs;
import dev.buildplane.gateway.Gateway;
import dev.buildplane.gateway.GatewaySettings;
import dev.buildplane.http.TlsIdentity;
import dev.buildplane.metrics.Metrics;
import dev.buildplane.model.Crds;
import dev.buildplane.operator.BuildplaneOperator;
import dev.buildplane.operator.OperatorSettings;
import dev.buildplane.store.ObjectStore;
import dev.buildplane.store.StoreSettings;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.util.Map;

/// The control plane of a standalone installation in one process: API server, gateway, operator. The three talk to each
/// other as they would on Kubernetes, over HTTP and mutual TLS.
final class ControlPlaneRole {
  static final String SYSTEM_NAMESPACE = "openchoreo-system";
  static final String AGENT_CA_SECRET = "buildplane-agent-ca";

  /// The planeID of the build plane that a standalone installation brings along.
  static final String LOCAL_PLANE_ID = "shared-builder";

  private ControlPlaneRole() {}

  static AutoCloseable start(
      DataDirectory data, int apiPort, int agentPort, int gatewayPort, int healthPort)
      throws Exception {
    var pki = new StandalonePki(data.pki());
    pki.ensure();
    var internalTrust = pki.trust("internal-ca");
    var parts = new Parts();
    var metrics = new Metrics();
    try {
      var store =
          parts.add(ObjectStore.open(StoreSettings.at(data.controlPlane().resolve("objects.db"))));
      var api = parts.add(ApiServer.start(
          ApiServerSettings.of("hub", loopback(apiPort), pki.identity("hub-server"), internalTrust),
          store,
          PodLogs.NONE));
      var apiUrl = "https://127.0.0.1:" + api.port();
      var operatorClient = parts.add(
          Clients.connect(apiUrl, pki.trust("control-plane-ca"), pki.identity("operator")));
      bootstrap(operatorClient, data, pki);
      var gatewayClient = parts.add(
          Clients.connect(apiUrl, pki.trust("control-plane-ca"), pki.identity("gateway")));
      var gateway = parts.add(Gateway.start(
          GatewaySettings.of(
              loopback(agentPort),
              loopback(gatewayPort),
              loopback(healthPort),
              TlsIdentity.of(pki.identity("gateway-server")),
              () -> internalTrust),
          gatewayClient,
          metrics));
      parts.add(BuildplaneOperator.start(
          OperatorSettings.of(
                  URI.create("https://127.0.0.1:" + gateway.callerPort()),
                  pki.identity("operator"),
                  pki.trust("control-plane-ca"))
              .withMetrics(metrics),
          operatorClient));
      new RoleReady(
              ProcessId.current(),
              Map.of(
                  "--api-port", api.port(),
                  "--agent-port", gateway.agentPort(),
                  "--gateway-port", gateway.callerPort(),
                  "--health-port", gateway.healthPort()))
          .write(data, Role.CONTROL_PLANE);
      return parts;
    } catch (Exception | Error failed) {
      parts.close();
      throw failed;
    }
  }

  static InetSocketAddress loopback(int port) {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
  }

  /// What a Helm chart would bring: CRDs, the system namespace, the CA of agents, and on the very first start a plane of the
  /// name that Workflows without a `buildPlaneRef` resolve to.
  private static void bootstrap(KubernetesClient client, DataDirectory data, StandalonePki pki)
      throws IOException {
    Clients.applyCrds(client, Crds.all());
    client
        .resource(new NamespaceBuilder()
            .withNewMetadata()
            .withName(SYSTEM_NAMESPACE)
            .endMetadata()
            .build())
        .serverSideApply();
    client
        .resource(new SecretBuilder()
            .withNewMetadata()
            .withName(AGENT_CA_SECRET)
            .withNamespace(SYSTEM_NAMESPACE)
            .endMetadata()
            .withType("Opaque")
            .addToStringData("ca.crt", pki.trust("buildplane-agent-ca").pem())
            .build())
        .forceConflicts()
        .serverSideApply();
    var done = data.controlPlane().resolve("bootstrapped");
    if (!Files.exists(done)) {
      client.resource(defaultPlane()).serverSideApply();
      DataDirectory.writeAtomically(done, "");
    }
  }

  private static GenericKubernetesResource defaultPlane() throws IOException {
    return Resources.JSON.convertValue(
        Resources.YAML.readTree("""
            apiVersion: openchoreo.dev/v1alpha1
            kind: ClusterBuildPlane
            metadata:
              name: default
              annotations:
                openchoreo.dev/display-name: This machine
                openchoreo.dev/description: The build plane that came with the standalone installation.
            spec:
              planeID: %s
              clusterAgent:
                clientCA:
                  secretRef:
                    name: %s
                    namespace: %s
                    key: ca.crt
            """.formatted(LOCAL_PLANE_ID, AGENT_CA_SECRET, SYSTEM_NAMESPACE)),
        GenericKubernetesResource.class);
  }
}
