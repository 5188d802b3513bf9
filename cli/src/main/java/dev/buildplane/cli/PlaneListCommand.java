package dev.buildplane.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.cli.Resources.Kind;
import dev.buildplane.model.PlaneKind;
import java.util.ArrayList;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `buildplane plane list`.
@Command(
    name = "list",
    aliases = "ls",
    description = "Lists planes of every kind, in all namespaces.")
final class PlaneListCommand extends HubCommand {
  @Mixin
  OutputOption output = new OutputOption();

  @Override
  public Integer call() {
    var found = new ArrayList<JsonNode>();
    try (var client = hub.connect()) {
      for (var kind : PlaneKind.values()) {
        var all = Resources.all(client, Kind.of(kind));
        var list = kind.clusterScoped() ? all.list() : all.inAnyNamespace().list();
        list.getItems().forEach(plane -> found.add(Resources.json(plane)));
      }
    }
    if (found.isEmpty() && output.format == OutputFormat.TABLE) {
      err().println("No planes. Declare one with: buildplane plane register NAME");
      return ExitCode.OK.code();
    }
    Resources.print(out(), output.format, found, PlaneTable.NARROW, PlaneTable.WIDE);
    return ExitCode.OK.code();
  }
}
