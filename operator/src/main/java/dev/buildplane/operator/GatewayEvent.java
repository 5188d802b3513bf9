package dev.buildplane.operator;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/// One line of the gateway's `GET /api/v1/planes/watch`.
sealed interface GatewayEvent {
  /// The full state of one connection.
  ///
  /// @param agent what tells agents apart: the instance, or the connection where an agent does not name one
  /// @param permissionsMissing what the agent says it may not do in its cluster, sorted
  /// @param streams whether a watch comes through: not with the JSON protocol of v0.17
  /// @param certificateExpires end of the agent certificate's validity; gateways before 0.1 do not tell it
  record Connection(
      String connectionID,
      String agent,
      String planeType,
      String planeID,
      Set<String> authorized,
      Instant connectedAt,
      Instant lastSeen,
      Optional<Instant> certificateExpires,
      List<String> permissionsMissing,
      boolean streams)
      implements GatewayEvent {
    public Connection {
      permissionsMissing = List.copyOf(permissionsMissing);
      authorized = Set.copyOf(authorized);
    }
  }

  /// A connection is gone.
  record Disconnected(String connectionID, Instant at) implements GatewayEvent {}

  /// An agent was turned away.
  record Rejected(String planeType, String planeID, Instant at, String reason, String subject)
      implements GatewayEvent {}

  /// A connection is alive.
  record Heartbeat(String connectionID, Instant lastSeen) implements GatewayEvent {}

  /// The snapshot is complete.
  ///
  /// @param replica the run of the gateway that speaks; empty when it does not tell
  record Synced(String replica) implements GatewayEvent {}

  /// The stream is alive.
  record Ping() implements GatewayEvent {}

  ObjectMapper JSON = new ObjectMapper();

  /// How the gateway calls the protocol of v0.17's agents.
  String JSON_PROTOCOL = "json";

  /// Reads a line. Types of a later gateway are no error, they are empty.
  ///
  /// @throws IllegalArgumentException when the line is no JSON object or lacks what its type demands
  static Optional<GatewayEvent> parse(String line) {
    JsonNode node;
    try {
      node = JSON.readTree(line);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          "expected a line of JSON, found: " + e.getOriginalMessage(), e);
    }
    return Optional.ofNullable(
        switch (node.path("type").asText()) {
          case "CONNECTION" ->
            new Connection(
                text(node, "connectionID"),
                node.path("agent").path("instance").asText(text(node, "connectionID")),
                text(node, "planeType"),
                text(node, "planeID"),
                keys(node.path("authorized")),
                time(node, "connectedAt"),
                time(node, "lastSeen"),
                node.has("certificateExpires")
                    ? Optional.of(time(node, "certificateExpires"))
                    : Optional.empty(),
                missing(node.path("agent").path("permissions-missing").asText("")),
                !node.path("protocol").asText("").equals(JSON_PROTOCOL));
          case "DISCONNECTED" -> new Disconnected(text(node, "connectionID"), time(node, "at"));
          case "REJECTED" ->
            new Rejected(
                text(node, "planeType"),
                text(node, "planeID"),
                time(node, "at"),
                node.path("reason").asText("unknown reason"),
                node.path("subject").asText("unknown"));
          case "HEARTBEAT" -> new Heartbeat(text(node, "connectionID"), time(node, "lastSeen"));
          case "SYNCED" -> new Synced(node.path("replica").asText(""));
          case "PING" -> new Ping();
          default -> null;
        });
  }

  private static List<String> missing(String text) {
    return text.isEmpty() ? List.of() : Arrays.stream(text.split(", ")).sorted().toList();
  }

  private static Set<String> keys(JsonNode array) {
    var keys = new TreeSet<String>();
    array.forEach(key -> keys.add(key.asText()));
    return keys;
  }

  private static String text(JsonNode node, String field) {
    var value = node.path(field).asText("");
    if (value.isEmpty()) {
      throw new IllegalArgumentException("expected " + field + " in " + node);
    }
    return value;
  }

  private static Instant time(JsonNode node, String field) {
    try {
      return OffsetDateTime.parse(text(node, field)).toInstant();
    } catch (DateTimeException e) {
      throw new IllegalArgumentException(
          "expected an RFC 3339 time as " + field + " in " + node, e);
    }
  }
}
