package dev.buildplane.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.cli.Resources.Column;
import dev.buildplane.model.Api;
import dev.buildplane.model.PlaneConditions;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// Planes as rows.
final class PlaneTable {
  static final List<Column> NARROW = List.of(
      new Column("NAME", PlaneTable::reference),
      new Column("PLANE ID", PlaneTable::planeId),
      new Column("READY", plane -> Resources.condition(plane, PlaneConditions.READY)),
      new Column(
          "AGENTS", plane -> plane.at("/status/agentConnection/connectedAgents").asText("0")),
      new Column("REASON", plane -> ready(plane, "reason")),
      Resources.age());

  static final List<Column> WIDE = List.of(
      Resources.at("OBSERVABILITY", "/spec/observabilityPlaneRef/name"),
      Resources.at("SECRET STORE", "/spec/secretStoreRef/name"),
      new Column("DISPLAY NAME", plane -> annotation(plane, Api.DISPLAY_NAME)),
      new Column("MESSAGE", plane -> ready(plane, "message")));

  private PlaneTable() {}

  private static String ready(JsonNode plane, String field) {
    return Resources.orDash(Resources.conditionField(plane, PlaneConditions.READY, field, ""));
  }

  /// `-` when it is not there.
  static String annotation(JsonNode resource, String key) {
    return Resources.orDash(resource.at("/metadata/annotations").path(key).asText(""));
  }

  private static String reference(JsonNode plane) {
    var kind = plane.path("kind").asText().toLowerCase(Locale.ROOT);
    var namespace = plane.at("/metadata/namespace").asText("");
    return kind + "/" + (namespace.isEmpty() ? "" : namespace + "/")
        + plane.at("/metadata/name").asText();
  }

  /// The planeID in effect.
  static String planeId(JsonNode plane) {
    var given = plane.at("/spec/planeID").asText("");
    return given.isEmpty() ? plane.at("/metadata/name").asText() : given;
  }

  static List<List<String>> conditions(JsonNode plane) {
    var rows = new ArrayList<List<String>>();
    rows.add(List.of("CONDITION", "STATUS", "REASON", "SINCE", "MESSAGE"));
    for (var condition : plane.at("/status/conditions")) {
      rows.add(List.of(
          condition.path("type").asText(),
          condition.path("status").asText(),
          condition.path("reason").asText(),
          Resources.since(condition.path("lastTransitionTime").asText("")),
          Resources.orDash(condition.path("message").asText(""))));
    }
    return rows;
  }
}
