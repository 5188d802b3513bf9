package dev.buildplane.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.model.Api;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Queue;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WorkflowListerIT {
  private static final Duration PATIENCE = Duration.ofSeconds(90);

  /// More than go into two pages.
  private static final int MANY = 120;

  private static void create(World world, String name, Map<String, String> labels) {
    var workflow = new io.fabric8.kubernetes.api.model.GenericKubernetesResource();
    workflow.setApiVersion("argoproj.io/v1alpha1");
    workflow.setKind("Workflow");
    workflow.setMetadata(new io.fabric8.kubernetes.api.model.ObjectMetaBuilder()
        .withName(name)
        .withNamespace("ci")
        .withLabels(labels)
        .build());
    world.plane.resource(workflow).create();
  }

  private static Map<String, String> ofRun(String name) {
    return Map.of(Api.MANAGED_BY, Api.MANAGED_BY_RUNS, Api.RUN, name, Api.RUN_NAMESPACE, "team");
  }

  @Test
  void itTellsOfEachChangeOnceAndOfWhatIsGone(@TempDir Path folder) throws Exception {
    Queue<String> told = new ConcurrentLinkedQueue<>();
    try (var world = new World(folder)) {
      World.apply(world.plane, "apiVersion: v1\nkind: Namespace\nmetadata: {name: ci}\n");
      var names =
          IntStream.range(0, MANY).mapToObj(i -> "run-%03d".formatted(i)).toList();
      names.forEach(name -> create(world, name, ofRun(name)));
      create(world, "of-somebody-else", Map.of());
      try (var lister =
          new WorkflowLister(world.plane, (namespace, name) -> told.add(namespace + "/" + name))) {
        await().atMost(PATIENCE).until(() -> told.size() == MANY);
        assertThat(new TreeSet<>(told)).hasSize(MANY).contains("team/run-000", "team/run-119");
        assertThat(lister.seen("ci", "run-119")).isPresent();
        assertThat(lister.seen("ci", "of-somebody-else")).isEmpty();

        told.clear();
        world.engine("ci", "run-007", "{\"phase\":\"Running\"}");
        await().atMost(PATIENCE).until(() -> !told.isEmpty());
        assertThat(told).containsExactly("team/run-007");
        assertThat(lister.seen("ci", "run-007").orElseThrow().<Object>get("status", "phase"))
            .isEqualTo("Running");

        told.clear();
        world
            .plane
            .genericKubernetesResources(WorkflowFollower.ARGO_WORKFLOWS)
            .inNamespace("ci")
            .withName("run-008")
            .delete();
        await().atMost(PATIENCE).until(() -> !told.isEmpty());
        assertThat(told).containsExactly("team/run-008");
        assertThat(lister.seen("ci", "run-008")).isEmpty();
      }
    }
  }
}
