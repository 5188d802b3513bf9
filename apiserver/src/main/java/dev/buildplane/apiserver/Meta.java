package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/// Reads and writes `metadata` of Kubernetes objects.
final class Meta {
  private Meta() {}

  static ObjectNode of(ObjectNode object) {
    return Json.child(object, "metadata");
  }

  static String name(JsonNode object) {
    return Json.text(object, "metadata", "name");
  }

  static String namespace(JsonNode object) {
    return Json.text(object, "metadata", "namespace");
  }

  static String uid(JsonNode object) {
    return Json.text(object, "metadata", "uid");
  }

  static String resourceVersion(JsonNode object) {
    return Json.text(object, "metadata", "resourceVersion");
  }

  static List<String> finalizers(JsonNode object) {
    return Json.strings(object.path("metadata").path("finalizers"));
  }

  static void setFinalizers(ObjectNode object, List<String> finalizers) {
    if (finalizers.isEmpty()) {
      of(object).remove("finalizers");
    } else {
      of(object).set("finalizers", Json.texts(finalizers));
    }
  }

  static boolean deleting(JsonNode object) {
    return !Json.text(object, "metadata", "deletionTimestamp").isEmpty();
  }

  static void setOrRemove(ObjectNode parent, String field, JsonNode value) {
    if (value.isMissingNode() || value.isNull()) {
      parent.remove(field);
    } else {
      parent.set(field, value);
    }
  }
}
