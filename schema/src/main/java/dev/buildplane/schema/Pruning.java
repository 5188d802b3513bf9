package dev.buildplane.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Drops the fields a schema does not declare, as "Field pruning" of the Kubernetes documentation says.
final class Pruning {
  private static final Set<String> OBJECT_FIELDS = Set.of("apiVersion", "kind", "metadata");

  private final List<String> pruned = new ArrayList<>();

  /// Prunes in place.
  ///
  /// @param resource whether the root is a Kubernetes object
  /// @return the paths of what was dropped, in document order
  static List<String> prune(JsonNode value, SchemaNode schema, boolean resource) {
    var pruning = new Pruning();
    pruning.walk(value, schema, "", resource || schema.traits().embedded());
    return List.copyOf(pruning.pruned);
  }

  private void walk(JsonNode value, SchemaNode schema, String path, boolean wholeObject) {
    if (value instanceof ObjectNode object) {
      fields(object, schema, path, wholeObject);
    } else if (value instanceof ArrayNode array && schema.items() != null) {
      for (var i = 0; i < array.size(); i++) {
        walk(
            array.get(i),
            schema.items(),
            Paths.index(path, i),
            schema.items().traits().embedded());
      }
    }
  }

  private void fields(ObjectNode object, SchemaNode schema, String path, boolean wholeObject) {
    for (var entries = object.properties().iterator(); entries.hasNext(); ) {
      var entry = entries.next();
      var name = entry.getKey();
      if (wholeObject && OBJECT_FIELDS.contains(name)) {
        continue;
      }
      var child = schema.child(name);
      if (child != null) {
        walk(entry.getValue(), child, Paths.child(path, name), child.traits().embedded());
      } else if (!schema.traits().preserveUnknown() && !schema.openMap()) {
        entries.remove();
        pruned.add(Paths.child(path, name));
      }
    }
  }
}
