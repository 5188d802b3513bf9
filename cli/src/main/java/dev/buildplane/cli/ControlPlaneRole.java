package dev.buildplane.cli;

import dev.buildplane.apiserver.ApiServer;
import dev.buildplane.apiserver.ApiServerSettings;
import dev.buildplane.apiserver.PodLogs;
import dev.buildplane.gateway.AuditFile;
import dev.buildplane.gateway.CallerAuthorizer;
import dev.buildplane.gateway.MeshSettings;
import dev.buildplane.metrics.Metrics;
import dev.buildplane.model.Api;
import dev.buildplane.model.Crds;
import dev.buildplane.operator.BuildplaneOperator;
import dev.buildplane.operator.GatewaySet;
import dev.buildplane.operator.OperatorSettings;
import dev.buildplane.store.ObjectStore;
import dev.buildplane.store.StoreSettings;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.api.model.rbac.ClusterRole;
import io.fabric8.kubernetes.api.model.rbac.ClusterRoleBinding;
import io.fabric8.kubernetes.api.model.rbac.ClusterRoleBindingBuilder;
import io.fabric8.kubernetes.api.model.rbac.ClusterRoleBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The control plane of a standalone installation in one process: API server, gateway, operator. The three talk to each
/// other as they would on Kubernetes, over HTTP and mutual TLS.
final class ControlPlaneRole {
  static final String SYSTEM_NAMESPACE = "openchoreo-system";
  static final String AGENT_CA_SECRET = "buildplane-agent-ca";

  /// The planeID of the build plane that a standalone installation brings along.
  static final String LOCAL_PLANE_ID = "shared-builder";

  private static final String PEER_ROLE = "buildplane-gateway-peer";

  private ControlPlaneRole() {}

  static AutoCloseable start(
      DataDirectory data,
      int apiPort,
      int agentPort,
      int gatewayPort,
      int healthPort,
      @Nullable Path auditLog)
      throws Exception {
    return start(
        data,
        apiPort,
        new GatewayPorts(agentPort, gatewayPort, healthPort),
        List.of(),
        auditLog,
        new TracingOption());
  }

  /// @param peers callers' addresses of the further gateways, if there are any
  static AutoCloseable start(
      DataDirectory data,
      int apiPort,
      GatewayPorts gatewayPorts,
      List<URI> peers,
      @Nullable Path auditLog,
      TracingOption tracing)
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
      var audit =
          parts.add(new AuditFile(auditLog == null ? data.logs().resolve("audit.log") : auditLog));
      var gateway = parts.add(GatewayRole.start(
          new GatewayRole.Addresses(
              loopback(gatewayPorts.agent()),
              loopback(gatewayPorts.callers()),
              loopback(gatewayPorts.health())),
          GatewayRole.Peers.of(peers),
          parts.add(GatewayCertificates.follow(GatewayCertificates.Sources.standalone(pki))),
          gatewayClient,
          metrics,
          tracing.start(GatewayRole.SERVICE, parts),
          settings -> settings.withAudit(audit)));
      var gateways = new ArrayList<>(peers);
      gateways.addFirst(URI.create("https://127.0.0.1:" + gateway.callerPort()));
      parts.add(BuildplaneOperator.start(
          OperatorSettings.of(
                  gateways.getFirst(), pki.identity("operator"), pki.trust("control-plane-ca"))
              .withGateways(GatewaySet.of(gateways.toArray(URI[]::new)))
              .withMetrics(metrics),
          operatorClient));
      GatewayRole.ready(gateway).with("--api-port", api.port()).write(data, Member.CONTROL_PLANE);
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
    client.resource(peerRole()).forceConflicts().serverSideApply();
    client.resource(peerBinding()).forceConflicts().serverSideApply();
    var done = data.controlPlane().resolve("bootstrapped");
    if (!Files.exists(done)) {
      client.resource(defaultPlane()).serverSideApply();
      DataDirectory.writeAtomically(done, "");
    }
  }

  /// Gateways may follow each other, and nothing else.
  private static ClusterRole peerRole() {
    return new ClusterRoleBuilder()
        .withNewMetadata()
        .withName(PEER_ROLE)
        .endMetadata()
        .addNewRule()
        .withApiGroups(Api.GROUP)
        .withResources(CallerAuthorizer.Access.Connections.RESOURCE)
        .withVerbs("watch")
        .endRule()
        .build();
  }

  private static ClusterRoleBinding peerBinding() {
    return new ClusterRoleBindingBuilder()
        .withNewMetadata()
        .withName(PEER_ROLE)
        .endMetadata()
        .withNewRoleRef("rbac.authorization.k8s.io", "ClusterRole", PEER_ROLE)
        .addNewSubject("rbac.authorization.k8s.io", "Group", MeshSettings.PEER_GROUP, null)
        .build();
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
