package dev.buildplane.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `buildplane demo`.
@Command(
    name = "demo",
    description = {
      "Runs a real build from nothing and shows it.",
      "",
      "Starts a control plane and a build plane on this machine, declares the build plane, starts a build of samples/greeter on it through the tunnel, and stops everything at the end. Its data directory is ~/.buildplane/demo unless you name another. Exits 0 when the build succeeded."
    },
    sortOptions = false)
final class DemoCommand implements Callable<Integer> {
  static final Duration PLANE_READY_WITHIN = Duration.ofMinutes(1);
  private static final String FIELD_MANAGER = "buildplane-demo";
  private static final String NAMESPACE = "default";

  @Spec
  CommandSpec spec = CommandSpec.create();

  @Mixin
  DataDirectoryOption dataDirectory = new DataDirectoryOption();

  @Mixin
  Ports ports = new Ports();

  @Mixin
  HelpOption help = new HelpOption();

  @Option(
      names = "--keep",
      description =
          "Leave everything running at the end, for looking around; 'buildplane down' stops it")
  boolean keep;

  @Override
  public Integer call() throws InterruptedException, IOException {
    var out = spec.commandLine().getOut();
    var data = dataDirectory.resolve(DataDirectory.ofUser().root().resolve("demo"));
    var samples = samples();
    var begun = Instant.now();
    say(
        out,
        "Starting a control plane and a build plane on this machine (state in " + data.root()
            + ")");
    try (var stack =
        keep ? new Detached(data) : new Attached(data, spec.commandLine().getErr())) {
      var installation = stack.start(ports);
      say(
          out,
          "Ready after " + seconds(Duration.between(begun, Instant.now())) + ": API "
              + installation.apiUrl() + ", gateway " + installation.agentUrl() + ", build plane "
              + installation.buildPlaneApiUrl());
      return build(out, data, samples);
    }
  }

  private int build(PrintWriter out, DataDirectory data, Path samples)
      throws InterruptedException, IOException {
    var hub = new Hub();
    hub.dataDirectory.folder = data.root();
    try (var client = hub.connect()) {
      apply(client, samples.resolve("clusterbuildplane.yaml"));
      say(
          out,
          "Applied samples/clusterbuildplane.yaml; waiting for the agent's connection to count for it");
      var plane = awaitReady(client);
      say(
          out,
          "clusterbuildplane/shared-buildplane is Ready: "
              + plane.at("/status/agentConnection/message").asText());
      try (var planeClient = hub.connectPlane(
          new PlaneRef(PlaneKind.CLUSTER_BUILD, null, "shared-buildplane"), "shared-builder")) {
        apply(planeClient, samples.resolve("build-templates.yaml"));
      }
      say(
          out,
          "Installed the build steps in the build plane, through the tunnel (samples/build-templates.yaml)");
      var repository = new SampleRepository(
          samples.resolve("greeter"), data.repositories().resolve("greeter.git"));
      repository.publish();
      apply(client, samples.resolve("build-java-workflow.yaml"));
      var created = createRun(client, samples, repository.url());
      var name = created.getMetadata().getName();
      say(out, "Created workflowrun/" + name + "; its steps' logs come live through the tunnel:");
      out.println();
      var followed = new FollowedRun(out, spec.commandLine().getErr(), "");
      JsonNode run;
      try (var follower = new RunFollower(client, hub::connectPlane, followed)) {
        run = follower.follow(NAMESPACE, name);
      }
      out.println();
      if (!RunFollower.hasSucceeded(run)) {
        explainFailure(run, followed, data);
        return ExitCode.FAILED.code();
      }
      summarize(out, run, data);
      return ExitCode.OK.code();
    }
  }

  private static Path samples() {
    var home = System.getenv("BUILDPLANE_HOME");
    var folder = Path.of(home == null ? "." : home).resolve("samples");
    if (!Files.isDirectory(folder)) {
      throw new CliProblem(
          "expected the samples in %s, found nothing there; start the demo with the buildplane script of a clone"
              .formatted(folder.toAbsolutePath()));
    }
    return folder.toAbsolutePath().normalize();
  }

  private static void apply(KubernetesClient client, Path file) throws IOException {
    for (var document : documents(file)) {
      client
          .resource(document)
          .patch(new PatchContext.Builder()
              .withPatchType(PatchType.SERVER_SIDE_APPLY)
              .withFieldManager(FIELD_MANAGER)
              .withForce(true)
              .build());
    }
  }

  private static List<GenericKubernetesResource> documents(Path file) throws IOException {
    var found = new ArrayList<GenericKubernetesResource>();
    try (var parser = Resources.YAML.getFactory().createParser(file.toFile())) {
      var values = Resources.YAML.readValues(parser, JsonNode.class);
      while (values.hasNextValue()) {
        found.add(Resources.JSON.convertValue(values.nextValue(), GenericKubernetesResource.class));
      }
    }
    return found;
  }

  private JsonNode awaitReady(KubernetesClient client) {
    var kind = Resources.Kind.of(PlaneKind.CLUSTER_BUILD);
    var plane = Resources.all(client, kind).withName("shared-buildplane");
    try {
      return Resources.json(plane.waitUntilCondition(
          found -> found != null
              && Resources.condition(Resources.json(found), "Ready").equals("True"),
          PLANE_READY_WITHIN.toSeconds(),
          TimeUnit.SECONDS));
    } catch (io.fabric8.kubernetes.client.KubernetesClientTimeoutException late) {
      var found = plane.get();
      var state = found == null ? Resources.JSON.nullNode() : Resources.json(found);
      throw new CliProblem(
          "expected clusterbuildplane/shared-buildplane to be Ready within %d s, found %s: %s; see the logs in the data directory"
              .formatted(
                  PLANE_READY_WITHIN.toSeconds(),
                  Resources.conditionField(state, "Ready", "reason", "no condition"),
                  Resources.conditionField(state, "Ready", "message", "")),
          late);
    }
  }

