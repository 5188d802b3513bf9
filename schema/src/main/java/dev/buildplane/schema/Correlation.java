package dev.buildplane.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Finds the old state of a list's entry. Only entries of lists of kind `map` have one: they are known by their keys.
record Correlation(SchemaNode list, Map<JsonNode, JsonNode> oldEntries) {

  static Correlation of(SchemaNode list, @Nullable JsonNode old) {
    if (old == null || !old.isArray() || list.listKind() != SchemaNode.ListKind.MAP) {
      return new Correlation(list, Map.of());
    }
    var entries = new HashMap<JsonNode, JsonNode>();
    for (var entry : old) {
      entries.put(identity(entry, list), entry);
    }
    return new Correlation(list, entries);
  }

  @Nullable
  JsonNode oldEntry(JsonNode entry) {
    return oldEntries.isEmpty() ? null : oldEntries.get(identity(entry, list));
  }

  /// What makes an entry the same as another: its keys in a list of kind `map`, else its whole value.
  static JsonNode identity(JsonNode entry, SchemaNode list) {
    if (list.listKind() != SchemaNode.ListKind.MAP || !entry.isObject()) {
      return entry;
    }
    var keys = JsonNodeFactory.instance.objectNode();
    for (var key : list.mapKeys()) {
      if (entry.has(key)) {
        keys.set(key, entry.get(key));
      }
    }
    return keys;
  }
}
