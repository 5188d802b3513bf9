package dev.buildplane.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.cli.LocalInstallation.Outcome;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneType;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.TrustBundle;
import dev.buildplane.testkit.Kubectl;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// `buildplane plane ...` on a whole standalone installation, with real `kubectl` through the gateway.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PlaneCommandIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @TempDir
  static Path folder;

  private LocalInstallation installation;

  @BeforeAll
  void start() {
    installation = new LocalInstallation(folder.resolve("data")).up();
    ready("clusterbuildplane/default");
  }

  @AfterAll
  void stop() {
    installation.close();
  }

  private void ready(String plane, String... more) {
    var arguments =
        new ArrayList<>(List.of("wait", "--for=condition=Ready", "--timeout=60s", plane));
    arguments.addAll(List.of(more));
    var waited = installation.kubectl(arguments.toArray(String[]::new));
    assertThat(waited.exitCode()).as(waited.output() + installation.logs()).isZero();
  }

  private String plane(String... arguments) {
    var outcome = planeCommand(arguments);
    assertThat(outcome.exitCode()).as(outcome.output()).isZero();
    return outcome.output();
  }

  private Outcome planeCommand(String... arguments) {
    var all = new ArrayList<>(List.of("plane"));
    all.addAll(List.of(arguments));
    return installation.buildplane(all.toArray(String[]::new));
  }

  private void apply(String yaml) {
    var outcome = installation.kubectlWithInput(yaml, "apply", "-f", "-");
    assertThat(outcome.exitCode()).as(outcome.output()).isZero();
  }

  private static Kubectl kubectl(Path kubeconfig) throws Exception {
    return new Kubectl(kubeconfig, Files.createTempDirectory(folder, "home"));
  }

  private Kubectl through(String plane, String file) throws Exception {
    plane("kubeconfig", plane, "--output", folder.resolve(file).toString());
    return kubectl(folder.resolve(file));
  }

  private String agentCa() throws Exception {
    return TrustBundle.read(installation.data().pki().resolve("buildplane-agent-ca.crt"))
        .pem();
  }

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

  private JsonNode doctor(String plane) throws Exception {
    return Resources.JSON.readTree(
        planeCommand("doctor", plane, "--output=json").output());
  }

  private static String result(JsonNode diagnosis, String check) {
    return diagnosis
        .path("checks")
        .valueStream()
        .filter(one -> one.path("check").asText().equals(check))
        .map(one -> one.path("result").asText())
        .findFirst()
        .orElse("none");
  }

  private static Path files(String name) {
    return folder.resolve("agent-" + name);
  }

  private String register(String name, String... more) {
    var all = new ArrayList<>(List.of("register", name, "--output-dir=" + files(name)));
    all.addAll(List.of(more));
    return plane(all.toArray(String[]::new));
  }

  /// The agent's command as printed, run by this JDK, on the standalone build plane.
  private Process startPrinted(String printed, String name) throws Exception {
    var line = printed
        .lines()
        .map(String::strip)
        .filter(one -> one.startsWith("buildplane serve agent"))
        .findFirst()
        .orElseThrow();
    var kubeconfig = Files.writeString(
        folder.resolve(name + "-cluster.kubeconfig"),
        Files.readString(installation.data().kubeconfig())
            .replace("current-context: control-plane", "current-context: build-plane"));
    var command = new ArrayList<>(JavaCommand.server(128, 64));
    command.addAll(Arrays.asList(line.split(" ")).subList(1, line.split(" ").length));
    command.add("--kubeconfig=" + kubeconfig);
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(folder.resolve(name + ".log").toFile())
        .start();
  }

  @Test
  void aRegisteredPlaneBecomesReadyWithThePrintedCommandAndItsKeySurvives() throws Exception {
    var printed = register("fresh");
    assertThat(printed).contains("helm upgrade", "clusterAgent.planeId=fresh");
    assertThat(PosixFilePermissions.toString(
            Files.getPosixFilePermissions(files("fresh").resolve("agent.key"))))
        .isEqualTo("rw-------");
    assertThat(result(doctor("fresh"), PlaneDiagnosis.AGENT)).isEqualTo("problem");
    var agent = startPrinted(printed, "fresh");
    try {
      ready("clusterbuildplane/fresh");
      assertThat(planeCommand("doctor", "fresh").exitCode()).isZero();
      assertThat(plane("describe", "fresh"))
          .contains("CN=fresh-agent-ca", "CN=fresh,O=OpenChoreo")
          .containsPattern("SHA-256 +([0-9A-F]{2}:){31}")
          .doesNotContain("PRIVATE KEY", "BEGIN CERTIFICATE");
      againKeepsTheKey();
      rotationKeepsTheCaWhoseKeyIsAtHand();
      rotationWithoutTheKeyTrustsBothCas();
    } finally {
      agent.destroy();
      agent.waitFor();
    }
  }

  private void againKeepsTheKey() throws Exception {
    var key = Files.readString(files("fresh").resolve("agent.key"));
    var again = planeCommand("register", "fresh", "--output-dir=" + files("fresh"));

    assertThat(again.exitCode()).isEqualTo(ExitCode.FAILED.code());
    assertThat(again.output()).contains("registered already", "--rotate");
    assertThat(Files.readString(files("fresh").resolve("agent.key"))).isEqualTo(key);
  }

  private TrustBundle trusted(String name) throws Exception {
    var encoded = installation
        .kubectl(
            "--namespace=openchoreo-system",
            "get",
            "secret",
            name + "-agent-ca",
            "--output=jsonpath={.data.ca\\.crt}")
        .output();
    return TrustBundle.parse(new String(Base64.getDecoder().decode(encoded)));
  }

  private void rotationKeepsTheCaWhoseKeyIsAtHand() throws Exception {
    var before = trusted("fresh");
    var certificate = Files.readString(files("fresh").resolve("agent.crt"));

    register("fresh", "--rotate", "--validity=90d");

    assertThat(trusted("fresh")).isEqualTo(before);
    assertThat(Files.readString(files("fresh").resolve("agent.crt"))).isNotEqualTo(certificate);
    presents("fresh");
  }

  private void rotationWithoutTheKeyTrustsBothCas() throws Exception {
    Files.delete(files("fresh").resolve("ca.key"));

    var printed = register("fresh", "--rotate");

    assertThat(trusted("fresh").certificates()).hasSize(2);
    assertThat(printed).contains("stop trusting the CAs before", "--force-conflicts");
    presents("fresh");
    assertThat(planeCommand("doctor", "fresh").exitCode()).isZero();
  }

  /// Waits until the running agent has taken up the certificate in its folder.
  private void presents(String name) throws Exception {
    var wanted = TrustBundle.read(files(name).resolve("agent.crt"))
        .certificates()
        .getFirst()
        .getNotAfter()
        .toInstant();
    await().atMost(PATIENCE).until(() -> plane("describe", name).contains("until " + wanted));
  }

  @ParameterizedTest
  @EnumSource
  void everyKindIsRegisteredReachedAndRotated(PlaneKind kind) throws Exception {
    var name = "any-" + kind.singular();
    var typed =
        kind.clusterScoped() ? kind.singular() + "/" + name : kind.singular() + "/default/" + name;
    var which = new ArrayList<>(List.of("--kind=" + kind.singular(), "--output=json"));
    if (!kind.clusterScoped()) {
      which.add("--namespace=default");
    }
    var first = new ArrayList<>(which);
    if (kind.type() == PlaneType.OBSERVABILITY) {
      first.add("--observer-url=https://observer.example");
    }

    var registered = Resources.JSON.readTree(register(name, first.toArray(String[]::new)));

    assertThat(registered.path("plane").asText()).isEqualTo(typed);
    assertThat(registered.path("planeId").asText()).isEqualTo(name);
    assertThat(registered.path("rotated").asBoolean()).isFalse();
    assertThat(Path.of(registered.at("/files/agentKey").asText())).exists();
    assertThat(registered.at("/commands/helm").asText())
        .contains("openchoreo-" + kind.type().wire().replace("plane", "-plane"));
    assertThat(registered.toString()).doesNotContain("PRIVATE KEY", "BEGIN CERTIFICATE");
    var resource = Resources.JSON.readTree(plane("get", typed, "--output=json"));
    assertThat(resource.at("/spec/observerURL").asText())
        .isEqualTo(kind.type() == PlaneType.OBSERVABILITY ? "https://observer.example" : "");
    var agent = startPrinted(registered.at("/commands/agent").asText(), name);
    try {
      var inside = kind.clusterScoped() ? new String[0] : new String[] {"--namespace=default"};
      ready(kind.singular() + "/" + name, inside);
      assertThat(planeCommand("doctor", typed).exitCode())
          .as(planeCommand("doctor", typed).output())
          .isZero();
      var rotated = Resources.JSON.readTree(register(
          name, Stream.concat(which.stream(), Stream.of("--rotate")).toArray(String[]::new)));
      assertThat(rotated.path("rotated").asBoolean()).isTrue();
      assertThat(rotated.path("olderCas").asInt()).isZero();
    } finally {
      agent.destroy();
      agent.waitFor();
    }
  }

  static Stream<Arguments> refusedRegistrations() {
    return Stream.of(
        Arguments.of(
            "an observability plane without observer",
            List.of("--kind=clusterobservabilityplane"),
            "--observer-url https://HOST"),
        Arguments.of(
            "a build plane with observer",
            List.of("--observer-url=https://observer.example"),
            "leave it out"),
        Arguments.of(
            "an observer that is no address",
            List.of("--kind=clusterobservabilityplane", "--observer-url=observer"),
            "found 'observer'"),
        Arguments.of("an unknown kind", List.of("--kind=plane"), "found 'plane'"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("refusedRegistrations")
  void aRegistrationThatCannotBeSaysWhatIsExpected(
      String what, List<String> options, String words) {
    var all = new ArrayList<>(List.of("register", "refused", "--output-dir=" + files("refused")));
    all.addAll(options);

    var refused = planeCommand(all.toArray(String[]::new));

    assertThat(refused.exitCode()).isEqualTo(ExitCode.USAGE.code());
    assertThat(refused.output()).contains("expected", words);
    assertThat(files("refused")).doesNotExist();
  }

  @Test
  void aPlaneWithItsCaInlineIsRotatedToo() throws Exception {
    var before = CertificateAuthority.create("before", Duration.ofDays(30));
    apply("""
        apiVersion: openchoreo.dev/v1alpha1
        kind: ClusterBuildPlane
        metadata: {name: inline}
        spec:
          clusterAgent:
            clientCA:
              value: |
        %s
        """.formatted(before.certificatePem().indent(8)));

    var printed = register("inline", "--rotate");

    assertThat(inlineCas("inline")).hasSize(2).contains(before.certificate());
    var agent = startPrinted(printed, "inline");
    try {
      ready("clusterbuildplane/inline");
      pasteTheCommandAfter(printed, "stop trusting the CAs before");
      assertThat(inlineCas("inline")).hasSize(1).doesNotContain(before.certificate());
      assertThat(planeCommand("doctor", "inline").exitCode()).isZero();
      register("inline", "--rotate");
      assertThat(inlineCas("inline")).as("the same CA issues again").hasSize(1);
    } finally {
      agent.destroy();
      agent.waitFor();
    }
  }

  private List<java.security.cert.X509Certificate> inlineCas(String name) throws Exception {
    var resource = Resources.JSON.readTree(plane("get", name, "--output=json"));
    return TrustBundle.parse(resource.at("/spec/clusterAgent/clientCA/value").asText())
        .certificates();
  }

  private static void pasteTheCommandAfter(String printed, String words) {
    var lines = printed.lines().toList();
    var at = lines.stream().filter(line -> line.contains(words)).findFirst().orElseThrow();
    var pasted = LocalInstallation.run(List.of("sh", "-c", lines.get(lines.indexOf(at) + 1)), "");
    assertThat(pasted.exitCode()).as(pasted.output()).isZero();
  }

  @Test
  void aPlaneOfThatNameWithAnotherSpecIsLeftAloneAndNothingIsMade() throws Exception {
    apply("""
        apiVersion: openchoreo.dev/v1alpha1
        kind: ClusterBuildPlane
        metadata: {name: taken}
        spec:
          planeID: somebody-elses
          clusterAgent: {clientCA: {secretRef: {name: other, namespace: default, key: ca.crt}}}
        """);

    var refused = planeCommand("register", "taken", "--output-dir=" + files("taken"));

    assertThat(refused.exitCode()).isEqualTo(ExitCode.FAILED.code());
    assertThat(refused.output()).contains("somebody-elses", "choose another name");
    assertThat(files("taken")).doesNotExist();
    assertThat(installation
            .kubectl("--namespace=openchoreo-system", "get", "secret", "taken-agent-ca")
            .output())
        .contains("NotFound");
  }

  @Test
  void whatTheApiRefusesLeavesNoSecretAndNoFiles() {
    var refused = planeCommand(
        "register", "nowhere", "--namespace=missing", "--output-dir=" + files("nowhere"));

    assertThat(refused.exitCode()).isNotZero();
    assertThat(refused.output()).contains("missing");
    assertThat(files("nowhere")).doesNotExist();
  }

  @Test
  void anInterruptedRegistrationGoesOnWithTheSameKey() throws Exception {
    register("interrupted");
    var key = Files.readString(files("interrupted").resolve("agent.key"));
    installation.kubectl("delete", "clusterbuildplane/interrupted");

    register("interrupted");

    assertThat(Files.readString(files("interrupted").resolve("agent.key"))).isEqualTo(key);
  }

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
