package dev.buildplane.cli;

import dev.buildplane.model.PlaneKind;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Comparator;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;

/// Runs everything once in one process, so that the JDK can write an ahead-of-time cache of it (JEP 483): both roles, a small
/// build and the commands that look at them. Called by the launcher script after a build, never by users.
@Command(name = "train", hidden = true)
final class TrainCommand implements Callable<Integer> {
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  private static final String WORKFLOW = """
      apiVersion: openchoreo.dev/v1alpha1
      kind: Workflow
      metadata: {name: train, namespace: default}
      spec:
        schema: {parameters: {word: string | default=hello}}
        runTemplate:
          apiVersion: argoproj.io/v1alpha1
          kind: Workflow
          metadata: {name: '${metadata.workflowRunName}', namespace: '${metadata.namespace}'}
          spec:
            serviceAccountName: workflow-sa
            entrypoint: main
            templates:
              - name: main
                container: {image: 'alpine:3', command: [sh, -c], args: ['echo ${parameters.word}']}
      """;

  @Override
  public Integer call() throws Exception {
    var folder = Files.createTempDirectory("buildplane-train");
    var data = new DataDirectory(folder);
    data.create();
    try (var _ = ControlPlaneRole.start(data, 0, 0, 0, 0, null)) {
      var control = RoleReady.read(data, Member.CONTROL_PLANE).orElseThrow();
      var agentPort = control.port("--agent-port");
      try (var _ = BuildPlaneRole.start(
          data,
          java.util.List.of("wss://127.0.0.1:" + agentPort + "/ws"),
          0,
          new TracingOption())) {
        var build = RoleReady.read(data, Member.BUILD_PLANE).orElseThrow();
        new Installation(
                ProcessId.current(),
                control.process(),
                build.process(),
                control.port("--api-port"),
                agentPort,
                control.port("--gateway-port"),
                control.port("--health-port"),
                build.port("--build-plane-api-port"),
                java.util.List.of())
            .writeWithKubeconfig(data);
        use(data);
      }
    } finally {
      delete(data);
    }
    return ExitCode.OK.code();
  }

  private static void use(DataDirectory data) throws IOException {
    var hub = new Hub();
    hub.dataDirectory.folder = data.root();
    try (var client = hub.connect()) {
      var plane = Resources.Kind.of(PlaneKind.CLUSTER_BUILD);
      Resources.all(client, plane)
          .withName("default")
          .waitUntilCondition(
              found -> found != null
                  && Resources.condition(Resources.json(found), "Ready").equals("True"),
              PATIENCE.toSeconds(),
              TimeUnit.SECONDS);
      client.resource(WORKFLOW).serverSideApply();
    }
    run(data, "plane", "list");
    run(data, "run", "start", "train", "--follow");
    run(data, "run", "list");
    run(data, "status");
  }

  private static void run(DataDirectory data, String... arguments) {
    var all = new java.util.ArrayList<>(java.util.List.of(arguments));
    all.add("--data-dir=" + data.root());
    var nowhere = new PrintWriter(Writer.nullWriter());
    Main.run(all.toArray(String[]::new), nowhere, nowhere);
  }

  private static void delete(DataDirectory data) throws IOException {
    try (var files = Files.walk(data.root())) {
      for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }
}
