package dev.buildplane.apiserver;

import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.Identity;
import dev.buildplane.store.ObjectStore;
import dev.buildplane.store.StoreSettings;
import dev.buildplane.testkit.Kubectl;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/// A server over a store in a folder, with an administrator and a developer who may nothing.
final class Served implements AutoCloseable {
  final Path folder;
  final CertificateAuthority authority;
  final Identity admin;
  final Identity developer;
  final ObjectStore store;
  final ApiServer server;

  Served(Path folder, PodLogs logs) throws IOException {
    this.folder = folder;
    authority = CertificateAuthority.create("test-ca", Duration.ofDays(1));
    admin = authority.issueClient("admin", List.of("system:masters"), Duration.ofHours(1));
    developer = authority.issueClient("dev", List.of("devs"), Duration.ofHours(1));
    store = ObjectStore.open(StoreSettings.at(folder.resolve("objects.db")));
    var identity =
        authority.issueServer("localhost", List.of("localhost", "127.0.0.1"), Duration.ofHours(1));
    server = ApiServer.start(
        ApiServerSettings.of(
            "test", new InetSocketAddress("127.0.0.1", 0), identity, authority.trust()),
        store,
        logs);
  }

  Kubectl kubectl(Identity as) throws IOException {
    return kubectlIn(folder, as);
  }

  /// @param folder where its configuration and home go
  Kubectl kubectlIn(Path folder, Identity as) throws IOException {
    return Kubectl.against(folder, server.port(), authority.certificatePem(), as);
  }

  KubernetesClient client(boolean onlyHttpWatches) {
    var config = new io.fabric8.kubernetes.client.ConfigBuilder(Config.empty())
        .withMasterUrl("https://127.0.0.1:" + server.port())
        .withCaCertData(data(authority.certificatePem()))
        .withClientCertData(data(admin.certificatePem()))
        .withClientKeyData(data(admin.keyPem()))
        .withClientKeyAlgo("EC")
        .withNamespace("default")
        .withOnlyHttpWatches(onlyHttpWatches)
        .build();
    return new KubernetesClientBuilder().withConfig(config).build();
  }

  private static String data(String pem) {
    return java.util.Base64.getEncoder()
        .encodeToString(pem.getBytes(java.nio.charset.StandardCharsets.UTF_8));
  }

  @Override
  public void close() {
    server.close();
    store.close();
  }
}
