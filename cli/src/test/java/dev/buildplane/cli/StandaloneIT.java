package dev.buildplane.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.metrics.Metric;
import dev.buildplane.pki.CertificateAuthority;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// What a user may rely on while `buildplane up` runs: by `kubectl`, by the command line, by processes of their own.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class StandaloneIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @TempDir
  static Path folder;

  private LocalInstallation installation;

  @BeforeAll
  void start() {
    installation = new LocalInstallation(folder.resolve("data")).up();
    apply(SeedExamples.SHARED);
  }

  @AfterAll
  void stop() {
    installation.close();
  }

  private void apply(String yaml) {
    var outcome = installation.kubectlWithInput(yaml, "apply", "-f", "-");
    assertThat(outcome.exitCode()).as(outcome.output()).isZero();
  }

  private String jsonPath(String resource, String path) {
    return installation
        .kubectl("get", resource, "-o", "jsonpath={" + path + "}")
        .output();
  }

  private String conditionReason(String resource, String type) {
    return jsonPath(resource, ".status.conditions[?(@.type==\"" + type + "\")].reason");
  }

  private String conditionMessage(String resource, String type) {
    return jsonPath(resource, ".status.conditions[?(@.type==\"" + type + "\")].message");
  }

  static Stream<String> examplesOfTheSeed() {
    return Stream.of(SeedExamples.SHARED, SeedExamples.SECURE, SeedExamples.MONITORED);
  }

  @ParameterizedTest
  @MethodSource("examplesOfTheSeed")
  void everyExampleOfTheSeedAppliesUnchanged(String yaml) {
    apply(yaml);
  }

  @Test
  void aPlaneWithItsAgentBecomesReadyAndKubectlShowsIt() {
    var waited = installation.kubectl(
        "wait", "--for=condition=Ready", "--timeout=60s", "cbp/shared-buildplane");
    assertThat(waited.exitCode()).as(waited.output() + installation.logs()).isZero();

    assertThat(jsonPath("cbp/shared-buildplane", ".status.agentConnection.connected"))
        .isEqualTo("true");
    var table = installation.kubectl("get", "cbp").output();
    assertThat(table.lines().findFirst().orElseThrow().split("\\s{2,}"))
        .containsExactly("NAME", "PLANE ID", "READY", "AGENTS", "AGE");
    assertThat(table).containsPattern("shared-buildplane +shared-builder +True +1 ");
  }

  @Test
  void oneEndpointTellsTheMetricsOfGatewayAndOperatorAndOnlyThoseOfTheCatalogue() throws Exception {
    var ready =
        "buildplane_plane_ready{kind=\"ClusterBuildPlane\",name=\"shared-buildplane\",namespace=\"\"} 1.0";
    await().atMost(PATIENCE).untilAsserted(() -> assertThat(metrics()).contains(ready));
    var known = Stream.of(Metric.values()).map(Metric::id).toList();
    var told = metrics()
        .lines()
        .filter(line -> line.startsWith("# HELP "))
        .map(line -> line.split(" ", 4)[2].replaceFirst("_seconds_max$", "_seconds"))
        .toList();
    assertThat(told).isSubsetOf(known);
    assertThat(told)
        .contains(
            Metric.GATEWAY_AGENTS.id(),
            Metric.RECONCILES.id(),
            Metric.RECONCILE_TIME.id(),
            Metric.QUEUE_DEPTH.id(),
            Metric.CERTIFICATE_EXPIRY.id());
  }

  private String metrics() throws Exception {
    try (var client = HttpClient.newHttpClient()) {
      var uri = URI.create("http://127.0.0.1:" + installation.state().healthPort() + "/metrics");
      return client
          .send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString())
          .body();
    }
  }

  @Test
  void bothContextsOfTheKubeconfigWork() {
    assertThat(
            installation.kubectl("--context=control-plane", "get", "namespaces").output())
        .contains("openchoreo-system");
    assertThat(installation
            .kubectl("--context=build-plane", "get", "clusterworkflowtemplates")
            .exitCode())
        .isZero();
  }

  static Stream<Arguments> invalidPlanes() {
    return Stream.of(
        Arguments.of(
            "a planeID of 64 characters",
            SeedExamples.SHARED.replace("shared-builder", "a".repeat(64)),
            "spec.planeID",
            "63"),
        Arguments.of(
            "a planeID in upper case",
            SeedExamples.SHARED.replace("shared-builder", "Upper"),
            "spec.planeID",
            "[a-z0-9]"),
        Arguments.of(
            "a planeID starting with a hyphen",
            SeedExamples.SHARED.replace("shared-builder", "-a"),
            "spec.planeID",
            "[a-z0-9]"),
        Arguments.of(
            "no clusterAgent",
            SeedExamples.SHARED.replaceAll("(?s)  clusterAgent:.*", ""),
            "spec.clusterAgent",
            "Required"),
        Arguments.of(
            "a namespaced observability plane",
            SeedExamples.MONITORED.replace(
                "kind: ClusterObservabilityPlane", "kind: ObservabilityPlane"),
            "spec.observabilityPlaneRef",
            "ClusterObservabilityPlane"),
        Arguments.of(
            "a secretRef without namespace",
            SeedExamples.SHARED.replace("        namespace: openchoreo-system\n", ""),
            "spec.clusterAgent.clientCA",
            "namespace"),
        Arguments.of(
            "neither value nor secretRef",
            SeedExamples.SHARED.replaceAll("(?s)clientCA:.*", "clientCA: {}\n"),
            "spec.clusterAgent.clientCA",
            "value"),
        Arguments.of(
            "both value and secretRef",
            SeedExamples.SHARED.replace("clientCA:\n", "clientCA:\n      value: x\n"),
            "spec.clusterAgent.clientCA",
            "value"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("invalidPlanes")
  void anInvalidPlaneIsRefusedWithTheFieldAndTheRule(
      String what, String yaml, String field, String rule) {
    var outcome = installation.kubectlWithInput(
        yaml.replaceAll("(?m)^  name: .*", "  name: invalid"), "apply", "-f", "-");

    assertThat(outcome.exitCode()).isNotZero();
    assertThat(outcome.output()).contains(field).contains(rule);
    assertThat(installation.kubectl("get", "cbp/invalid").output()).contains("NotFound");
  }

  @Test
  void anAgentOfAnotherAuthorityIsRefusedInTheWordsOfTheReference() throws Exception {
    var foreign = CertificateAuthority.create("foreign", Duration.ofDays(1))
        .issueClient("x", List.of(), Duration.ofDays(1));
    Files.writeString(folder.resolve("foreign.crt"), foreign.certificatePem());
    Files.writeString(folder.resolve("foreign.key"), foreign.keyPem());
    var handshake = List.of(
        "curl",
        "--silent",
        "--show-error",
        "--include",
        "--http1.1",
        "--max-time",
        "20",
        "--cacert",
        installation.data().pki().resolve("control-plane-ca.crt").toString(),
        "--cert",
        folder.resolve("foreign.crt").toString(),
        "--key",
        folder.resolve("foreign.key").toString(),
        "-H",
        "Connection: Upgrade",
        "-H",
        "Upgrade: websocket",
        "-H",
        "Sec-WebSocket-Version: 13",
        "-H",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "https://127.0.0.1:" + installation.state().agentPort()
            + "/ws?planeType=buildplane&planeID=shared-builder");

    var outcome = LocalInstallation.run(handshake, "");

    assertThat(outcome.output())
        .contains(" 401 ")
        .contains(
            "client certificate verification failed: certificate not valid for any CR with planeID 'shared-builder'");
  }

  @Test
  void anAgentThatStopsAndStartsIsSeenWithoutAnyoneTouchingAnything() throws Exception {
    var agents = CertificateAuthority.create("second-agents", Duration.ofDays(1));
    apply("""
        apiVersion: openchoreo.dev/v1alpha1
        kind: ClusterBuildPlane
        metadata:
          name: second
        spec:
          clusterAgent:
            clientCA:
              value: |
        %s
        """.formatted(agents.certificatePem().indent(8)));
    var process = agent(agents, "second");
    try {
      await()
          .atMost(PATIENCE)
          .until(
              () -> jsonPath("cbp/second", ".status.agentConnection.connected").equals("true"));
    } finally {
      process.stop();
    }
    await()
        .atMost(PATIENCE)
        .until(() -> jsonPath("cbp/second", ".status.agentConnection.connected").equals("false"));
    assertThat(conditionReason("cbp/second", "Ready")).isEqualTo("NoAgentConnected");

    try (var _ = agent(agents, "second")) {
      var waited =
          installation.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "cbp/second");
      assertThat(waited.exitCode()).as(waited.output()).isZero();
    }
  }

  private AgentProcess agent(CertificateAuthority authority, String planeId) throws Exception {
    return AgentProcess.start(folder, planeId, authority, planeId, installation.routeToPlane());
  }

  private static String workflow(String name, String buildPlane, String greeting) {
    return """
        apiVersion: openchoreo.dev/v1alpha1
        kind: Workflow
        metadata:
          name: %s
          namespace: default
        spec:
          buildPlaneRef:
            kind: ClusterBuildPlane
            name: %s
          schema:
            parameters:
              word: string
              count: integer | default=1 minimum=1
          runTemplate:
            apiVersion: argoproj.io/v1alpha1
            kind: Workflow
            metadata:
              name: ${metadata.workflowRunName}
              namespace: ${metadata.namespace}
            spec:
              serviceAccountName: workflow-sa
              entrypoint: main
              arguments:
                parameters:
                  - name: greeting
                    value: %s
              templates:
                - name: main
                  steps:
                    - - name: greet
                        template: greet
                - name: greet
                  container:
                    image: alpine:3
                    command: [sh, -c]
                    args: ['echo "{{workflow.parameters.greeting}}"']
        """.formatted(name, buildPlane, greeting);
  }

  private static String run(String name, String workflow, String parameters) {
    return """
        apiVersion: openchoreo.dev/v1alpha1
        kind: WorkflowRun
        metadata:
          name: %s
          namespace: default
        spec:
          workflow:
            name: %s
            parameters: %s
        """.formatted(name, workflow, parameters);
  }

  @Test
  void aRunSucceedsAndItsLogsComeThroughTheTunnel() {
    apply(workflow(
        "hello",
        "shared-buildplane",
        "${'Hello ' + parameters.word + ' x' + string(parameters.count)}"));
    apply(run("hello-1", "hello", "{word: World, count: 2000000}"));

    var waited = installation.kubectl(
        "wait", "--for=condition=WorkflowCompleted", "--timeout=120s", "workflowrun/hello-1");
    assertThat(waited.exitCode()).as(waited.output() + installation.logs()).isZero();
    assertThat(conditionReason("workflowrun/hello-1", "WorkflowCompleted"))
        .isEqualTo("WorkflowSucceeded");
    var logs = installation.buildplane("run", "logs", "hello-1");
    assertThat(logs.output()).contains("[greet] Hello World x2000000");
    assertThat(installation.buildplane("run", "logs", "--follow", "hello-1").exitCode())
        .isZero();
  }

  static Stream<Arguments> runsThatCannotStart() {
    return Stream.of(
        Arguments.of(
            "a missing Workflow",
            "no-workflow",
            "",
            run("no-workflow", "nowhere", "{}"),
            List.of("nowhere")),
        Arguments.of(
            "a missing parameter",
            "no-parameter",
            workflow("needs-word", "shared-buildplane", "${parameters.word}"),
            run("no-parameter", "needs-word", "{}"),
            List.of("word")),
        Arguments.of(
            "a parameter of another type",
            "wrong-parameter",
            workflow("needs-word", "shared-buildplane", "${parameters.word}"),
            run("wrong-parameter", "needs-word", "{word: a, count: many}"),
            List.of("count", "integer")),
        Arguments.of(
            "a CEL error",
            "cel-error",
            workflow("broken", "shared-buildplane", "${parameters.word +}"),
            run("cel-error", "broken", "{word: a}"),
            List.of("parameters.word +")),
        Arguments.of(
            "a missing plane",
            "no-plane",
            workflow("no-plane", "nowhere", "${parameters.word}"),
            run("no-plane", "no-plane", "{word: a}"),
            List.of("nowhere")));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("runsThatCannotStart")
  void aRunThatCannotStartSaysWhy(
      String what, String name, String workflow, String run, List<String> words) {
    if (!workflow.isEmpty()) {
      apply(workflow);
    }
    apply(run);

    await().atMost(PATIENCE).untilAsserted(() -> {
      var conditions = installation
          .kubectl("get", "workflowrun/" + name, "-o", "jsonpath={.status.conditions}")
          .output();
      assertThat(conditions).contains(words);
    });
  }

  @Test
  void theCommandLineListsAndGetsWhatIsThere() {
    installation.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "cbp/shared-buildplane");

    var list = installation.buildplane("plane", "list");
    assertThat(list.exitCode()).isZero();
    assertThat(list.output())
        .containsPattern("clusterbuildplane/shared-buildplane +shared-builder +True +1");
    assertThat(installation
            .buildplane("plane", "get", "shared-buildplane", "-o", "yaml")
            .output())
        .contains("planeID: shared-builder");
    assertThat(installation.buildplane("plane", "get", "shared-buildplane").output())
        .contains("AgentConnected");
    assertThat(installation.buildplane("status").exitCode()).isZero();
  }

  @Test
  void whatIsNotThereIsNamedWithTheCommandThatFindsIt() {
    var plane = installation.buildplane("plane", "get", "nowhere");
    assertThat(plane.exitCode()).isEqualTo(ExitCode.NOT_FOUND.code());
    assertThat(plane.output()).contains("clusterbuildplane/nowhere", "buildplane plane list");
    var run = installation.buildplane("run", "logs", "nowhere");
    assertThat(run.exitCode()).isEqualTo(ExitCode.NOT_FOUND.code());
    assertThat(run.output()).contains("nowhere", "buildplane run list");
  }

  @Test
  void aSecondUpOnTheSameFolderSaysSo() {
    var detached = installation.buildplane("up", "--detach");
    assertThat(detached.exitCode()).isZero();
    assertThat(detached.output()).contains("up already");
    var attached = installation.buildplane("up", "--api-port=0");
    assertThat(attached.exitCode()).isEqualTo(ExitCode.FAILED.code());
    assertThat(attached.output()).contains("is up already", "--data-dir");
  }

  @Test
  void aBusyPortIsNamedWithTheOptionThatChangesIt() {
    var other = new LocalInstallation(folder.resolve("other"));
    var busy = installation.state().gatewayPort();

    var outcome = other.buildplane(
        "up",
        "--detach",
        "--api-port=0",
        "--agent-port=0",
        "--gateway-port=" + busy,
        "--health-port=0",
        "--build-plane-api-port=0");

    assertThat(outcome.exitCode()).isEqualTo(ExitCode.FAILED.code());
    assertThat(outcome.output()).contains("port " + busy, "--gateway-port");
  }

  @Test
  void noSecretStandsInALog() throws Exception {
    var key = Files.readString(installation.data().pki().resolve("admin.key"))
        .lines()
        .skip(1)
        .findFirst()
        .orElseThrow();

    assertThat(installation.logs()).doesNotContain(key).doesNotContain("PRIVATE KEY");
  }
}
