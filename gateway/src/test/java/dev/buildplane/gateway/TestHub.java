package dev.buildplane.gateway;

import dev.buildplane.apiserver.ApiServer;
import dev.buildplane.apiserver.ApiServerSettings;
import dev.buildplane.http.TlsIdentity;
import dev.buildplane.model.ClientCA;
import dev.buildplane.model.ClusterBuildPlane;
import dev.buildplane.model.Plane;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneSpec;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.Identity;
import dev.buildplane.store.ObjectStore;
import dev.buildplane.store.StoreSettings;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.rbac.ClusterRoleBindingBuilder;
import io.fabric8.kubernetes.api.model.rbac.ClusterRoleBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpClient;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.UnaryOperator;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;

/// A hub API server with the plane kinds, and a gateway before it.
final class TestHub implements AutoCloseable {
  static final Duration YEAR = Duration.ofDays(365);
  static final Duration PATIENCE = Duration.ofSeconds(60);

  final CertificateAuthority ca = CertificateAuthority.create("internal", YEAR);
  final CertificateAuthority agents = CertificateAuthority.create("agents", YEAR);
  final Queue<String> audit = new ConcurrentLinkedQueue<>();
  final KubernetesClient client;
  final Gateway gateway;
  private final ObjectStore store;
  final ApiServer server;

  TestHub(Path directory) throws Exception {
    this(directory, UnaryOperator.identity());
  }

  /// @param more changes the gateway's settings
  TestHub(Path directory, UnaryOperator<GatewaySettings> more) throws Exception {
    store = ObjectStore.open(StoreSettings.at(directory.resolve("hub.db")));
    server = ApiServer.start(
        ApiServerSettings.of("hub", any(), serverIdentity(), ca.trust()),
        store,
        (namespace, pod, container, follow) -> {
          throw new IOException("no pods here");
        });
    client = new KubernetesClientBuilder().withConfig(config()).build();
    for (var kind : PlaneKind.values()) {
      try (var crd = PlaneKind.class.getResourceAsStream("crds/" + kind.plural() + ".yaml")) {
        client
            .load(crd)
            .serverSideApply(); // a client that repeats a request finds nothing in its way
      }
    }
    gateway = Gateway.start(
        more.apply(
            GatewaySettings.of(any(), any(), any(), TlsIdentity.of(serverIdentity()), ca::trust)
                .withAudit(AuditSink.each(audit::add))),
        client);
    Awaitility.await().atMost(PATIENCE).until(gateway::ready);
  }

  /// Creates what lets the group of gateways follow each other, as a chart would.
  void allowPeers() {
    client
        .resource(new ClusterRoleBuilder()
            .withNewMetadata()
            .withName("gateway-peers")
            .endMetadata()
            .addNewRule()
            .withApiGroups("openchoreo.dev")
            .withResources("agentconnections")
            .withVerbs("watch")
            .endRule()
            .build())
        .create();
    client
        .resource(new ClusterRoleBindingBuilder()
            .withNewMetadata()
            .withName("gateway-peers")
            .endMetadata()
            .withNewRoleRef("rbac.authorization.k8s.io", "ClusterRole", "gateway-peers")
            .addNewSubject("rbac.authorization.k8s.io", "Group", Forwarding.PEER_GROUP, null)
            .build())
        .create();
  }

  Identity peerIdentity() {
    return ca.issueClient("cluster-gateway", List.of(Forwarding.PEER_GROUP), YEAR);
  }

  int serverPort() {
    return server.port();
  }

  private Config config() {
    var admin = ca.issueClient("admin", List.of("system:masters"), YEAR);
    return new ConfigBuilder(Config.empty())
        .withMasterUrl("https://localhost:" + server.port())
        .withCaCertData(base64(ca.certificatePem()))
        .withClientCertData(base64(admin.certificatePem()))
        .withClientKeyData(base64(admin.keyPem()))
        .withClientKeyAlgo("EC")
        .build();
  }

  private static String base64(String text) {
    return java.util.Base64.getEncoder()
        .encodeToString(text.getBytes(java.nio.charset.StandardCharsets.UTF_8));
  }

  Identity serverIdentity() {
    return ca.issueServer("localhost", List.of("localhost", "127.0.0.1"), YEAR);
  }

  static InetSocketAddress any() {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
  }

  /// Creates a cluster build plane that trusts `clientCA`, and waits until the gateway knows.
  ClusterBuildPlane plane(String name, @Nullable String planeID, ClientCA clientCA) {
    var plane = new ClusterBuildPlane();
    plane.setMetadata(new ObjectMetaBuilder().withName(name).build());
    plane.setSpec(PlaneSpec.of(planeID, clientCA));
    return client.resource(plane).create();
  }

  void replaceCA(Plane plane, ClientCA clientCA) {
    client.resource((ClusterBuildPlane) plane).edit(current -> {
      current.setSpec(PlaneSpec.of(current.getSpec().planeID(), clientCA));
      return current;
    });
  }

  Identity agentIdentity() {
    return agents.issueClient("agent", List.of(), YEAR);
  }

  /// Dials as soon as the gateway knows the plane.
  TestAgent agent(String planeID) {
    return agent(planeID, agentIdentity());
  }

  TestAgent agent(String planeID, Identity identity) {
    return Awaitility.await()
        .atMost(PATIENCE)
        .ignoreExceptions()
        .until(
            () -> TestAgent.dial(gateway.agentPort(), "buildplane", planeID, identity, ca.trust()),
            java.util.Objects::nonNull);
  }

  HttpClient caller(HttpClient.Version version) throws Exception {
    return caller(version, ca.issueClient("operator", List.of("system:masters"), YEAR));
  }

  HttpClient caller(HttpClient.Version version, @Nullable Identity identity) throws Exception {
    return HttpClient.newBuilder()
        .version(version)
        .sslContext(sslContext(identity))
        .build();
  }

  SSLContext sslContext(@Nullable Identity identity) throws Exception {
    var trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    trusted.setCertificateEntry("ca", ca.certificate());
    var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(trusted);
    var own = KeyStore.getInstance("PKCS12");
    own.load(null, null);
    if (identity != null) {
      own.setKeyEntry(
          "own", identity.key(), new char[0], identity.chain().toArray(Certificate[]::new));
    }
    var keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    keys.init(own, new char[0]);
    var context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
    return context;
  }

  @Override
  public void close() throws Exception {
    gateway.close();
    client.close();
    server.close();
    store.close();
  }
}
