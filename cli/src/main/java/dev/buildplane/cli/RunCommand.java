package dev.buildplane.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.cli.Resources.Column;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `buildplane run`.
@Command(
    name = "run",
    description = "Starts builds and looks at them.",
    subcommands = {
      RunCommand.ListRuns.class,
      RunCommand.GetRun.class,
      RunCommand.StartRun.class,
      RunCommand.Logs.class
    },
    synopsisSubcommandLabel = "COMMAND")
final class RunCommand {
  @Mixin
  HelpOption help = new HelpOption();

  private static final List<Column> NARROW = List.of(
      Resources.at("NAMESPACE", "/metadata/namespace"),
      Resources.at("NAME", "/metadata/name"),
      Resources.at("WORKFLOW", "/spec/workflow/name"),
      new Column("STATUS", RunCommand::phase),
      new Column("DURATION", RunCommand::duration),
      Resources.age());

  private static final List<Column> WIDE = List.of(
      new Column("PLANE", run -> PlanePin.of(run).map(PlanePin::toString).orElse("-")),
      Resources.at("ARGO WORKFLOW", "/status/runReference/name"),
      new Column(
          "MESSAGE",
          run ->
              Resources.orDash(Resources.conditionField(run, "WorkflowCompleted", "message", ""))));

  static String phase(JsonNode run) {
    return run.at("/status/phase").asText("Pending");
  }

  private static String duration(JsonNode run) {
    var started = run.at("/status/startedAt").asText("");
    if (started.isEmpty()) {
      return "-";
    }
    var completed = run.at("/status/completedAt").asText("");
    return Resources.brief(Duration.between(
        Instant.parse(started), completed.isEmpty() ? Instant.now() : Instant.parse(completed)));
  }

  /// `buildplane run list`.
  @Command(name = "list", aliases = "ls", description = "Lists runs, the newest first.")
  static final class ListRuns extends HubCommand {
    @Mixin
    NamespaceOption namespace = new NamespaceOption();

    @Option(
        names = {"-A", "--all-namespaces"},
        description = "Runs of all namespaces")
    boolean all;

    @Mixin
    OutputOption output = new OutputOption();

    @Override
    public Integer call() {
      List<JsonNode> runs;
      try (var client = hub.connect()) {
        var resources = Resources.all(client, Resources.WORKFLOW_RUN);
        var list = all
            ? resources.inAnyNamespace().list()
            : resources.inNamespace(namespace.namespace).list();
        runs = list.getItems().stream()
            .map(Resources::json)
            .sorted(java.util.Comparator.comparing(
                    (JsonNode run) -> run.at("/metadata/creationTimestamp").asText())
                .reversed())
            .toList();
      }
      if (runs.isEmpty() && output.format == OutputFormat.TABLE) {
        err()
            .println("No runs%s. Start one with: buildplane run start WORKFLOW"
                .formatted(all ? "" : " in namespace " + namespace.namespace));
        return ExitCode.OK.code();
      }
      Resources.print(out(), output.format, runs, NARROW, WIDE);
      return ExitCode.OK.code();
    }
  }

  /// `buildplane run get`.
  @Command(name = "get", description = "Shows one run, its steps and its conditions.")
  static final class GetRun extends HubCommand {
    @Mixin
    NamespaceOption namespace = new NamespaceOption();

    @Parameters(paramLabel = "NAME", description = "Name of the run")
    String name = "";

    @Mixin
    OutputOption output = new OutputOption();

    @Override
    public Integer call() {
      JsonNode run;
      try (var client = hub.connect()) {
        run = find(client, namespace.namespace, name);
      }
      var out = out();
      Resources.print(out, output.format, List.of(run), NARROW, WIDE);
      if (output.format == OutputFormat.TABLE || output.format == OutputFormat.WIDE) {
        out.println();
        Resources.grid(out, taskRows(run), "   ");
        out.println();
        Resources.grid(out, conditionRows(run), "   ");
      }
      return ExitCode.OK.code();
    }
  }

  /// `buildplane run start`.
  @Command(
      name = "start",
      description = {
        "Starts a run of a Workflow.",
        "",
        "Parameters are YAML values at dotted paths: -p repo.url=https://example.org/a.git -p replicas=2"
      })
  static final class StartRun extends HubCommand {
    @Mixin
    NamespaceOption namespace = new NamespaceOption();

    @Parameters(
        paramLabel = "WORKFLOW",
        description = "Name of the Workflow, in the same namespace")
    String workflow = "";

    @Option(
        names = {"-p", "--parameter"},
        paramLabel = "PATH=VALUE",
        description = "A parameter; may be given several times")
    Map<String, String> parameters = new TreeMap<>();

    @Option(
        names = "--name",
        paramLabel = "NAME",
        description = "Name of the run (default: WORKFLOW- and random characters)")
    String name = "";

    @Option(
        names = {"-f", "--follow"},
        description = "Show its logs until it ends; the exit code is the run's")
    boolean follow;

