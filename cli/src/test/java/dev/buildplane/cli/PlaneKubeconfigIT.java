package dev.buildplane.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.pki.CertificateAuthority;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.Test;

/// `buildplane plane kubeconfig`, with real `kubectl` through the gateway.
class PlaneKubeconfigIT extends PlaneStand {
  private static final String STEPS = """
      apiVersion: argoproj.io/v1alpha1
      kind: Workflow
      metadata: {name: talks, namespace: talking-logs}
      spec:
        serviceAccountName: default
        entrypoint: main
        templates:
          - name: main
            container:
              image: alpine:3
              command: [sh, -c]
              args: ['echo begun; while [ ! -e %s ]; do sleep 0.1; done; echo ended']
      """;

  @Test
  void kubectlWorksOnThePlaneThroughTheGateway() throws Exception {
    var kubectl = through("default", "default.kubeconfig");
    assertThat(PosixFilePermissions.toString(
            Files.getPosixFilePermissions(folder.resolve("default.kubeconfig"))))
        .isEqualTo("rw-------");
    assertThat(kubectl.run("version").ok()).contains("Server Version");
    kubectl.run("create", "namespace", "talking").ok();
    kubectl.runWith("""
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: made, namespace: talking}
            data: {a: one}
            """, "apply", "-f", "-").ok();
    try (var watching = kubectl.start(
        "--namespace=talking",
        "get",
        "configmaps",
        "--watch",
        "--output=jsonpath={.data.a}{'\\n'}")) {
      await().atMost(PATIENCE).until(() -> watching.out().contains("one"));
      kubectl
          .run(
              "--namespace=talking",
              "patch",
              "configmap",
              "made",
              "-p",
              "{\"data\":{\"a\":\"two\"}}")
          .ok();
      await().atMost(PATIENCE).until(() -> watching.out().contains("two"));
    }
    kubectl.run("--namespace=talking", "delete", "configmap", "made").ok();
    assertThat(kubectl.run("--namespace=talking", "get", "configmap", "made").exitCode())
        .isNotZero();
    assertThat(kubectl.run("explain", "configmap").ok()).contains("ConfigMap");
  }

  @Test
  void kubectlFollowsTheLogOfARunningStep() throws Exception {
    var kubectl = through("clusterbuildplane/default", "logs.kubeconfig");
    var gate = installation.data().repositories().resolve("go-on");
    kubectl.run("create", "namespace", "talking-logs").ok();
    kubectl.runWith(STEPS.formatted(gate), "create", "--filename=-").ok();
    await()
        .atMost(PATIENCE)
        .until(() -> kubectl.run("get", "pods", "-A").out().contains("Running"));
    var pod = kubectl
        .run("--namespace=talking-logs", "get", "pods", "--output=name")
        .ok()
        .strip();
    try (var following =
        kubectl.start("--namespace=talking-logs", "logs", "--follow", pod, "--container=main")) {
      await().atMost(PATIENCE).until(() -> following.out().contains("begun"));
      assertThat(following.out()).doesNotContain("ended");
      Files.createFile(gate);
      assertThat(following.end().ok()).contains("ended");
    }
  }

  @Test
  void kubectlWorksThroughANamespacedPlaneToo() throws Exception {
    apply("""
        apiVersion: openchoreo.dev/v1alpha1
        kind: BuildPlane
        metadata: {name: team, namespace: default}
        spec:
          planeID: shared-builder
          clusterAgent:
            clientCA:
              value: |
        %s
        """.formatted(agentCa().indent(8)));
    ready("buildplane/team", "--namespace=default");

    var kubectl = through("buildplane/default/team", "team.kubeconfig");

    assertThat(kubectl.run("get", "namespaces").ok()).contains("kube-system");
    assertThat(plane("get", "team", "--namespace", "default")).contains("buildplane/default/team");
    assertThat(plane("describe", "buildplane/default/team")).contains("Namespace:", "default");
  }

  @Test
  void aCallerWithoutRightsIsToldWhichOnesAreMissing() throws Exception {
    var pki = new StandalonePki(installation.data().pki());
    var visitor = CertificateAuthority.of(pki.identity("internal-ca"))
        .issueClient("visitor", List.of(), Duration.ofDays(1));
    var state = installation.state();
    var trust = pki.trust("control-plane-ca");
    var kubeconfig = folder.resolve("visitor.kubeconfig");
    var credentials = KubeconfigFile.render(List.of(
        new KubeconfigFile.Context("control-plane", state.apiUrl(), trust, visitor),
        new KubeconfigFile.Context("gateway", state.gatewayUrl(), trust, visitor)));
    Files.writeString(kubeconfig, credentials);
    installation.kubectl(
        "create", "clusterrole", "plane-reader", "--verb=get", "--resource=clusterbuildplanes");
    installation.kubectl(
        "create", "clusterrolebinding", "visitor", "--clusterrole=plane-reader", "--user=visitor");

    var output = folder.resolve("visitor-plane.kubeconfig");
    plane("kubeconfig", "default", "--kubeconfig=" + kubeconfig, "--output=" + output);
    var refused = kubectl(output).run("get", "pods");

    assertThat(refused.exitCode()).isNotZero();
    assertThat(refused.out()).contains("visitor", "clusterbuildplanes/proxy");
    assertThat(plane("describe", "default", "--kubeconfig=" + kubeconfig))
        .contains("cannot get resource \"secrets\"", "Runs:  not known");
    var doctor = planeCommand("doctor", "default", "--kubeconfig=" + kubeconfig);
    assertThat(doctor.exitCode()).isEqualTo(ExitCode.FAILED.code());
    assertThat(doctor.output())
        .containsPattern("problem +client CA")
        .contains("--user=visitor", "agentconnections", "clusterbuildplanes/proxy");
    grantAsShown(kubeconfig);
  }

