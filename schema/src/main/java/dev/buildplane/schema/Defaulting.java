package dev.buildplane.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;

/// Writes default values, as "Defaulting" and "Defaulting and Nullable" of the Kubernetes documentation say.
///
/// A null for a field that is not nullable means "not given": it becomes the default, or goes when there is none.
final class Defaulting {
  private Defaulting() {}

  /// Defaults in place.
  ///
  /// @param resource whether the root is a Kubernetes object, whose `metadata` is not touched
  static void apply(JsonNode value, SchemaNode schema, boolean resource) {
    if (value instanceof ObjectNode object) {
      fields(object, schema, resource || schema.traits().embedded());
    } else if (value instanceof ArrayNode array && schema.items() != null) {
      var items = schema.items();
      for (var i = 0; i < array.size(); i++) {
        if (array.get(i).isNull() && items.dropsNull() && items.defaultValue() != null) {
          array.set(i, items.defaultValue().deepCopy());
        }
        apply(array.get(i), items, false);
      }
    }
  }

  private static void fields(ObjectNode object, SchemaNode schema, boolean wholeObject) {
    for (var property : schema.properties().entrySet()) {
      if (wholeObject && property.getKey().equals("metadata")) {
        continue;
      }
      var defaultValue = property.getValue().defaultValue();
      var present = object.get(property.getKey());
      if (defaultValue != null
          && (present == null || (present.isNull() && property.getValue().dropsNull()))) {
        object.set(property.getKey(), defaultValue.deepCopy());
      }
    }
    for (var entry : new ArrayList<>(object.properties())) {
      var child = schema.child(entry.getKey());
      if (child == null || (wholeObject && entry.getKey().equals("metadata"))) {
        continue;
      }
      if (entry.getValue().isNull() && child.dropsNull()) {
        if (child.defaultValue() == null) {
          object.remove(entry.getKey());
          continue;
        }
        object.set(entry.getKey(), child.defaultValue().deepCopy());
      }
      apply(object.get(entry.getKey()), child, false);
    }
  }
}
