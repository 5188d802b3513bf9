package dev.buildplane.runner;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The runner against a real API server, with real processes.
class RunnerIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @TempDir
  private Path directory;

  private Plane plane;
  private Runner runner;

  @BeforeEach
  void start() throws Exception {
    plane = new Plane(directory.resolve("store"));
    runner = startRunner();
  }

  private Runner startRunner() throws Exception {
    return Runner.start(RunnerSettings.defaults(directory.resolve("ws")), plane.client);
  }

  @AfterEach
  void stop() {
    runner.close();
    plane.close();
  }

  private void untilPhase(String name, String phase) {
    await()
        .atMost(PATIENCE)
        .untilAsserted(
            () -> assertThat(plane.workflow(name).path("status").path("phase").asText())
                .as(() -> plane.workflow(name).path("status").toString())
                .isEqualTo(phase));
  }

  private List<String> log(String pod) throws Exception {
    var lines = new ArrayList<String>();
    try (var reader = runner.logs().open("ci", pod, "main", true).orElseThrow()) {
      for (var line = reader.next(); line != null; line = reader.next()) {
        lines.add(line.text());
      }
    }
    return lines;
  }

  @Test
  void aWorkflowWithAForeignTemplateRunsToItsEnd() throws Exception {
    plane.apply("""
        apiVersion: argoproj.io/v1alpha1
        kind: ClusterWorkflowTemplate
        metadata: {name: shared-lib}
        spec:
          templates:
            - name: reader
              inputs: {parameters: [{name: sum}]}
              container:
                image: alpine:3
                command: [sh, -c]
                args: ['echo "sum {{inputs.parameters.sum}}, file $(cat /data/f), token $(ls /token | wc -l)"']
                volumeMounts: [{name: scratch, mountPath: /data}, {name: token, mountPath: /token}]
              volumes: [{name: token, secret: {secretName: '{{workflow.parameters.token-secret}}', optional: true}}]
        """);
    plane
        .client
        .secrets()
        .inNamespace("ci")
        .resource(new SecretBuilder()
            .withNewMetadata()
            .withName("tok")
            .endMetadata()
            .addToStringData("a", "b")
            .build())
        .create();
    plane.apply("""
        apiVersion: argoproj.io/v1alpha1
        kind: Workflow
        metadata: {name: demo-1, namespace: ci}
        spec:
          serviceAccountName: workflow-sa
          entrypoint: main
          arguments: {parameters: [{name: word, value: hello}, {name: token-secret, value: tok}]}
          volumeClaimTemplates:
            - metadata: {name: scratch}
              spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 50Mi}}}
          templates:
            - name: main
              steps:
                - - {name: write, template: writer}
                - - name: read
                    templateRef: {name: shared-lib, template: reader, clusterScope: true}
                    arguments: {parameters: [{name: sum, value: '{{steps.write.outputs.parameters.sum}}'}]}
            - name: writer
              container:
                image: alpine:3
                command: [sh, -c]
                args: ['echo {{workflow.parameters.word}} > /data/f; printf %s $(wc -c < /data/f) > /tmp/sum']
                volumeMounts: [{name: scratch, mountPath: /data}]
              outputs: {parameters: [{name: sum, valueFrom: {path: /tmp/sum}}]}
        """);
    untilPhase("demo-1", "Succeeded");
    var status = plane.workflow("demo-1").path("status");
    assertThat(status.path("progress").asText()).isEqualTo("2/2");
    var write = status.path("nodes").path(Nodes.id("demo-1", "demo-1[0].write"));
    assertThat(write.path("outputs").path("parameters").get(0).path("value").asText())
        .isEqualTo("6");

    var pods = plane
        .client
        .pods()
        .inNamespace("ci")
        .withLabel("workflows.argoproj.io/workflow", "demo-1")
        .list()
        .getItems();
    assertThat(pods).hasSize(2).allSatisfy(pod -> {
      assertThat(pod.getMetadata().getAnnotations()).containsKey("workflows.argoproj.io/node-name");
      assertThat(pod.getMetadata().getOwnerReferences()).hasSize(1);
    });
    await()
        .atMost(PATIENCE)
        .untilAsserted(() -> assertThat(
                plane.client.pods().inNamespace("ci").list().getItems())
            .allSatisfy(pod -> {
              assertThat(pod.getStatus().getPhase()).isEqualTo("Succeeded");
              assertThat(pod.getStatus()
                      .getContainerStatuses()
                      .getFirst()
                      .getState()
                      .getTerminated()
                      .getExitCode())
                  .isZero();
            }));
    assertThat(log(PodSteps.podName("demo-1", "demo-1[1].read", "reader")))
        .containsExactly("sum 6, file hello, token 1");
    assertThat(plane.client.v1().events().inNamespace("ci").list().getItems())
        .extracting(Event::getReason)
        .contains("WorkflowRunning", "WorkflowSucceeded", "WorkflowNodeSucceeded");
  }

  private static final String SLEEPER = """
      apiVersion: argoproj.io/v1alpha1
      kind: Workflow
      metadata: {name: %s, namespace: ci}
      spec:
        entrypoint: t
        volumeClaimTemplates: [{metadata: {name: v}}]
        templates:
          - name: t
            container:
              image: i
              command: [sh, -c]
              args: ['echo up; echo x >> /v/runs; while [ ! -e /v/go ]; do sleep 0.1; done; echo done']
              volumeMounts: [{name: v, mountPath: /v}]
      """;

  private Path volume(String name) {
    return directory
        .resolve("ws/work")
        .resolve(plane.workflow(name).path("metadata").path("uid").asText())
        .resolve("volumes/v");
  }

  @Test
  void deletingAWorkflowStopsItsStepsAndTakesEverythingAway() throws Exception {
    plane.apply(SLEEPER.formatted("gone"));
    await().atMost(PATIENCE).until(() -> Files.exists(volume("gone").resolve("runs")));
    var work = volume("gone").getParent().getParent();
    var process = new StepDirectory(work.resolve("steps/gone")).process().orElseThrow();
    plane.argo().workflows().inNamespace("ci").withName("gone").delete();
    await().atMost(PATIENCE).until(() -> !process.isAlive() && !Files.exists(work));
    await()
        .atMost(PATIENCE)
        .until(() -> plane.client.pods().inNamespace("ci").list().getItems().isEmpty());
    assertThat(runner.logs().open("ci", "gone", "main", false)).isEmpty();
  }

  @Test
  void logsAreFollowedWhileTheStepRuns() throws Exception {
    plane.apply(SLEEPER.formatted("talk"));
    await().atMost(PATIENCE).until(() -> Files.exists(volume("talk").resolve("runs")));
    try (var reader = runner.logs().open("ci", "talk", "main", true).orElseThrow()) {
      assertThat(reader.next()).extracting(StepLogs.Line::text).isEqualTo("up");
      Files.createFile(volume("talk").resolve("go"));
      assertThat(reader.next()).extracting(StepLogs.Line::text).isEqualTo("done");
      assertThat(reader.next()).isNull();
    }
    untilPhase("talk", "Succeeded");
  }

  @Test
  void aRestartOfTheRunnerStartsWhatItStoppedAgain() throws Exception {
    plane.apply(SLEEPER.formatted("again"));
    await().atMost(PATIENCE).until(() -> Files.exists(volume("again").resolve("runs")));
    runner.close();
    Files.createFile(volume("again").resolve("go"));
    runner = startRunner();
    untilPhase("again", "Succeeded");
    assertThat(volume("again").resolve("runs")).hasContent("x\nx");
  }

  @Test
  void aFailureAndAnUnsupportedFieldAreToldApart() {
    plane.apply("""
        apiVersion: argoproj.io/v1alpha1
        kind: Workflow
        metadata: {name: bad, namespace: ci}
        spec: {entrypoint: t, templates: [{name: t, container: {image: i, command: [sh, -c, 'exit 4']}}]}
        """);
    plane.apply("""
        apiVersion: argoproj.io/v1alpha1
        kind: Workflow
        metadata: {name: odd, namespace: ci}
        spec: {entrypoint: t, templates: [{name: t, http: {url: x}}]}
        """);
    untilPhase("bad", "Failed");
    untilPhase("odd", "Error");
    assertThat(plane.workflow("bad").path("status").path("message").asText())
        .isEqualTo("main: Error (exit code 4)");
    assertThat(plane.workflow("odd").path("status").path("message").asText())
        .contains("template t.http is not supported");
  }

  @Test
  void aSecondRunnerOnTheSameWorkspacesIsRefused() {
    assertThat(org.assertj.core.api.Assertions.catchThrowable(this::startRunner))
        .hasMessageStartingWith("another runner uses");
  }
}
