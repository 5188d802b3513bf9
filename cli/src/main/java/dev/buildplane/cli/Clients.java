package dev.buildplane.cli;

import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// Clients of the API servers of an installation.
final class Clients {
  private static final Duration REQUEST_TIMEOUT = Duration.ofSeconds(30);
  private static final Duration ESTABLISHED_WITHIN = Duration.ofSeconds(30);

  private Clients() {}

  static KubernetesClient connect(String url, TrustBundle serverTrust, Identity user) {
    var config = new ConfigBuilder(io.fabric8.kubernetes.client.Config.empty())
        .withMasterUrl(url)
        .withCaCertData(base64(serverTrust.pem()))
        .withClientCertData(base64(user.certificatePem()))
        .withClientKeyData(base64(user.keyPem()))
        .withClientKeyAlgo(user.key().getAlgorithm())
        .withRequestTimeout((int) REQUEST_TIMEOUT.toMillis())
        .withConnectionTimeout((int) REQUEST_TIMEOUT.toMillis())
        .withNamespace("default")
        .build();
    return new KubernetesClientBuilder().withConfig(config).build();
  }

  /// Applies CRDs and waits until they are served.
  static void applyCrds(KubernetesClient client, List<String> yamls) {
    var crds = yamls.stream()
        .map(yaml ->
            client.getKubernetesSerialization().unmarshal(yaml, CustomResourceDefinition.class))
        .toList();
    crds.forEach(crd -> client.resource(crd).forceConflicts().serverSideApply());
    for (var crd : crds) {
      client
          .resource(crd)
          .waitUntilCondition(
              Clients::isEstablished, ESTABLISHED_WITHIN.toSeconds(), TimeUnit.SECONDS);
    }
  }

  private static boolean isEstablished(CustomResourceDefinition crd) {
    return crd != null
        && crd.getStatus() != null
        && crd.getStatus().getConditions().stream()
            .anyMatch(condition -> condition.getType().equals("Established")
                && condition.getStatus().equals("True"));
  }

  private static String base64(String text) {
    return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.US_ASCII));
  }
}
