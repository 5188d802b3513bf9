package dev.buildplane.runner;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.runner.Action.StepOrder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/// Real processes, with and without namespaces: the laws are the same.
@ParameterizedClass
@EnumSource(RunnerSettings.Isolation.class)
class StepProcessesIT {
  private final RunnerSettings.Isolation isolation;
  private final List<AutoCloseable> open = new ArrayList<>();

  @TempDir
  private Path directory;

  StepProcessesIT(RunnerSettings.Isolation isolation) {
    this.isolation = isolation;
  }

  @AfterEach
  void close() throws Exception {
    for (var closeable : open.reversed()) {
      closeable.close();
    }
  }

  private static final class Fake implements Lookup {
    @Override
    public Optional<Map<String, byte[]>> secret(String namespace, String name) {
      return name.equals("s") ? Optional.of(Map.of("k", "hush".getBytes())) : Optional.empty();
    }

    @Override
    public Optional<Map<String, byte[]>> configMap(String namespace, String name) {
      return Optional.empty();
    }
  }

  private record Plane(StepProcesses processes, StepLogs logs) {}

  private Plane plane() throws IOException {
    var settings = RunnerSettings.defaults(directory)
        .withIsolation(isolation)
        .withHost(List.of(), List.of(), Set.of(directory.resolve("host")));
    var logs = new StepLogs(directory.resolve("logs"));
    var pumps = new LogPumps(settings.clock());
    open.add(pumps);
    var sandbox = Sandbox.probe(directory, isolation);
    var processes = new StepProcesses(settings, sandbox, logs, pumps, new Fake(), _ -> {});
    open.add(processes);
    processes.adopt();
    return new Plane(processes, logs);
  }

  private static StepOrder order(String yaml) {
    var template = (ObjectNode) Workflows.yaml(yaml);
    return new StepOrder(
        "wf-1",
        "wf[0].a",
        "wf-pod",
        template,
        template.path("volumes"),
        List.of("scratch"),
        template.path("wantsResult").asBoolean());
  }

  private static StepOrder shell(String script, String rest) {
    var order = order("container: {image: i, command: [sh, -c]}\n" + rest);
    ((ObjectNode) order.template().get("container")).putArray("args").add(script);
    return order;
  }

