package dev.buildplane.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildplane.pki.CertificateAuthority;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What an agent makes of what the kubelet puts into its pod.
class InClusterTest {
  @TempDir
  Path folder;

  @BeforeEach
  void mount() throws Exception {
    Files.writeString(folder.resolve("token"), "of-the-service-account\n");
    mountCa();
  }

  @Test
  void theServiceAccountReachesTheApiServerOfItsCluster() throws Exception {
    var read = Kubeconfig.inCluster(folder, "10.0.0.1", "443");
    assertThat(read.target().name()).isEqualTo("k8s");
    assertThat(read.target().host()).isEqualTo("10.0.0.1");
    assertThat(read.target().port()).isEqualTo(443);
    assertThat(read.target().tls()).isNotNull();
    assertThat(read.target().authorization()).isEqualTo("Bearer of-the-service-account");
    assertThat(read.files())
        .containsExactlyInAnyOrder(folder.resolve("token"), folder.resolve("ca.crt"));
  }

  @Test
  void anAddressOfIpv6IsOneHost() throws Exception {
    var target = Kubeconfig.inCluster(folder, "fd00::1", "6443").target();
    assertThat(target.host()).isEqualTo("fd00::1");
    assertThat(target.port()).isEqualTo(6443);
  }

  @Test
  void aRotatedTokenIsTheNextOne() throws Exception {
    Kubeconfig.inCluster(folder, "10.0.0.1", "443");
    Files.writeString(folder.resolve("token"), "rotated");
    assertThat(Kubeconfig.inCluster(folder, "10.0.0.1", "443").target().authorization())
        .isEqualTo("Bearer rotated");
  }

  @Test
  void whatIsMissingIsNamed() throws Exception {
    assertThatThrownBy(() -> Kubeconfig.inCluster(folder, null, null))
        .isInstanceOf(AgentProblem.class)
        .hasMessageContaining("set --kubeconfig");
    Files.writeString(folder.resolve("ca.crt"), "no certificate");
    assertThatThrownBy(() -> Kubeconfig.inCluster(folder, "10.0.0.1", "443"))
        .isInstanceOf(AgentProblem.class)
        .hasMessageStartingWith(folder.resolve("ca.crt") + ": ");
    Files.delete(folder.resolve("token"));
    mountCa();
    assertThatThrownBy(() -> Kubeconfig.inCluster(folder, "10.0.0.1", "443"))
        .isInstanceOf(AgentProblem.class)
        .hasMessageContaining(folder.resolve("token").toString());
  }

  private void mountCa() throws Exception {
    Files.writeString(
        folder.resolve("ca.crt"),
        CertificateAuthority.create("cluster", Duration.ofDays(1)).certificatePem());
  }
}
