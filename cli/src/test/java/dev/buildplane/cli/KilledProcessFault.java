package dev.buildplane.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.pki.CertificateAuthority;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `kill -9` in the middle of a build: nothing acknowledged is lost, the run ends, with exactly one Argo Workflow.
class KilledProcessFault {
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  private static final String WORKFLOW = """
      apiVersion: openchoreo.dev/v1alpha1
      kind: Workflow
      metadata:
        name: slow
        namespace: default
      spec:
        runTemplate:
          apiVersion: argoproj.io/v1alpha1
          kind: Workflow
          metadata:
            name: ${metadata.workflowRunName}
            namespace: ${metadata.namespace}
          spec:
            serviceAccountName: workflow-sa
            entrypoint: main
            templates:
              - name: main
                steps:
                  - - name: first
                      template: count
                  - - name: second
                      template: count
              - name: count
                container:
                  image: alpine:3
                  command: [sh, -c]
                  args: ['for i in 1 2 3 4 5 6 7 8; do echo "line $i"; sleep 0.5; done']
      """;
  private static final String RUN = """
      apiVersion: openchoreo.dev/v1alpha1
      kind: WorkflowRun
      metadata:
        name: killed
        namespace: default
      spec:
        workflow:
          name: slow
      """;

  @TempDir
  Path folder;

  private LocalInstallation installation;

  private static final String AWAY = """
      apiVersion: openchoreo.dev/v1alpha1
      kind: ClusterBuildPlane
      metadata:
        name: away
      spec:
        clusterAgent:
          clientCA:
            value: |
      %s
      """;

  @AfterEach
  void stop() {
    installation.close();
  }

  private void startBuild() {
    installation = new LocalInstallation(folder.resolve("data")).up();
    var applied = installation.kubectlWithInput(WORKFLOW + "---\n" + RUN, "apply", "-f", "-");
    assertThat(applied.exitCode()).as(applied.output()).isZero();
    await().atMost(PATIENCE).until(() -> taskPhases().contains("Running"));
  }

  private String taskPhases() {
    return installation
        .kubectl("get", "workflowrun/killed", "-o", "jsonpath={.status.tasks[*].phase}")
        .output();
  }

  private void kill(Function<Installation, ProcessId> which) {
    which.apply(installation.state()).handle().orElseThrow().destroyForcibly();
  }

  private void requireOneSuccessfulWorkflow() {
    await().atMost(PATIENCE).pollInterval(Duration.ofMillis(500)).untilAsserted(() -> {
      var reason = installation
          .kubectl(
              "get",
              "workflowrun/killed",
              "-o",
              "jsonpath={.status.conditions[?(@.type==\"WorkflowCompleted\")].reason}")
          .output();
      assertThat(reason)
          .as(installation.kubectl("get", "workflowrun/killed", "-o", "yaml").output())
          .isEqualTo("WorkflowSucceeded");
    });
    var workflows = installation
        .kubectl("--context=build-plane", "get", "workflows.argoproj.io", "-A", "-o", "name")
        .output();
    assertThat(workflows.lines()).containsExactly("workflow.argoproj.io/killed");
    assertThat(taskPhases()).isEqualTo("Succeeded Succeeded");
  }

  @Test
  void theBuildGoesOnWhenTheControlPlaneIsKilled() {
    startBuild();

    kill(Installation::controlPlane);

    requireOneSuccessfulWorkflow();
  }

  @Test
  void theBuildGoesOnWhenTheBuildPlaneIsKilled() {
    startBuild();

    kill(Installation::buildPlane);

    requireOneSuccessfulWorkflow();
  }

  @Test
  void theBuildGoesOnWhenEverythingIsKilledAndStartedAgain() {
    startBuild();
    var state = installation.state();

    state.supervisor().handle().orElseThrow().destroyForcibly();
    state.controlPlane().handle().ifPresent(ProcessHandle::destroyForcibly);
    state.buildPlane().handle().ifPresent(ProcessHandle::destroyForcibly);
    await().atMost(PATIENCE).until(() -> !state.supervisor().isAlive());
    installation.up();

    requireOneSuccessfulWorkflow();
  }

  private String condition(String resource, String type) {
    return installation
        .kubectl(
            "get",
            resource,
            "-o",
            "jsonpath={.status.conditions[?(@.type==\"" + type + "\")].status}")
        .output();
  }

  private void apply(String yaml) {
    var applied = installation.kubectlWithInput(yaml, "apply", "-f", "-");
    assertThat(applied.exitCode()).as(applied.output()).isZero();
  }

  private String phaseInPlane(String workflow) {
    return installation
        .kubectl(
            "--context=build-plane",
            "--namespace=openchoreo-ci-default",
            "get",
            "workflows.argoproj.io/" + workflow,
            "-o",
            "jsonpath={.status.phase}")
        .output();
  }

  /// The agent alone dies, its cluster goes on.
  @Test
  void whatEndsOrIsDeletedWhileTheAgentIsAwayIsPutRightWhenItReturns() throws Exception {
    installation = new LocalInstallation(folder.resolve("data")).up();
    var agents = CertificateAuthority.create("agents", Duration.ofDays(1));
    apply(AWAY.formatted(agents.certificatePem().indent(8)));
    var go = installation.data().repositories().resolve("go");
    apply(WORKFLOW
        .replace(
            "  runTemplate:\n",
            "  buildPlaneRef: {kind: ClusterBuildPlane, name: away}\n  runTemplate:\n")
        .replaceAll("args: .*", "args: ['until [ -e " + go + " ]; do sleep 0.2; done']"));
    var route = installation.routeToPlane();
    try (var agent = AgentProcess.start(folder, "away-1", agents, "away", route)) {
      apply(RUN + "---\n" + RUN.replace("name: killed", "name: deleted"));
      await().atMost(PATIENCE).until(() -> taskPhases().contains("Running"));
      await().atMost(PATIENCE).until(() -> !phaseInPlane("deleted").isEmpty());
      agent.kill();
    }
    await()
        .atMost(PATIENCE)
        .until(() -> condition("workflowrun/killed", "PlaneDisconnected").equals("True"));
    installation.kubectl("delete", "--wait=false", "workflowrun/deleted");
    Files.createFile(go);
    await().atMost(PATIENCE).until(() -> phaseInPlane("killed").equals("Succeeded"));
    assertThat(condition("workflowrun/killed", "WorkflowCompleted"))
        .as("nobody can know yet")
        .isNotEqualTo("True");

    try (var _ = AgentProcess.start(folder, "away-2", agents, "away", route)) {
      await()
          .atMost(PATIENCE)
          .until(() ->
              installation.kubectl("get", "workflowrun/deleted").output().contains("NotFound"));
      requireOneSuccessfulWorkflow();
    }
  }
}
