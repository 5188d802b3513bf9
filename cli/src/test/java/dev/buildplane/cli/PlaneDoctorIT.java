package dev.buildplane.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.pki.CertificateAuthority;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/// `buildplane plane doctor`, `reconnect`, and what is shown of planes.
class PlaneDoctorIT extends PlaneStand {
  @Test
  void theDoctorComparesTheIssuerOfATurnedAwayAgentWithTheClientCa() throws Exception {
    register("strict");
    var foreign = CertificateAuthority.create("foreign-ca", Duration.ofDays(1))
        .issueClient("strict", List.of(), Duration.ofDays(1));
    Files.writeString(files("strict").resolve("agent.crt"), foreign.certificatePem());
    Files.writeString(files("strict").resolve("agent.key"), foreign.keyPem());
    var process = startPrinted(
        "buildplane serve agent --server-url %1$s --plane-id strict --client-cert %2$s/agent.crt --client-key %2$s/agent.key --server-ca %2$s/gateway-ca.crt"
            .formatted(installation.state().agentUrl(), files("strict")),
        "strict");
    try {
      await()
          .atMost(PATIENCE)
          .untilAsserted(() -> assertThat(planeCommand("doctor", "strict").output())
              .contains("issued by CN=foreign-ca, the plane trusts CN=strict-agent-ca"));
    } finally {
      process.destroy();
      process.waitFor();
    }
  }

  @Test
  void theDoctorSaysThatConnectedAgentsAreOfAnotherCa() throws Exception {
    register("guest", "--plane-id=shared-builder");

    var diagnosis = doctor("guest");

    assertThat(diagnosis.path("healthy").asBoolean()).isFalse();
    assertThat(result(diagnosis, PlaneDiagnosis.AGENT)).isEqualTo("ok");
    assertThat(result(diagnosis, PlaneDiagnosis.AUTHORISATION)).isEqualTo("problem");
    assertThat(result(diagnosis, PlaneDiagnosis.TUNNEL)).isEqualTo("skipped");
    assertThat(diagnosis.toString()).contains("CN=buildplane-agent-ca", "CN=guest-agent-ca");
  }

  @Test
  void reconnectingSaysHowManyAndTheyComeBack() throws Exception {
    // Connections are counted; while the machine is slow an agent may have a second one for a moment.
    assertThat(plane("reconnect", "default"))
        .containsPattern("(1 agent|[2-9] agents) of planeID shared-builder");
    await()
        .atMost(PATIENCE)
        .until(() -> planeCommand("doctor", "default").exitCode() == ExitCode.OK.code());
    var report = Resources.JSON.readTree(plane("reconnect", "default", "--output=json"));
    assertThat(report.path("plane").asText()).isEqualTo("clusterbuildplane/default");
    assertThat(report.path("planeId").asText()).isEqualTo("shared-builder");
    assertThat(report.path("disconnectedAgents").isIntegralNumber()).isTrue();

    await()
        .atMost(PATIENCE)
        .until(() -> planeCommand("doctor", "default").exitCode() == ExitCode.OK.code());
    assertThat(planeCommand("reconnect", "nowhere").exitCode())
        .isEqualTo(ExitCode.NOT_FOUND.code());
  }

  @Test
  void theCommandThatTheDoctorShowsRunsAsPasted() throws Exception {
    apply("""
        apiVersion: openchoreo.dev/v1alpha1
        kind: ClusterBuildPlane
        metadata: {name: dangling}
        spec:
          planeID: shared-builder
          clusterAgent: {clientCA: {secretRef: {name: buildplane-agent-ca, namespace: openchoreo-system, key: ca.crt}}}
          observabilityPlaneRef: {name: nowhere}
        """);
    var mend = doctor("dangling")
        .path("checks")
        .valueStream()
        .filter(check -> check.path("check").asText().equals(PlaneDiagnosis.OBSERVABILITY))
        .findFirst()
        .orElseThrow()
        .path("mend")
        .asText();

    var pasted = LocalInstallation.run(List.of("sh", "-c", mend), "");

    assertThat(pasted.exitCode()).as(pasted.output()).isZero();
    ready("clusterbuildplane/dangling");
    assertThat(planeCommand("doctor", "dangling").exitCode()).isZero();
  }

  @Test
  void displayNameAndDescriptionAreShown() {
    assertThat(plane("list", "--output=wide")).contains("DISPLAY NAME", "This machine");
    assertThat(plane("get", "default")).contains("This machine", "came with the standalone");
    assertThat(plane("describe", "default")).contains("This machine", "came with the standalone");
  }
}
