package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Optional;

/// One template and where it came from.
///
/// @param body as written, placeholders and all
/// @param scope `local/<workflow>`, `namespaced/<name>` or `cluster/<name>`
/// @param ref the `templateRef` that led here
record Template(JsonNode body, String scope, Optional<JsonNode> ref) {
  String name() {
    return body.path("name").asText();
  }

  boolean isPod() {
    return body.has("container") || body.has("script");
  }

  /// The type of the node that runs it.
  String nodeType() {
    if (body.has("steps")) {
      return "Steps";
    }
    if (body.has("dag")) {
      return "DAG";
    }
    return body.has("suspend") ? "Suspend" : "Pod";
  }
}
