package dev.buildplane.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.PlaneScope;
import dev.buildplane.model.PlaneType;
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

  /// The plane it names; a kind of a later version counts as a build plane of the same scope.
  PlaneRef plane() {
    var scope = namespace.isEmpty() ? PlaneScope.CLUSTER : PlaneScope.NAMESPACED;
    return new PlaneRef(
        PlaneKind.of(PlaneType.BUILD, scope), namespace.isEmpty() ? null : namespace, name);
  }

  @Override
  public String toString() {
    return kind + "/" + (namespace.isEmpty() ? "" : namespace + "/") + name;
  }
}
