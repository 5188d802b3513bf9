package dev.buildplane.operator;

import static dev.buildplane.operator.World.brief;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.model.Api;
import dev.buildplane.model.ClusterBuildPlane;
import dev.buildplane.model.WorkflowRun;
import dev.buildplane.model.WorkflowRunStatus;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The agent of a plane is killed at every stage of a run: `one-run-one-workflow`, the status is right after its return, and
/// nothing is left behind.
class AgentLossFault {
  private static final String CI = "openchoreo-ci-default";

  private static World world;

  @BeforeAll
  static void open(@TempDir Path folder) throws Exception {
    world = new World(folder);
  }

  @AfterAll
  static void close() throws Exception {
    world.close();
  }

  private static ConditionFactory soon() {
    return await().atMost(Duration.ofSeconds(60)).pollInterval(Duration.ofMillis(50));
  }

  private static Optional<WorkflowRun> run(String name) {
    return Optional.ofNullable(world
        .hub
        .resources(WorkflowRun.class)
        .inNamespace("default")
        .withName(name)
        .get());
  }

  private static WorkflowRunStatus status(String name) {
    return run(name)
        .flatMap(run -> Optional.ofNullable(run.getStatus()))
        .orElse(WorkflowRunStatus.NONE);
  }

  private static void awaitRun(String name, String type, String expected) {
    soon()
        .untilAsserted(() -> assertThat(brief(status(name).condition(type)))
            .as("%s", status(name))
            .isEqualTo(expected));
  }

  private static void awaitPlane(String name, String type, String expected) {
    soon()
        .untilAsserted(() -> assertThat(brief(plane(name)
                .flatMap(plane -> Optional.ofNullable(plane.getStatus()))
                .flatMap(status -> status.condition(type))))
            .isEqualTo(expected));
  }

  private static Optional<ClusterBuildPlane> plane(String name) {
    return Optional.ofNullable(
        world.hub.resources(ClusterBuildPlane.class).withName(name).get());
  }

  private static void connect(String name, int number) {
    world.gateway.connect(name + "-c" + number, name + "-id", "/" + name);
  }

  private static void readyPlane(String name) {
    world.agentCa(name);
    world.clusterBuildPlane(name, "");
    connect(name, 1);
    awaitPlane(name, "Ready", "True Ready");
    world.hub("""
        apiVersion: openchoreo.dev/v1alpha1
        kind: Workflow
        metadata: {name: %s, namespace: default}
        spec:
          buildPlaneRef: {kind: ClusterBuildPlane, name: %s}
          runTemplate:
            apiVersion: argoproj.io/v1alpha1
            kind: Workflow
            metadata: {name: "${metadata.workflowRunName}", namespace: "${metadata.namespace}"}
            spec:
              serviceAccountName: workflow-sa
              entrypoint: main
              templates: [{name: main, container: {image: alpine, command: [echo]}}]
        """.formatted(name, name));
  }

  private static void start(String name, String recipe) {
    world.hub("""
        apiVersion: openchoreo.dev/v1alpha1
        kind: WorkflowRun
        metadata: {name: %s, namespace: default}
        spec: {workflow: {name: %s}}
        """.formatted(name, recipe));
  }

  private static List<GenericKubernetesResource> workflows(String run) {
    return world.argoWorkflows().stream()
        .filter(workflow -> workflow.getMetadata().getName().startsWith(run))
        .toList();
  }

  private static void assertOneWorkflow(String run) {
    var uid = run(run).orElseThrow().getMetadata().getUid();
    assertThat(workflows(run))
        .singleElement()
        .satisfies(workflow ->
            assertThat(workflow.getMetadata().getAnnotations()).containsEntry(Api.RUN_UID, uid));
  }

