package dev.buildplane.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.PrintStream;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/// From a WorkflowRun's creation to its first step running, seen by watches on both sides.
final class RunBench {
  private static final int ROUNDS = 15;
  private static final int PATIENCE_SECONDS = 60;
  private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());

  private static final String WORKFLOW = """
      apiVersion: openchoreo.dev/v1alpha1
      kind: Workflow
      metadata: {name: bench, namespace: default}
      spec:
        buildPlaneRef: {kind: ClusterBuildPlane, name: default}
        runTemplate:
          apiVersion: argoproj.io/v1alpha1
          kind: Workflow
          metadata: {name: '${metadata.workflowRunName}', namespace: '${metadata.namespace}'}
          spec:
            serviceAccountName: workflow-sa
            entrypoint: main
            templates:
              - name: main
                container: {image: 'alpine:3', command: [sh, -c], args: ['echo hello']}
      """;

  private RunBench() {}

  static void print(Stand stand, PrintStream out) throws Exception {
    try (var hub = stand.client("control-plane");
        var plane = stand.client("build-plane")) {
      hub.resource(YAML.readValue(WORKFLOW, GenericKubernetesResource.class)).create();
      var running = new double[ROUNDS];
      var completed = new double[ROUNDS];
      for (var i = 0; i < ROUNDS; i++) {
        measure(hub, plane, i, running, completed);
      }
      out.println("\n## Runs\n");
      out.println(
          "A run of one step that says hello, from its creation; seen by watches of both API servers. "
              + ROUNDS + " runs, one after the other.\n");
      out.println("| until | median, ms | min | max |");
      out.println("|---|---|---|---|");
      row(out, "its step runs", running);
      row(out, "the WorkflowRun says that it completed", completed);
    }
  }

  private static void measure(
      KubernetesClient hub, KubernetesClient plane, int round, double[] running, double[] completed)
      throws Exception {
    var name = "bench-" + round;
    var begun = System.nanoTime();
    hub.resource(YAML.readValue(
            "{apiVersion: openchoreo.dev/v1alpha1, kind: WorkflowRun, metadata: {name: " + name
                + ", namespace: default}, spec: {workflow: {name: bench}}}",
            GenericKubernetesResource.class))
        .create();
    plane
        .pods()
        .inNamespace("openchoreo-ci-default")
        .withLabel("workflows.argoproj.io/workflow", name)
        .waitUntilCondition(RunBench::hasStarted, PATIENCE_SECONDS, TimeUnit.SECONDS);
    running[round] = (System.nanoTime() - begun) / 1e6;
    hub.genericKubernetesResources("openchoreo.dev/v1alpha1", "WorkflowRun")
        .inNamespace("default")
        .withName(name)
        .waitUntilCondition(RunBench::hasCompleted, PATIENCE_SECONDS, TimeUnit.SECONDS);
    completed[round] = (System.nanoTime() - begun) / 1e6;
  }

  private static boolean hasStarted(Pod pod) {
    return pod != null
        && pod.getStatus() != null
        && !"Pending".equals(pod.getStatus().getPhase());
  }

  private static boolean hasCompleted(GenericKubernetesResource run) {
    return run != null && "Succeeded".equals(run.get("status", "phase"));
  }

  private static void row(PrintStream out, String what, double[] millis) {
    Arrays.sort(millis);
    out.printf(
        "| %s | %.0f | %.0f | %.0f |%n", what, millis[ROUNDS / 2], millis[0], millis[ROUNDS - 1]);
  }
}
