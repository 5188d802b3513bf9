package dev.buildplane.runner;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `kill -9` of the runner's JVM while steps run: they live on, and the next runner takes them up.
class RunnerKillFault {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @TempDir
  private Path directory;

  /// The runner's JVM: kube config file and workspaces as arguments; runs until it is killed.
  static final class Main {
    private Main() {}

    public static void main(String[] arguments) throws Exception {
      var config = Serialization.unmarshal(Files.readString(Path.of(arguments[0])), Config.class);
      var client = new KubernetesClientBuilder().withConfig(config).build();
      try (var runner = Runner.start(RunnerSettings.defaults(Path.of(arguments[1])), client)) {
        Files.writeString(Path.of(arguments[0] + ".started"), String.valueOf(runner.isReady()));
        new CountDownLatch(1).await();
      }
    }
  }

  private Process fork(Plane plane) throws Exception {
    var config = directory.resolve("config.yaml");
    Files.writeString(config, Serialization.asYaml(plane.config));
    var command = new ArrayList<String>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-XX:TieredStopAtLevel=1");
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(Main.class.getName());
    command.add(config.toString());
    command.add(directory.resolve("ws").toString());
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(directory.resolve("fork.log").toFile())
        .start();
  }

  @Test
  void stepsSurviveAndAreAdoptedExactlyOnce() throws Exception {
    try (var plane = new Plane(directory.resolve("store"))) {
      var first = fork(plane);
      try {
        plane.apply("""
            apiVersion: argoproj.io/v1alpha1
            kind: Workflow
            metadata: {name: w, namespace: ci}
            spec:
              entrypoint: main
              volumeClaimTemplates: [{metadata: {name: v}}]
              templates:
                - name: main
                  steps:
                    - - {name: waits, template: t, arguments: {parameters: [{name: n, value: a}]}}
                      - {name: ends, template: t, arguments: {parameters: [{name: n, value: b}]}}
                    - - {name: after, template: t, arguments: {parameters: [{name: n, value: c}]}}
                - name: t
                  inputs: {parameters: [{name: n}]}
                  container:
                    image: i
                    command: [sh, -c]
                    args: ['echo x >> /v/runs-{{inputs.parameters.n}}; echo begin; while [ ! -e /v/go-{{inputs.parameters.n}} ]; do sleep 0.1; done; echo end']
                    volumeMounts: [{name: v, mountPath: /v}]
            """);
        var volume = directory
            .resolve("ws/work")
            .resolve(plane.workflow("w").path("metadata").path("uid").asText())
            .resolve("volumes/v");
        await()
            .atMost(PATIENCE)
            .until(() ->
                Files.exists(volume.resolve("runs-a")) && Files.exists(volume.resolve("runs-b")));
        first.destroyForcibly().waitFor();
        Files.createFile(volume.resolve("go-b"));
        var exit = directory
            .resolve("ws/work")
            .resolve(plane.workflow("w").path("metadata").path("uid").asText())
            .resolve("steps")
            .resolve(Nodes.id("w", "w[0].ends"))
            .resolve("exit");
        await().atMost(PATIENCE).until(() -> Files.exists(exit));
        try (var runner =
            Runner.start(RunnerSettings.defaults(directory.resolve("ws")), plane.client)) {
          Files.createFile(volume.resolve("go-a"));
          Files.createFile(volume.resolve("go-c"));
          await()
              .atMost(PATIENCE)
              .untilAsserted(() -> assertThat(
                      plane.workflow("w").path("status").path("phase").asText())
                  .isEqualTo("Succeeded"));
          for (var step : new String[] {"a", "b", "c"}) {
            assertThat(volume.resolve("runs-" + step)).hasContent("x");
          }
          for (var name : new String[] {"w[0].waits", "w[0].ends", "w[1].after"}) {
            var lines = new ArrayList<String>();
            try (var reader = runner
                .logs()
                .open("ci", PodSteps.podName("w", name, "t"), "main", true)
                .orElseThrow()) {
              for (var line = reader.next(); line != null; line = reader.next()) {
                lines.add(line.text());
              }
            }
            assertThat(lines).as(name).containsExactly("begin", "end");
          }
        }
      } finally {
        first.destroyForcibly();
      }
    }
  }
}
