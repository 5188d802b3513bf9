package dev.buildplane.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Optional;

/// The plane a run was placed on, as `status.buildPlane` of the run records it.
///
/// @param namespace empty for a cluster-scoped plane
record PlanePin(String kind, String namespace, String name, String planeId) {
  static Optional<PlanePin> of(JsonNode run) {
    var pinned = run.at("/status/buildPlane");
    if (!pinned.isObject()) {
      return Optional.empty();
    }
    var name = pinned.path("name").asText();
    return Optional.of(new PlanePin(
        pinned.path("kind").asText(),
        pinned.path("namespace").asText(""),
        name,
        pinned.path("planeID").asText(name)));
  }

  /// Reference: gateway-agent, section 4.
  String proxyPath() {
    return "/api/proxy/buildplane/" + planeId + "/" + (namespace.isEmpty() ? "_cluster" : namespace)
        + "/" + name + "/k8s/";
  }

  @Override
  public String toString() {
    return kind + "/" + (namespace.isEmpty() ? "" : namespace + "/") + name;
  }
}
