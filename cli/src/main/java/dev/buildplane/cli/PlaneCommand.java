package dev.buildplane.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.cli.Resources.Column;
import dev.buildplane.cli.Resources.Kind;
import dev.buildplane.model.PlaneKind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `buildplane plane`.
@Command(
    name = "plane",
    description = "Looks at planes: the clusters builds run on, and their siblings.",
    subcommands = {PlaneCommand.ListPlanes.class, PlaneCommand.GetPlane.class},
    synopsisSubcommandLabel = "COMMAND")
final class PlaneCommand {
  @Mixin
  HelpOption help = new HelpOption();

  private static final List<Column> NARROW = List.of(
      new Column("NAME", PlaneCommand::reference),
      new Column("PLANE ID", PlaneCommand::planeId),
      new Column("READY", plane -> Resources.condition(plane, "Ready")),
      new Column(
          "AGENTS", plane -> plane.at("/status/agentConnection/connectedAgents").asText("0")),
      new Column(
          "REASON",
          plane -> Resources.orDash(Resources.conditionField(plane, "Ready", "reason", ""))),
      Resources.age());

  private static final List<Column> WIDE = List.of(
      Resources.at("OBSERVABILITY", "/spec/observabilityPlaneRef/name"),
      Resources.at("SECRET STORE", "/spec/secretStoreRef/name"),
      new Column(
          "DISPLAY NAME",
          plane -> Resources.orDash(plane
              .path("metadata")
              .path("annotations")
              .path("openchoreo.dev/display-name")
              .asText(""))),
      new Column(
          "MESSAGE",
          plane -> Resources.orDash(Resources.conditionField(plane, "Ready", "message", ""))));

  static List<Kind> kinds() {
    return Arrays.stream(PlaneKind.values())
        .map(kind -> new Kind(kind.kind(), kind.plural(), !kind.clusterScoped()))
        .toList();
  }

  private static String reference(JsonNode plane) {
    var kind = plane.path("kind").asText().toLowerCase(Locale.ROOT);
    var namespace = plane.at("/metadata/namespace").asText("");
    return kind + "/" + (namespace.isEmpty() ? "" : namespace + "/")
        + plane.at("/metadata/name").asText();
  }

  private static String planeId(JsonNode plane) {
    return plane.at("/spec/planeID").asText(plane.at("/metadata/name").asText());
  }

  /// `buildplane plane list`.
  @Command(
      name = "list",
      aliases = "ls",
      description = "Lists planes of every kind, in all namespaces.")
  static final class ListPlanes implements Callable<Integer> {
    @Spec
    CommandSpec spec = CommandSpec.create();

    @Mixin
    Hub hub = new Hub();

    @Mixin
    HelpOption help = new HelpOption();

    @Option(
        names = {"-o", "--output"},
        defaultValue = "table",
        description = "One of: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE})")
    OutputFormat output = OutputFormat.TABLE;

    @Override
    public Integer call() {
      var found = new ArrayList<JsonNode>();
      try (var client = hub.connect()) {
        for (var kind : kinds()) {
          var list = kind.namespaced()
              ? Resources.all(client, kind).inAnyNamespace().list()
              : Resources.all(client, kind).list();
          list.getItems().forEach(plane -> found.add(Resources.json(plane)));
        }
      }
      if (found.isEmpty() && output == OutputFormat.TABLE) {
        spec.commandLine()
            .getErr()
            .println(
                "No planes. Declare one with: kubectl apply -f samples/clusterbuildplane.yaml");
        return ExitCode.OK.code();
      }
      Resources.print(spec.commandLine().getOut(), output, found, NARROW, WIDE);
      return ExitCode.OK.code();
    }
  }

  /// `buildplane plane get`.
  @Command(name = "get", description = "Shows one plane, with its conditions.")
  static final class GetPlane implements Callable<Integer> {
    @Spec
    CommandSpec spec = CommandSpec.create();

    @Mixin
    Hub hub = new Hub();

    @Mixin
    HelpOption help = new HelpOption();

    @Parameters(
        paramLabel = "[KIND/]NAME",
        description =
            "The plane, as 'plane list' names it; a bare name is a ClusterBuildPlane, or with --namespace a BuildPlane")
    String reference = "";

    @Option(
        names = {"-n", "--namespace"},
        description = "Namespace of a namespaced plane")
    @Nullable
    String namespace;

    @Option(
        names = {"-o", "--output"},
        defaultValue = "table",
        description = "One of: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE})")
    OutputFormat output = OutputFormat.TABLE;

    @Override
    public Integer call() {
      var wanted = PlaneReference.parse(reference, namespace);
      JsonNode plane;
      try (var client = hub.connect()) {
        var found = Resources.in(client, wanted.kind(), wanted.namespace())
            .withName(wanted.name())
            .get();
        if (found == null) {
          throw new CliProblem(
              "expected a plane %s, found none; 'buildplane plane list' shows all"
                  .formatted(wanted),
              ExitCode.NOT_FOUND);
        }
        plane = Resources.json(found);
      }
      var out = spec.commandLine().getOut();
      Resources.print(out, output, List.of(plane), NARROW, WIDE);
      if (output == OutputFormat.TABLE || output == OutputFormat.WIDE) {
        printConditions(plane);
      }
      return ExitCode.OK.code();
    }

    private void printConditions(JsonNode plane) {
      var rows = new ArrayList<List<String>>();
      rows.add(List.of("CONDITION", "STATUS", "REASON", "SINCE", "MESSAGE"));
      plane
          .at("/status/conditions")
          .forEach(condition -> rows.add(List.of(
              condition.path("type").asText(),
              condition.path("status").asText(),
              condition.path("reason").asText(),
              Resources.since(condition.path("lastTransitionTime").asText("")),
              condition.path("message").asText())));
      var out = spec.commandLine().getOut();
      out.println();
      Resources.grid(out, rows, "   ");
    }
  }

  /// A plane as typed on the command line.
  record PlaneReference(Kind kind, String namespace, String name) {
    static PlaneReference parse(String text, @Nullable String namespace) {
      var parts = text.split("/", -1);
      var kindName = switch (parts.length) {
        case 1 -> namespace == null ? "clusterbuildplane" : "buildplane";
        case 2, 3 -> parts[0].toLowerCase(Locale.ROOT);
        default -> throw usage(text);
      };
      var kind = kinds().stream()
          .filter(candidate ->
              kindName.equals(candidate.singular()) || kindName.equals(candidate.plural()))
          .findFirst()
          .orElseThrow(() -> usage(text));
      var inside = parts.length == 3 ? parts[1] : namespace;
      if (kind.namespaced() && inside == null) {
        throw new CliProblem(
            "expected the namespace of %s, found none; add --namespace".formatted(text),
            ExitCode.USAGE);
      }
      return new PlaneReference(kind, inside == null ? "" : inside, parts[parts.length - 1]);
    }

    private static CliProblem usage(String text) {
      return new CliProblem(
          "expected NAME, KIND/NAME or KIND/NAMESPACE/NAME with a KIND of %s, found '%s'"
              .formatted(kinds().stream().map(Kind::singular).toList(), text),
          ExitCode.USAGE);
    }

    @Override
    public String toString() {
      return kind.singular() + "/" + (kind.namespaced() ? namespace + "/" : "") + name;
    }
  }
}