  /// Every request of a submission reaches the plane, and the answer to one of them is lost with the agent.
  @ParameterizedTest
  @CsvSource({
    "namespace,      POST,  /namespaces",
    "serviceaccount, POST,  /serviceaccounts",
    "binding,        POST,  /rolebindings",
    "workflow,       POST,  /workflows",
  })
  void killedDuringSubmission(String stage, String method, String ending) {
    var name = "submit-" + stage;
    readyPlane(name);
    world.plane.namespaces().withName(CI).delete();
    soon().until(() -> world.plane.namespaces().withName(CI).get() == null);
    world.gateway.killAgentsAfter(method, ending);
    start(name + "-run", name);
    soon().until(() -> !world.gateway.hasAgents());
    awaitPlane(name, "AgentConnected", "False NoAgentConnected");
    connect(name, 2);

    awaitRun(name + "-run", "Submitted", "True Submitted");
    assertOneWorkflow(name + "-run");
    var uid = workflows(name + "-run").getFirst().getMetadata().getUid();
    world.engine(CI, name + "-run", "{\"phase\":\"Succeeded\"}");
    awaitRun(name + "-run", "WorkflowCompleted", "True WorkflowSucceeded");
    assertOneWorkflow(name + "-run");
    assertThat(workflows(name + "-run").getFirst().getMetadata().getUid()).isEqualTo(uid);
  }

  @ParameterizedTest
  @CsvSource({"Succeeded,WorkflowSucceeded", "Failed,WorkflowFailed", "Error,WorkflowFailed"})
  void killedWhileRunningAndFinishedMeanwhile(String phase, String reason) {
    var name = "finish-" + phase.toLowerCase(java.util.Locale.ROOT);
    readyPlane(name);
    start(name + "-run", name);
    awaitRun(name + "-run", "Submitted", "True Submitted");
    world.engine(CI, name + "-run", "{\"phase\":\"Running\"}");
    awaitRun(name + "-run", "WorkflowRunning", "True WorkflowRunning");

    world.gateway.disconnect(name + "-c1");
    awaitRun(name + "-run", "PlaneDisconnected", "True PlaneDisconnected");
    assertThat(status(name + "-run").phase()).isEqualTo("Running");
    world.engine(CI, name + "-run", "{\"phase\":\"" + phase + "\"}");
    connect(name, 2);

    awaitRun(name + "-run", "WorkflowCompleted", "True " + reason);
    assertOneWorkflow(name + "-run");
  }

  @Test
  void runsDeletedWhileTheirPlaneIsAwayAreCleanedUpOnItsReturn() {
    readyPlane("offline");
    for (var run : List.of("offline-1", "offline-2")) {
      start(run, "offline");
      awaitRun(run, "Submitted", "True Submitted");
    }
    world.engine(CI, "offline-1", "{\"phase\":\"Running\"}");
    awaitRun("offline-1", "WorkflowRunning", "True WorkflowRunning");
    world.gateway.disconnect("offline-c1");
    awaitRun("offline-1", "PlaneDisconnected", "True PlaneDisconnected");

    world
        .hub
        .resources(WorkflowRun.class)
        .inNamespace("default")
        .withName("offline-1")
        .delete();
    world
        .hub
        .resources(WorkflowRun.class)
        .inNamespace("default")
        .withName("offline-2")
        .delete();
    soon()
        .untilAsserted(
            () -> assertThat(run("offline-1").orElseThrow().getStatus().conditions())
                .as("it says why it is still there")
                .anySatisfy(condition -> assertThat(condition.message()).contains("no agent")));
    assertThat(workflows("offline")).hasSize(2);
    connect("offline", 2);

    soon().until(() -> workflows("offline").isEmpty());
    soon().until(() -> run("offline-1").isEmpty() && run("offline-2").isEmpty());
  }

  @Test
  void aHeldPlaneWhoseAgentIsAwayGoesByForceAndNotBefore() {
    readyPlane("forced");
    start("forced-1", "forced");
    awaitRun("forced-1", "Submitted", "True Submitted");
    world.gateway.disconnect("forced-c1");
    world.hub.resources(ClusterBuildPlane.class).withName("forced").delete();
    awaitPlane("forced", "DeletionBlocked", "True UnfinishedRuns");
    assertThat(plane("forced")
            .orElseThrow()
            .getStatus()
            .condition("DeletionBlocked")
            .orElseThrow()
            .message())
        .contains("default/forced-1");

    world.hub.resources(ClusterBuildPlane.class).withName("forced").edit(plane -> {
      plane.getMetadata().setAnnotations(Map.of(Api.FORCE_DELETE, "true"));
      return plane;
    });
    soon().until(() -> plane("forced").isEmpty());
    world
        .hub
        .resources(WorkflowRun.class)
        .inNamespace("default")
        .withName("forced-1")
        .delete();
    soon().until(() -> run("forced-1").isEmpty());
  }
}
