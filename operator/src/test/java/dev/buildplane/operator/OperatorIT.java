package dev.buildplane.operator;

import static dev.buildplane.operator.World.brief;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.model.AgentConnection;
import dev.buildplane.model.ClusterBuildPlane;
import dev.buildplane.model.PlaneStatus;
import dev.buildplane.model.WorkflowRun;
import dev.buildplane.model.WorkflowRunStatus;
import dev.buildplane.model.Workload;
import io.fabric8.kubernetes.api.model.Event;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The operator against embedded API servers and a gateway played by the test.
class OperatorIT {
  private static final String RECIPE = """
      apiVersion: openchoreo.dev/v1alpha1
      kind: Workflow
      metadata: {name: %s, namespace: default}
      spec:
        buildPlaneRef: {kind: ClusterBuildPlane, name: %s}
        schema:
          parameters:
            repo: string
            branch: string | default=main
        runTemplate:
          apiVersion: argoproj.io/v1alpha1
          kind: Workflow
          metadata: {name: "${metadata.workflowRunName}", namespace: "${metadata.namespace}"}
          spec:
            serviceAccountName: workflow-sa
            entrypoint: main
            arguments: {parameters: [{name: repo, value: "${parameters.repo}"}, {name: branch, value: "${parameters.branch}"}]}
            templates: [{name: main, container: {image: alpine, command: [echo]}}]
      """;
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
    return await().atMost(Duration.ofSeconds(45)).pollInterval(Duration.ofMillis(50));
  }

  private static Optional<PlaneStatus> plane(String name) {
    return Optional.ofNullable(
            world.hub.resources(ClusterBuildPlane.class).withName(name).get())
        .flatMap(plane -> Optional.ofNullable(plane.getStatus()));
  }

  private static String plane(String name, String condition) {
    return brief(plane(name).flatMap(status -> status.condition(condition)));
  }

  private static void awaitPlane(String name, String condition, String brief) {
    soon().untilAsserted(() -> assertThat(plane(name, condition)).isEqualTo(brief));
  }

  private static WorkflowRunStatus run(String name) {
    return Optional.ofNullable(world
            .hub
            .resources(WorkflowRun.class)
            .inNamespace("default")
            .withName(name)
            .get())
        .flatMap(run -> Optional.ofNullable(run.getStatus()))
        .orElse(WorkflowRunStatus.NONE);
  }

  private static void awaitRun(String name, String condition, String brief) {
    soon()
        .untilAsserted(() -> assertThat(brief(run(name).condition(condition)))
            .as("%s", run(name))
            .isEqualTo(brief));
  }

  private static void start(String name, String recipe, String parameters) {
    world.hub("""
        apiVersion: openchoreo.dev/v1alpha1
        kind: WorkflowRun
        metadata: {name: %s, namespace: default, labels: {openchoreo.dev/component: greeter}}
        spec: {workflow: {name: %s, parameters: %s}}
        """.formatted(name, recipe, parameters));
  }

  private static void readyPlane(String name) {
    world.agentCa(name);
    world.clusterBuildPlane(name, "");
    world.gateway.connect(name + "-c1", name + "-id", "/" + name);
    awaitPlane(name, "Ready", "True Ready");
  }

  @Test
  void aPlaneFollowsItsAgents() {
    readyPlane("agents");
    var connection = plane("agents").map(PlaneStatus::agentConnection).orElseThrow();
    assertThat(connection)
        .extracting(
            AgentConnection::connected, AgentConnection::connectedAgents, AgentConnection::message)
        .containsExactly(true, 1, "1 agent connected");
    assertThat(plane("agents", "Created")).isEqualTo("True ClusterBuildPlaneCreated");
    assertThat(plane("agents").orElseThrow().planeID()).isEqualTo("agents-id");

    world.gateway.connect("agents-c2", "agents-id", "/agents");
    soon().until(() -> plane("agents").orElseThrow().agentConnection().connectedAgents() == 2);
    world.gateway.disconnect("agents-c1");
    world.gateway.disconnect("agents-c2");
    awaitPlane("agents", "Ready", "False NoAgentConnected");
    assertThat(plane("agents").orElseThrow().agentConnection().lastDisconnectedTime())
        .isNotNull();

    world.gateway.reject("agents-id");
    awaitPlane("agents", "Ready", "False AgentNotAuthorized");
    world.gateway.connect("agents-c3", "agents-id", "/agents");
    awaitPlane("agents", "Ready", "True Ready");
    soon()
        .untilAsserted(
            () -> assertThat(world.hub.v1().events().inAnyNamespace().list().getItems())
                .filteredOn(event -> event.getInvolvedObject().getName().equals("agents"))
                .extracting(Event::getReason)
                .contains("ReconcileComplete", "NoAgentConnected", "AgentConnected", "Ready"));
  }

  @Test
  void anAgentOfAnotherResourceOnTheSamePlaneIDDoesNotCount() {
    readyPlane("mine");
    world.hub("""
        apiVersion: openchoreo.dev/v1alpha1
        kind: ClusterBuildPlane
        metadata: {name: theirs}
        spec: {planeID: mine-id, clusterAgent: {clientCA: {value: %s}}}
        """.formatted(java.util.Base64.getEncoder()
        .encodeToString(
            world.ca.certificatePem().getBytes(java.nio.charset.StandardCharsets.UTF_8))));
    awaitPlane("theirs", "AgentConnected", "False AgentNotAuthorized");
    assertThat(plane("theirs").orElseThrow().agentConnection().connected()).isFalse();
    assertThat(plane("theirs", "ClientCAResolved")).isEqualTo("True Resolved");
    assertThat(plane("mine", "Ready")).isEqualTo("True Ready");
  }

  @Test
  void aPlaneFollowsItsSecret() {
    world.clusterBuildPlane("secrets", "");
    awaitPlane("secrets", "ClientCAResolved", "False SecretNotFound");
    world.agentCa("secrets");
    awaitPlane("secrets", "ClientCAResolved", "True Resolved");
    world.hub.secrets().inNamespace("default").withName("secrets").delete();
    awaitPlane("secrets", "ClientCAResolved", "False SecretNotFound");
  }

  @Test
  void aPlaneFollowsTheObservabilityPlaneItNames() {
    world.agentCa("observed");
    world.clusterBuildPlane("observed", "observabilityPlaneRef: {name: main-obs}");
    awaitPlane("observed", "ObservabilityResolved", "False ClusterObservabilityPlaneNotFound");
    world.hub("""
        apiVersion: openchoreo.dev/v1alpha1
        kind: ClusterObservabilityPlane
        metadata: {name: main-obs}
        spec: {observerURL: "https://observer.example", clusterAgent: {clientCA: {value: none}}}
        """);
    awaitPlane("observed", "ObservabilityResolved", "True Resolved");
    world.hub("""
        apiVersion: openchoreo.dev/v1alpha1
        kind: ClusterObservabilityPlane
        metadata: {name: main-obs}
        spec: {observerURL: "https://observer.example", clusterAgent: {clientCA: {value: none}}}
        """);
    world
        .hub
        .resources(dev.buildplane.model.ClusterObservabilityPlane.class)
        .withName("main-obs")
        .delete();
    awaitPlane("observed", "ObservabilityResolved", "False ClusterObservabilityPlaneNotFound");
  }

  @Test
  void aRunGoesThroughItsLife() {
    readyPlane("life");
    world.hub(RECIPE.formatted("life-recipe", "life"));
    start("life-1", "life-recipe", "{repo: 'https://git.example/a.git'}");
    awaitRun("life-1", "Submitted", "True Submitted");
    var argo = world.argo(CI, "life-1");
    assertThat(argo.at("/spec/arguments/parameters/1/value").asText()).isEqualTo("main");
    assertThat(world
            .plane
            .serviceAccounts()
            .inNamespace(CI)
            .withName("workflow-sa")
            .get())
        .isNotNull();

    world.engine(CI, "life-1", "{\"phase\":\"Running\"}");
    awaitRun("life-1", "WorkflowRunning", "True WorkflowRunning");
    world.engine(CI, "life-1", """
        {"phase":"Succeeded","nodes":{"n":{"type":"Pod","name":"life-1[0].generate-workload-cr","displayName":"generate-workload-cr",
        "phase":"Succeeded","startedAt":"2026-01-01T00:00:00Z","finishedAt":"2026-01-01T00:00:01Z",
        "outputs":{"parameters":[{"name":"workload-cr","value":"apiVersion: openchoreo.dev/v1alpha1\\nkind: Workload\\nmetadata: {name: life}\\nspec: {owner: {componentName: greeter}}\\n"}]}}}}""");
    awaitRun("life-1", "WorkloadUpdated", "True WorkloadUpdated");
    var done = run("life-1");
    assertThat(done.phase()).isEqualTo("Succeeded");
    assertThat(done.completedAt()).isNotNull();
    assertThat(done.tasks())
        .singleElement()
        .extracting(WorkflowRunStatus.Task::phase)
        .isEqualTo("Succeeded");
    assertThat(done.buildPlane().name()).isEqualTo("life");
    assertThat(world
            .hub
            .resources(Workload.class)
            .inNamespace("default")
            .withName("life")
            .get())
        .isNotNull();

    world
        .hub
        .resources(WorkflowRun.class)
        .inNamespace("default")
        .withName("life-1")
        .delete();
    soon().until(() -> world.argo(CI, "life-1").isNull());
    soon()
        .until(() -> world
                .hub
                .resources(WorkflowRun.class)
                .inNamespace("default")
                .withName("life-1")
                .get()
            == null);
  }

  @Test
  void aRunOnAPlaneWithoutWatchesGoesThroughItsLife() {
    world.agentCa("old");
    world.clusterBuildPlane("old", "");
    world.gateway.connectJson("old-c1", "old-id", "/old");
    awaitPlane("old", "Ready", "True Ready");
    world.hub(RECIPE.formatted("old-recipe", "old"));
    start("old-1", "old-recipe", "{repo: x}");
    awaitRun("old-1", "Submitted", "True Submitted");
    world.engine(CI, "old-1", "{\"phase\":\"Running\"}");
    awaitRun("old-1", "WorkflowRunning", "True WorkflowRunning");

    // Its agent is updated: from now on a watch comes through.
    world.gateway.connect("old-c2", "old-id", "/old");
    world.gateway.disconnect("old-c1");
    world.engine(CI, "old-1", "{\"phase\":\"Failed\",\"message\":\"child failed\"}");
    awaitRun("old-1", "WorkflowCompleted", "True WorkflowFailed");

    // And back.
    start("old-2", "old-recipe", "{repo: x}");
    awaitRun("old-2", "Submitted", "True Submitted");
    world.gateway.connectJson("old-c3", "old-id", "/old");
    world.gateway.disconnect("old-c2");
    world.engine(CI, "old-2", "{\"phase\":\"Failed\"}");
    awaitRun("old-2", "WorkflowCompleted", "True WorkflowFailed");
  }

  @Test
  void whatKeepsARunFromStartingIsTold() {
    start("told-1", "told-recipe", "{}");
    awaitRun("told-1", "WorkflowCompleted", "False WorkflowNotFound");
    world.hub(RECIPE.formatted("told-recipe", "told"));
    awaitRun("told-1", "WorkflowCompleted", "False BuildPlaneResolutionFailed");
    readyPlane("told");
    awaitRun("told-1", "WorkflowCompleted", "False InvalidParameters");
    assertThat(run("told-1").condition("WorkflowCompleted").orElseThrow().message())
        .contains("repo");
    start("told-1", "told-recipe", "{repo: x}");
    awaitRun("told-1", "Submitted", "True Submitted");
  }

  @Test
  void aRunWaitsForItsPlaneAndOutlivesItsAbsence() {
    world.agentCa("absent");
    world.clusterBuildPlane("absent", "");
    world.hub(RECIPE.formatted("absent-recipe", "absent"));
    start("absent-1", "absent-recipe", "{repo: x}");
    awaitRun("absent-1", "WorkflowCompleted", "False BuildPlaneNotReady");
    world.gateway.connect("absent-c1", "absent-id", "/absent");
    awaitRun("absent-1", "Submitted", "True Submitted");

    world.engine(CI, "absent-1", "{\"phase\":\"Running\"}");
    awaitRun("absent-1", "WorkflowRunning", "True WorkflowRunning");
    world.gateway.disconnect("absent-c1");
    awaitRun("absent-1", "PlaneDisconnected", "True PlaneDisconnected");
    assertThat(run("absent-1").phase()).isEqualTo("Running");
    world.engine(CI, "absent-1", "{\"phase\":\"Failed\",\"message\":\"child failed\"}");
    world.gateway.connect("absent-c2", "absent-id", "/absent");
    awaitRun("absent-1", "WorkflowCompleted", "True WorkflowFailed");
    assertThat(world.argoWorkflows())
        .filteredOn(workflow -> workflow.getMetadata().getName().equals("absent-1"))
        .hasSize(1);
  }

  @Test
  void aPlaneWithUnfinishedRunsIsHeldUntilTheyEnd() {
    readyPlane("held");
    world.hub(RECIPE.formatted("held-recipe", "held"));
    start("held-1", "held-recipe", "{repo: x}");
    awaitRun("held-1", "Submitted", "True Submitted");
    world.hub.resources(ClusterBuildPlane.class).withName("held").delete();
    awaitPlane("held", "DeletionBlocked", "True UnfinishedRuns");
    world.engine(CI, "held-1", "{\"phase\":\"Succeeded\"}");
    soon().until(() -> plane("held").isEmpty());
    assertThat(run("held-1").phase()).isEqualTo("Succeeded");
  }

  @Test
  void aRestartOfTheOperatorChangesNothing() {
    readyPlane("calm");
    world.hub(RECIPE.formatted("calm-recipe", "calm"));
    start("calm-1", "calm-recipe", "{repo: x}");
    awaitRun("calm-1", "Submitted", "True Submitted");
    var before = plane("calm").orElseThrow();
    world.operator.close();
    world.startOperator();
    world.engine(CI, "calm-1", "{\"phase\":\"Succeeded\"}");
    awaitRun("calm-1", "WorkflowCompleted", "True WorkflowSucceeded");
    assertThat(plane("calm").orElseThrow().conditions()).isEqualTo(before.conditions());
    assertThat(world.argoWorkflows())
        .filteredOn(workflow -> workflow.getMetadata().getName().equals("calm-1"))
        .hasSize(1);
  }

  @Test
  void aPlaneFollowsTheSecretStoreInside() {
    world.agentCa("store");
    world.clusterBuildPlane("store", "secretStoreRef: {name: vault}");
    awaitPlane("store", "SecretStoreReady", "Unknown PlaneDisconnected");
    world.gateway.connect("store-c1", "store-id", "/store");
    awaitPlane("store", "SecretStoreReady", "False ExternalSecretsNotInstalled");

    World.apply(world.plane, """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: clustersecretstores.external-secrets.io}
        spec:
          group: external-secrets.io
          names: {kind: ClusterSecretStore, listKind: ClusterSecretStoreList, plural: clustersecretstores, singular: clustersecretstore}
          scope: Cluster
          versions:
            - name: v1beta1
              served: true
              storage: true
              schema:
                openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}
        """);
    world.gateway.disconnect("store-c1");
    awaitPlane("store", "AgentConnected", "False NoAgentConnected");
    world.gateway.connect("store-c2", "store-id", "/store");
    awaitPlane("store", "SecretStoreReady", "False NotFound");
    World.apply(world.plane, """
        apiVersion: external-secrets.io/v1beta1
        kind: ClusterSecretStore
        metadata: {name: vault}
        status: {conditions: [{type: Ready, status: "True", reason: Valid, message: store validated}]}
        """);
    awaitPlane("store", "Ready", "True Ready");
  }

  @Test
  void aCancelledRunIsTerminatedInItsPlane() {
    readyPlane("cancel");
    world.hub(RECIPE.formatted("cancel-recipe", "cancel"));
    start("cancel-1", "cancel-recipe", "{repo: x}");
    awaitRun("cancel-1", "Submitted", "True Submitted");
    world.engine(CI, "cancel-1", "{\"phase\":\"Running\"}");
    awaitRun("cancel-1", "WorkflowRunning", "True WorkflowRunning");
    world
        .hub
        .resources(WorkflowRun.class)
        .inNamespace("default")
        .withName("cancel-1")
        .edit(run -> {
          run.getMetadata().setAnnotations(java.util.Map.of("openchoreo.dev/cancel", "true"));
          return run;
        });
    soon()
        .until(() -> world.argo(CI, "cancel-1").at("/spec/shutdown").asText().equals("Terminate"));
    world.engine(CI, "cancel-1", "{\"phase\":\"Failed\"}");
    awaitRun("cancel-1", "WorkflowCompleted", "True WorkflowCancelled");
    assertThat(run("cancel-1").phase()).isEqualTo("Cancelled");
  }

  @Test
  void anArgoWorkflowOfTheSameNameThatIsNotOursIsAConflict() {
    readyPlane("clash");
    World.apply(world.plane, "apiVersion: v1\nkind: Namespace\nmetadata: {name: " + CI + "}");
    World.apply(
        world.plane,
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: clash-1, namespace: "
            + CI + "}");
    world.hub(RECIPE.formatted("clash-recipe", "clash"));
    start("clash-1", "clash-recipe", "{repo: x}");
    awaitRun("clash-1", "WorkflowCompleted", "False NameConflict");
    assertThat(world.argo(CI, "clash-1").path("spec").isMissingNode()).isTrue();
  }
}