  private GenericKubernetesResource createRun(
      KubernetesClient client, Path samples, String repositoryUrl) throws IOException {
    var run =
        (ObjectNode) Resources.YAML.readTree(samples.resolve("greeter-run.yaml").toFile());
    ((ObjectNode) run.at("/spec/workflow/parameters/repo")).put("url", repositoryUrl);
    return Resources.all(client, Resources.WORKFLOW_RUN)
        .inNamespace(NAMESPACE)
        .resource(Resources.JSON.convertValue(run, GenericKubernetesResource.class))
        .create();
  }

  private void explainFailure(JsonNode run, FollowedRun followed, DataDirectory data) {
    var err = spec.commandLine().getErr();
    err.println("The build failed: "
        + Resources.conditionField(run, "WorkflowCompleted", "message", "no message"));
    for (var task : run.at("/status/tasks")) {
      var phase = task.path("phase").asText();
      if (phase.equals("Failed") || phase.equals("Error")) {
        var step = task.path("name").asText();
        err.println("Step " + step + " " + phase + ": " + task.path("message").asText("")
            + "; its last lines:");
        followed.lastLines(step).forEach(line -> err.println("  " + line));
      }
    }
    err.println("Logs of the processes: " + data.logs());
  }

  private void summarize(PrintWriter out, JsonNode run, DataDirectory data) {
    var name = run.at("/metadata/name").asText();
    out.println("Succeeded: workflowrun/" + name + " ran as workflow/"
        + run.at("/status/runReference/name").asText()
        + " in namespace " + run.at("/status/runReference/namespace").asText() + " of "
        + PlanePin.of(run).map(PlanePin::toString).orElse("?"));
    out.println();
    Resources.grid(out, RunCommand.taskRows(run), "   ");
    out.println();
    var image = image(run, data);
    if (image != null) {
      out.println("Image    " + image.reference());
      out.println("OCI layout in " + image.layout());
      out.println();
    }
    if (keep) {
      out.println("Look around:");
      out.println("  export KUBECONFIG=" + data.kubeconfig());
    } else {
      out.println("Everything is stopped again; look around with:");
      out.println("  buildplane up --detach --data-dir " + data.root()
          + "   # what the demo left, running again");
      out.println("  export KUBECONFIG=" + data.kubeconfig());
    }
    out.println("  kubectl get clusterbuildplanes,workflows.openchoreo.dev,workflowruns");
    out.println("  kubectl --context build-plane get workflows.argoproj.io,pods -A");
    out.println("  buildplane run logs " + name + UpCommand.dataDirectoryArgument(data));
    if (keep) {
      out.println("  buildplane down" + UpCommand.dataDirectoryArgument(data));
    }
    out.flush();
  }

  /// @param reference name and digest, as the build's Workload names it
  private record Image(String reference, Path layout) {}

  /// Read from the Workload that the run created, and checked against the files it speaks of.
  private @Nullable Image image(JsonNode run, DataDirectory data) {
    var hub = new Hub();
    hub.dataDirectory.folder = data.root();
    var component =
        run.path("metadata").path("labels").path("openchoreo.dev/component").asText("");
    try (var client = hub.connect()) {
      var workload = Resources.in(
              client, new Resources.Kind("Workload", "workloads", true), NAMESPACE)
          .withName(component)
          .get();
      if (workload == null) {
        return null;
      }
      var reference = Resources.json(workload).at("/spec/containers/main/image").asText("");
      var at = reference.lastIndexOf("@sha256:");
      if (at < 0) {
        return null;
      }
      var folder = "sha256-" + reference.substring(at + "@sha256:".length());
      var claim = data.buildPlane()
          .resolve("runner")
          .resolve("claims")
          .resolve(run.at("/status/runReference/namespace").asText())
          .resolve("images");
      return new Image(reference, claim.resolve(reference.substring(0, at)).resolve(folder));
    }
  }

  private static void say(PrintWriter out, String text) {
    out.println("== " + text);
    out.flush();
  }

  private static String seconds(Duration duration) {
    return "%.1f s".formatted(duration.toMillis() / 1000.0);
  }

  /// The installation a demo runs on.
  private sealed interface Stack extends AutoCloseable {
    Installation start(Ports ports) throws InterruptedException;

    @Override
    void close();
  }

  /// Lives as long as the command.
  private static final class Attached implements Stack {
    private final Supervisor supervisor;

    Attached(DataDirectory data, PrintWriter err) {
      supervisor = new Supervisor(data, line -> err.println("buildplane: " + line));
    }

    @Override
    public Installation start(Ports ports) {
      Runtime.getRuntime().addShutdownHook(new Thread(supervisor::close, "stop"));
      var installation = supervisor.start(ports);
      Thread.ofPlatform().daemon().name("supervise").start(() -> {
        try {
          supervisor.supervise();
        } catch (InterruptedException ended) {
          Thread.currentThread().interrupt();
        }
      });
      return installation;
    }

    @Override
    public void close() {
      supervisor.close();
    }
  }

  /// Goes on after the command.
  private static final class Detached implements Stack {
    private final DataDirectory data;

    Detached(DataDirectory data) {
      this.data = data;
    }

    @Override
    public Installation start(Ports ports) throws InterruptedException {
      if (Installation.running(data).isPresent()) {
        return Installation.running(data).orElseThrow();
      }
      return UpCommand.startDetached(data, ports);
    }

    @Override
    public void close() {} // that it stays is what was asked for
  }
}
