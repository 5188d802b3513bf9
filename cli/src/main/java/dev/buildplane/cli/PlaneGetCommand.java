package dev.buildplane.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.cli.Resources.Kind;
import dev.buildplane.model.Api;
import dev.buildplane.model.PlaneRef;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `buildplane plane get`.
@Command(name = "get", description = "Shows one plane, with its conditions.")
final class PlaneGetCommand extends HubCommand {
  @Mixin
  PlaneArgument argument = new PlaneArgument();

  @Mixin
  OutputOption output = new OutputOption();

  @Override
  public Integer call() {
    JsonNode plane;
    try (var client = hub.connect()) {
      plane = require(client, argument.plane());
    }
    Resources.print(out(), output.format, List.of(plane), PlaneTable.NARROW, PlaneTable.WIDE);
    if (output.format == OutputFormat.TABLE || output.format == OutputFormat.WIDE) {
      out().println();
      out().println("Display name: " + PlaneTable.annotation(plane, Api.DISPLAY_NAME));
      out().println("Description:  " + PlaneTable.annotation(plane, Api.DESCRIPTION));
      out().println();
      Resources.grid(out(), PlaneTable.conditions(plane), "   ");
    }
    return ExitCode.OK.code();
  }

  static Optional<JsonNode> find(KubernetesClient client, PlaneRef plane) {
    var namespace = plane.namespace();
    return Optional.ofNullable(
            Resources.in(client, Kind.of(plane.kind()), namespace == null ? "" : namespace)
                .withName(plane.name())
                .get())
        .map(Resources::json);
  }

  static JsonNode require(KubernetesClient client, PlaneRef plane) {
    return find(client, plane)
        .orElseThrow(() -> new CliProblem(
            "expected a plane %s, found none; 'buildplane plane list' shows all"
                .formatted(PlaneArgument.typed(plane)),
            ExitCode.NOT_FOUND));
  }
}
