package dev.buildplane.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.PlaneType;
import dev.buildplane.pki.CertificateProblem;
import dev.buildplane.pki.TrustBundle;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/// The gateway's state at one moment.
record GatewaySnapshot(List<Connected> connected, List<TurnedAway> turnedAway) {
  /// One connection of an agent.
  ///
  /// @param authorized keys of the resources it may serve, see [PlaneRef#key]
  /// @param said what the agent says about itself: `version`, `hostname` and more
  /// @param certificate what it presented; empty from a gateway that does not tell
  record Connected(
      String id,
      String planeType,
      String planeId,
      Set<String> authorized,
      Instant since,
      Instant lastSeen,
      Map<String, String> said,
      Optional<X509Certificate> certificate) {
    boolean serves(PlaneRef plane) {
      return authorized.contains(plane.key());
    }
  }

  /// An agent that was not let in, in the last minute.
  record TurnedAway(
      String planeType,
      String planeId,
      Instant at,
      String reason,
      String subject,
      Optional<X509Certificate> certificate) {}

  GatewaySnapshot {
    connected = List.copyOf(connected);
    turnedAway = List.copyOf(turnedAway);
  }

  static GatewaySnapshot parse(List<JsonNode> lines) {
    return new GatewaySnapshot(
        of(lines, "CONNECTION").map(GatewaySnapshot::connection).toList(),
        of(lines, "REJECTED").map(GatewaySnapshot::rejection).toList());
  }

  private static java.util.stream.Stream<JsonNode> of(List<JsonNode> lines, String type) {
    return lines.stream().filter(line -> line.path("type").asText().equals(type));
  }

  private static Connected connection(JsonNode line) {
    var authorized = new TreeSet<String>();
    line.path("authorized").forEach(key -> authorized.add(key.asText()));
    var said = new TreeMap<String, String>();
    line.path("agent")
        .properties()
        .forEach(one -> said.put(one.getKey(), one.getValue().asText()));
    return new Connected(
        line.path("connectionID").asText(),
        line.path("planeType").asText(),
        line.path("planeID").asText(),
        authorized,
        Instant.parse(line.path("connectedAt").asText()),
        Instant.parse(line.path("lastSeen").asText()),
        said,
        certificate(line));
  }

  private static TurnedAway rejection(JsonNode line) {
    return new TurnedAway(
        line.path("planeType").asText(),
        line.path("planeID").asText(),
        Instant.parse(line.path("at").asText()),
        line.path("reason").asText(),
        line.path("subject").asText(),
        certificate(line));
  }

  private static Optional<X509Certificate> certificate(JsonNode line) {
    try {
      var pem = line.at("/certificate/pem").asText("");
      return pem.isEmpty()
          ? Optional.empty()
          : Optional.of(TrustBundle.parse(pem).certificates().getFirst());
    } catch (CertificateProblem notTold) {
      return Optional.empty(); // as from a gateway that does not tell it
    }
  }

  /// Agents of a planeID, the oldest connection first.
  List<Connected> connected(PlaneType type, String planeId) {
    return connected.stream()
        .filter(one -> one.planeType().equals(type.wire()) && one.planeId().equals(planeId))
        .sorted(Comparator.comparing(Connected::since))
        .toList();
  }

  /// The last agent of a planeID that was turned away.
  Optional<TurnedAway> turnedAway(PlaneType type, String planeId) {
    return turnedAway.stream()
        .filter(one -> one.planeType().equals(type.wire()) && one.planeId().equals(planeId))
        .max(Comparator.comparing(TurnedAway::at));
  }
}