  private static StepState state(Plane plane) {
    try {
      return plane.processes.observe("u1").getOrDefault("wf-1", new StepState.Absent());
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static <T extends StepState> T until(Plane plane, Class<T> type) {
    await().atMost(Duration.ofSeconds(60)).until(() -> type.isInstance(state(plane)));
    return type.cast(state(plane));
  }

  private static List<String> log(Plane plane) throws Exception {
    var lines = new ArrayList<String>();
    try (var reader = plane.logs.open("ns", "wf-pod", "main", true).orElseThrow()) {
      for (var line = reader.next(); line != null; line = reader.next()) {
        lines.add(line.text());
      }
    }
    return lines;
  }

  @Test
  void aStepRunsInItsVolumesAndGivesOutputs() throws Exception {
    var plane = plane();
    var order = shell(
        "cd /mnt/vol && echo 42 > n && wc -l < n > /tmp/lines && cat /etc/secrets/tok/k && echo && echo $HI",
        """
        volumes: [{name: tok, secret: {secretName: s}}]
        outputs: {parameters: [{name: n, valueFrom: {path: /mnt/vol/n}}, {name: lines, valueFrom: {path: /tmp/lines}}]}
        """);
    var container = (ObjectNode) order.template().get("container");
    container.set(
        "volumeMounts",
        Workflows.yaml(
            "[{name: scratch, mountPath: /mnt/vol}, {name: tok, mountPath: /etc/secrets/tok, readOnly: true}]"));
    container.set("env", Workflows.yaml("[{name: HI, value: there}]"));
    plane.processes.start("u1", "ns", order);
    var ended = until(plane, StepState.Ended.class);
    assertThat(log(plane)).containsExactly("hush", "there");
    assertThat(ended.exitCode()).isZero();
    assertThat(ended.outputs()).isEqualTo(Map.of("n", "42\n", "lines", "1\n"));
    assertThat(directory.resolve("work/u1/volumes/scratch/n")).hasContent("42");
    await()
        .atMost(Duration.ofSeconds(30))
        .until(() -> !Files.exists(directory.resolve("work/u1/steps/wf-1/volumes")));
  }

  @Test
  void anExitCodeAndALastLineWithoutEndAreKept() throws Exception {
    var plane = plane();
    plane.processes.start("u1", "ns", shell("echo one; printf two >&2; exit 7", ""));
    assertThat(until(plane, StepState.Ended.class).exitCode()).isEqualTo(7);
    assertThat(log(plane)).containsExactly("one", "two");
  }

  @Test
  void aScriptsOutputIsItsResult() throws Exception {
    var plane = plane();
    plane.processes.start("u1", "ns", order("""
        script: {image: i, command: [sh], source: "echo heads\\necho noise >&2\\n"}
        wantsResult: true
        """));
    assertThat(until(plane, StepState.Ended.class).result()).contains("heads");
  }

  @Test
  void aStepStartedTwiceRunsOnce() throws Exception {
    var plane = plane();
    var order = shell("echo x >> /mnt/vol/runs", "");
    ((ObjectNode) order.template().get("container"))
        .set("volumeMounts", Workflows.yaml("[{name: scratch, mountPath: /mnt/vol}]"));
    plane.processes.start("u1", "ns", order);
    plane.processes.start("u1", "ns", order);
    until(plane, StepState.Ended.class);
    plane.processes.start("u1", "ns", order);
    var again = plane();
    again.processes.start("u1", "ns", order);
    until(again, StepState.Ended.class);
    assertThat(directory.resolve("work/u1/volumes/scratch/runs")).hasContent("x");
  }

  @Test
  void killingEndsTheWholeTree() throws Exception {
    var plane = plane();
    plane.processes.start("u1", "ns", shell("sleep 600 & sleep 600 & echo up; wait", ""));
    until(plane, StepState.Running.class);
    var pid =
        new StepDirectory(directory.resolve("work/u1/steps/wf-1")).process().orElseThrow();
    await().atMost(Duration.ofSeconds(60)).until(() -> pid.descendants().count() >= 2);
    var tree = pid.descendants().toList();
    plane.processes.kill("u1", "wf-1", "because");
    assertThat(until(plane, StepState.Killed.class).reason()).isEqualTo("because");
    await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> tree.stream().noneMatch(ProcessHandle::isAlive));
  }

  @Test
  void anOrderlyShutdownEvictsAndTheNextRunnerStartsAgain() throws Exception {
    var plane = plane();
    var order = shell("echo x >> /mnt/vol/runs; [ $(wc -l < /mnt/vol/runs) = 2 ] || sleep 600", "");
    ((ObjectNode) order.template().get("container"))
        .set("volumeMounts", Workflows.yaml("[{name: scratch, mountPath: /mnt/vol}]"));
    plane.processes.start("u1", "ns", order);
    await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> Files.exists(directory.resolve("work/u1/volumes/scratch/runs")));
    plane.processes.close();
    var next = plane();
    assertThat(state(next)).isInstanceOf(StepState.Evicted.class);
    next.processes.start("u1", "ns", order);
    assertThat(until(next, StepState.Ended.class).exitCode()).isZero();
  }

  @Test
  void whatCannotBeSetUpIsBroken() throws Exception {
    var plane = plane();
    var order = shell("true", "volumes: [{name: tok, secret: {secretName: absent}}]");
    ((ObjectNode) order.template().get("container"))
        .set("volumeMounts", Workflows.yaml("[{name: tok, mountPath: /x}]"));
    plane.processes.start("u1", "ns", order);
    assertThat(until(plane, StepState.Broken.class).reason())
        .startsWith("Secret \"absent\" not found");
  }

  @Test
  void hostPathsAreRefusedUnlessAllowed() throws Exception {
    var plane = plane();
    var order = shell("true", "volumes: [{name: h, hostPath: {path: /etc}}]");
    ((ObjectNode) order.template().get("container"))
        .set("volumeMounts", Workflows.yaml("[{name: h, mountPath: /x}]"));
    plane.processes.start("u1", "ns", order);
    assertThat(until(plane, StepState.Broken.class).reason())
        .startsWith("hostPath volume /etc is refused");
  }

  @Test
  void forgettingStopsAndDeletesEverything() throws Exception {
    var plane = plane();
    plane.processes.start("u1", "ns", shell("echo up; sleep 600", ""));
    until(plane, StepState.Running.class);
    plane.processes.forget("u1");
    assertThat(directory.resolve("work/u1")).doesNotExist();
    assertThat(plane.logs.open("ns", "wf-pod", "main", false)).isEmpty();
  }
}
