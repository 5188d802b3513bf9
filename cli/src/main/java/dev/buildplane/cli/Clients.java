package dev.buildplane.cli;

import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/// Clients of the API servers of an installation.
final class Clients {
  private static final Duration REQUEST_TIMEOUT = Duration.ofSeconds(30);
  private static final Duration ESTABLISHED_WITHIN = Duration.ofSeconds(30);

  /// Says on an applied CRD which text it was made from, so that a start with nothing new applies nothing.
  private static final String DIGEST = "buildplane.dev/definition-sha256";

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

  /// Applies those CRDs that are missing or not as they should be, and waits until all are served.
  static void applyCrds(KubernetesClient client, List<String> yamls) {
    var present = new HashMap<String, String>();
    for (var crd :
        client.apiextensions().v1().customResourceDefinitions().list().getItems()) {
      var annotations = crd.getMetadata().getAnnotations();
      if (isEstablished(crd) && annotations != null && annotations.containsKey(DIGEST)) {
        present.put(crd.getMetadata().getName(), annotations.get(DIGEST));
      }
    }
    var applied = new ArrayList<CustomResourceDefinition>();
    for (var yaml : yamls) {
      var crd = client.getKubernetesSerialization().unmarshal(yaml, CustomResourceDefinition.class);
      var digest = sha256(yaml);
      if (!digest.equals(present.get(crd.getMetadata().getName()))) {
        crd.getMetadata().setAnnotations(new HashMap<>(Map.of(DIGEST, digest)));
        client.resource(crd).forceConflicts().serverSideApply();
        applied.add(crd);
      }
    }
    for (var crd : applied) {
      client
          .resource(crd)
          .waitUntilCondition(
              Clients::isEstablished, ESTABLISHED_WITHIN.toSeconds(), TimeUnit.SECONDS);
    }
  }

  private static String sha256(String text) {
    try {
      return HexFormat.of()
          .formatHex(
              MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException("every JDK has SHA-256", impossible);
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