  /// The commands shown to the visitor, pasted by an administrator, give what was missing.
  private void grantAsShown(Path visitor) throws Exception {
    var diagnosis = Resources.JSON.readTree(
        planeCommand("doctor", "default", "--output=json", "--kubeconfig=" + visitor)
            .output());
    for (var check : diagnosis.path("checks")) {
      if (check.path("mend").asText().endsWith("# as an administrator of the control plane")) {
        var pasted = LocalInstallation.run(
            List.of(
                "sh",
                "-c",
                "export KUBECONFIG=" + installation.data().kubeconfig() + "\n"
                    + check.path("mend").asText()),
            "");
        assertThat(pasted.exitCode()).as(pasted.output()).isZero();
      }
    }
    await()
        .atMost(PATIENCE)
        .until(
            () -> planeCommand("doctor", "default", "--kubeconfig=" + visitor).exitCode() == 0);
  }

  @Test
  void aBearerTokenIsTakenAlong() throws Exception {
    apply("""
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRole
        metadata: {name: plane-user}
        rules:
        - {apiGroups: [openchoreo.dev], resources: [clusterbuildplanes, clusterbuildplanes/proxy], verbs: [get]}
        """);
    installation.kubectl("create", "serviceaccount", "robot");
    installation.kubectl(
        "create",
        "clusterrolebinding",
        "robot",
        "--clusterrole=plane-user",
        "--serviceaccount=default:robot");
    var token = installation.kubectl("create", "token", "robot").output().strip();
    var state = installation.state();
    var ca = Base64.getEncoder()
        .encodeToString(
            Files.readAllBytes(installation.data().pki().resolve("control-plane-ca.crt")));
    var kubeconfig = Files.writeString(folder.resolve("robot.kubeconfig"), """
        apiVersion: v1
        kind: Config
        current-context: control-plane
        clusters:
        - {name: hub, cluster: {server: "%1$s", certificate-authority-data: %3$s}}
        - {name: gate, cluster: {server: "%2$s", certificate-authority-data: %3$s}}
        users:
        - {name: robot, user: {token: "%4$s"}}
        contexts:
        - {name: control-plane, context: {cluster: hub, user: robot}}
        - {name: gateway, context: {cluster: gate, user: robot}}
        """.formatted(
            state.apiUrl(), state.gatewayUrl(), ca, token));
    var output = folder.resolve("robot-plane.kubeconfig");

    plane("kubeconfig", "default", "--kubeconfig=" + kubeconfig, "--output=" + output);

    var kubectl = kubectl(output);
    assertThat(kubectl.run("get", "namespaces").ok()).contains("kube-system");
    assertThat(kubectl.run("create", "namespace", "not-allowed").out())
        .contains("system:serviceaccount:default:robot", "may not create");
  }

  @Test
  void mergingAddsAContextToTheUsersOwnFile() throws Exception {
    var own = folder.resolve("own.kubeconfig");
    Files.copy(installation.data().kubeconfig(), own);

    plane("kubeconfig", "default", "--merge", "--output=" + own);

    var kubectl = kubectl(own);
    assertThat(kubectl.run("config", "current-context").ok()).contains("control-plane");
    assertThat(kubectl
            .run("--context=clusterbuildplane/default", "get", "workflows.argoproj.io", "-A")
            .exitCode())
        .isZero();
    var replaced = planeCommand("kubeconfig", "default", "--output=" + own);
    assertThat(replaced.exitCode()).isEqualTo(ExitCode.FAILED.code());
    assertThat(replaced.output()).contains("--merge");
  }

  @Test
  void aKubeconfigWithoutAContextOfTheGatewayServesWithItsAddressAndCa() throws Exception {
    var pki = new StandalonePki(installation.data().pki());
    var state = installation.state();
    var kubeconfig = Files.writeString(
        folder.resolve("hub-only.kubeconfig"),
        KubeconfigFile.render(List.of(new KubeconfigFile.Context(
            "control-plane",
            state.apiUrl(),
            pki.trust("control-plane-ca"),
            pki.identity("admin")))));

    var unknown = planeCommand("reconnect", "default", "--kubeconfig=" + kubeconfig);
    assertThat(unknown.exitCode()).isEqualTo(ExitCode.NOT_FOUND.code());
    assertThat(unknown.output()).contains("context 'gateway'", "--gateway");
    var doctor = planeCommand(
        "doctor",
        "default",
        "--kubeconfig=" + kubeconfig,
        "--gateway=" + state.gatewayUrl(),
        "--gateway-ca=" + pki.certificateFile("control-plane-ca"));
    assertThat(doctor.exitCode()).as(doctor.output()).isZero();
  }
}