    @Override
    public Integer call() throws InterruptedException {
      try (var client = hub.connect()) {
        var created = Resources.all(client, Resources.WORKFLOW_RUN)
            .inNamespace(namespace.namespace)
            .resource(Resources.JSON.convertValue(run(), GenericKubernetesResource.class))
            .create();
        var runName = created.getMetadata().getName();
        out().println("workflowrun.openchoreo.dev/" + runName + " created");
        return follow
            ? new FollowedRun(out(), err(), "").follow(hub, client, namespace.namespace, runName)
            : ExitCode.OK.code();
      }
    }

    private ObjectNode run() {
      var run = Resources.JSON
          .createObjectNode()
          .put("apiVersion", "openchoreo.dev/v1alpha1")
          .put("kind", "WorkflowRun");
      var metadata = run.putObject("metadata").put("namespace", namespace.namespace);
      if (name.isEmpty()) {
        metadata.put("generateName", workflow + "-");
      } else {
        metadata.put("name", name);
      }
      var target =
          run.putObject("spec").putObject("workflow").put("name", workflow).putObject("parameters");
      parameters.forEach((path, value) -> put(target, path, value));
      return run;
    }

    private static void put(ObjectNode parameters, String path, String value) {
      var keys = path.split("\\.", -1);
      var at = parameters;
      for (var i = 0; i < keys.length - 1; i++) {
        at = at.withObjectProperty(keys[i]);
      }
      try {
        at.set(keys[keys.length - 1], Resources.YAML.readTree(value));
      } catch (JsonProcessingException notYaml) {
        throw new CliProblem(
            "expected a YAML value for parameter %s, found '%s' (%s); quote it"
                .formatted(path, value, notYaml.getOriginalMessage()),
            ExitCode.USAGE);
      }
    }
  }

  /// `buildplane run logs`.
  @Command(name = "logs", description = "Prints the logs of a run's steps, through the tunnel.")
  static final class Logs extends HubCommand {
    @Mixin
    NamespaceOption namespace = new NamespaceOption();

    @Parameters(paramLabel = "NAME", description = "Name of the run")
    String name = "";

    @Option(
        names = {"-f", "--follow"},
        description = "Go on until the run ends; the exit code is the run's")
    boolean follow;

    @Option(
        names = "--task",
        paramLabel = "TASK",
        defaultValue = "",
        description = "Only this step")
    String task = "";

    @Override
    public Integer call() throws InterruptedException, IOException {
      var out = out();
      var followed = new FollowedRun(out, err(), task);
      try (var client = hub.connect()) {
        var run = find(client, namespace.namespace, name);
        if (follow) {
          return followed.follow(hub, client, namespace.namespace, name);
        }
        try (var follower = new RunFollower(client, hub::connectPlane, followed)) {
          follower.printLogs(run);
        }
        if (run.at("/status/runReference/name").asText("").isEmpty()) {
          err()
              .println("No step has started: "
                  + Resources.conditionField(
                      run, "WorkflowCompleted", "message", "the run has no status yet"));
        }
        return ExitCode.OK.code();
      }
    }
  }

  static JsonNode find(
      io.fabric8.kubernetes.client.KubernetesClient client, String namespace, String name) {
    var run = Resources.all(client, Resources.WORKFLOW_RUN)
        .inNamespace(namespace)
        .withName(name)
        .get();
    if (run == null) {
      throw new CliProblem(
          "expected a run %s in namespace %s, found none; 'buildplane run list -A' shows all"
              .formatted(name, namespace),
          ExitCode.NOT_FOUND);
    }
    return Resources.json(run);
  }

  static List<List<String>> taskRows(JsonNode run) {
    var rows = new ArrayList<List<String>>();
    rows.add(List.of("STEP", "PHASE", "DURATION", "MESSAGE"));
    for (var task : run.at("/status/tasks")) {
      rows.add(List.of(
          task.path("name").asText(),
          task.path("phase").asText(),
          taskDuration(task),
          Resources.orDash(task.path("message").asText(""))));
    }
    return rows;
  }

  static String taskDuration(JsonNode task) {
    var started = task.path("startedAt").asText("");
    var completed = task.path("completedAt").asText("");
    if (started.isEmpty()) {
      return "-";
    }
    var end = completed.isEmpty() ? Instant.now() : Instant.parse(completed);
    return Resources.brief(Duration.between(Instant.parse(started), end));
  }

  private static List<List<String>> conditionRows(JsonNode run) {
    var rows = new ArrayList<List<String>>();
    rows.add(List.of("CONDITION", "STATUS", "REASON", "MESSAGE"));
    for (var condition : run.at("/status/conditions")) {
      rows.add(List.of(
          condition.path("type").asText(),
          condition.path("status").asText(),
          condition.path("reason").asText(),
          Resources.orDash(condition.path("message").asText(""))));
    }
    return rows;
  }
}
