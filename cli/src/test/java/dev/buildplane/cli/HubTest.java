package dev.buildplane.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.pki.CertificateAuthority;
import io.fabric8.kubernetes.client.Config;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HubTest {
  private static final Duration DAY = Duration.ofDays(1);

  @TempDir
  Path folder;

  /// Certificates of the product's own making have such a key; the client library takes every key for RSA unless told.
  @Test
  void aKubeconfigWithAnEllipticCurveKeyMakesAClient() throws IOException {
    var ca = CertificateAuthority.create("hub", DAY);
    var user = ca.issueClient("gateway", List.of("system:masters"), DAY);
    Files.writeString(folder.resolve("ca.crt"), ca.certificatePem());
    Files.writeString(folder.resolve("user.crt"), user.certificatePem());
    Files.writeString(folder.resolve("user.key"), user.keyPem());
    var kubeconfig = Files.writeString(folder.resolve("kubeconfig"), """
        apiVersion: v1
        kind: Config
        current-context: x
        contexts: [{ name: x, context: { cluster: x, user: x } }]
        clusters: [{ name: x, cluster: { server: "https://localhost:1", certificate-authority: ca.crt } }]
        users: [{ name: x, user: { client-certificate: user.crt, client-key: user.key } }]
        """);

    try (var client = Hub.connect(Config.fromKubeconfig(kubeconfig.toFile()))) {
      assertThat(client.getConfiguration().getClientKeyAlgo()).isEqualTo("EC");
    }
  }
}
