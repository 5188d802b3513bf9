package dev.buildplane.runner;

import dev.buildplane.apiserver.ApiServer;
import dev.buildplane.apiserver.ApiServerSettings;
import dev.buildplane.apiserver.PodLogs;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.store.ObjectStore;
import dev.buildplane.store.StoreSettings;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/// A build plane's API server in this process, with the kinds of Argo and a client that may do everything.
final class Plane implements AutoCloseable {
  final ObjectStore store;
  final ApiServer server;
  final Config config;
  final KubernetesClient client;

  Plane(Path directory) throws IOException {
    var authority = CertificateAuthority.create("test", Duration.ofHours(1));
    var identity =
        authority.issueServer("localhost", List.of("127.0.0.1", "localhost"), Duration.ofHours(1));
    store =
        ObjectStore.open(StoreSettings.at(Files.createDirectories(directory).resolve("plane.db")));
    var bind = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    server = ApiServer.start(
        ApiServerSettings.of("plane", bind, identity, authority.trust()), store, PodLogs.NONE);
    var admin = authority.issueClient("admin", List.of("system:masters"), Duration.ofHours(1));
    config = new ConfigBuilder(Config.empty())
        .withMasterUrl("https://127.0.0.1:" + server.port())
        .withCaCertData(base64(authority.certificatePem()))
        .withClientCertData(base64(admin.certificatePem()))
        .withClientKeyData(base64(admin.keyPem()))
        .withClientKeyAlgo("EC")
        .build();
    client = new KubernetesClientBuilder().withConfig(config).build();
    for (var yaml : CustomResources.yaml()) {
      client
          .load(new java.io.ByteArrayInputStream(
              yaml.getBytes(java.nio.charset.StandardCharsets.UTF_8)))
          .create();
    }
    client
        .namespaces()
        .resource(new NamespaceBuilder()
            .withNewMetadata()
            .withName("ci")
            .endMetadata()
            .build())
        .create();
  }

  private static String base64(String text) {
    return java.util.Base64.getEncoder()
        .encodeToString(text.getBytes(java.nio.charset.StandardCharsets.UTF_8));
  }

  ArgoApi argo() {
    return new ArgoApi(client);
  }

  void apply(String yaml) {
    var node = Workflows.yaml(yaml);
    var resource = Json.MAPPER.convertValue(node, GenericKubernetesResource.class);
    client.resource(resource).create();
  }

  com.fasterxml.jackson.databind.JsonNode workflow(String name) {
    return argo()
        .workflow("ci", name)
        .<com.fasterxml.jackson.databind.JsonNode>map(found -> found)
        .orElse(Json.MAPPER.missingNode());
  }

  @Override
  public void close() {
    client.close();
    try {
      server.close();
    } finally {
      store.close();
    }
  }
}
