package dev.buildplane.patch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/// JSON merge patch, RFC 7386: objects merge key by key, `null` removes, everything else replaces.
public final class MergePatch {
  private MergePatch() {}

  /// Applies `patch` to `target` and returns the result; neither argument is changed.
  ///
  /// @return a new tree that shares no mutable node with the arguments
  public static JsonNode apply(JsonNode target, JsonNode patch) {
    if (!(patch instanceof ObjectNode changes)) {
      return patch.deepCopy();
    }
    var merged = target instanceof ObjectNode object
        ? object.deepCopy()
        : JsonNodeFactory.instance.objectNode();
    mergeInto(merged, changes);
    return merged;
  }

  private static void mergeInto(ObjectNode merged, ObjectNode changes) {
    for (var change : changes.properties()) {
      var value = change.getValue();
      if (value.isNull()) {
        merged.remove(change.getKey());
        continue;
      }
      if (value instanceof ObjectNode nested) {
        var child = merged.get(change.getKey()) instanceof ObjectNode object
            ? object
            : merged.putObject(change.getKey());
        mergeInto(child, nested);
      } else {
        merged.set(change.getKey(), value.deepCopy());
      }
    }
  }
}
