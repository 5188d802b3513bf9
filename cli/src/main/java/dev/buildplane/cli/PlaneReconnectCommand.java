package dev.buildplane.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.model.PlaneRef;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `buildplane plane reconnect`.
@Command(
    name = "reconnect",
    description = {
      "Asks the gateway to drop the connections of a plane's agents, which dial again and are admitted anew.",
      "",
      "Requests on the way through them fail. Agents serve a planeID, so other planes of the same planeID are without an agent for a moment too."
    })
final class PlaneReconnectCommand extends HubCommand {
  @Mixin
  PlaneArgument argument = new PlaneArgument();

  @Mixin
  ReportOption report = new ReportOption();

  @Override
  public Integer call() {
    var plane = argument.plane();
    JsonNode resource;
    try (var client = hub.connect()) {
      resource = PlaneGetCommand.require(client, plane);
    }
    var planeId = PlaneTable.planeId(resource);
    try (var gateway = hub.connectGateway()) {
      var count = gateway.reconnect(plane.kind().type(), planeId);
      var tree = Resources.JSON
          .createObjectNode()
          .put("plane", PlaneArgument.typed(plane))
          .put("planeId", planeId)
          .put("disconnectedAgents", count);
      report.print(out(), tree, () -> out().println(text(plane, planeId, count)));
    }
    return ExitCode.OK.code();
  }

  private String text(PlaneRef plane, String planeId, int count) {
    return switch (count) {
      case 0 ->
        "No agent of planeID %s was connected; see: %s"
            .formatted(
                planeId, hub.commands().buildplane("plane doctor " + PlaneArgument.typed(plane)));
      case 1 -> "1 agent of planeID %s was asked to connect again.".formatted(planeId);
      default -> "%d agents of planeID %s were asked to connect again.".formatted(count, planeId);
    };
  }
}
