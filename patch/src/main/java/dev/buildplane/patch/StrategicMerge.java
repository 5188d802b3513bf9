package dev.buildplane.patch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// One place of a strategic merge.
///
/// @param path of the place, for errors
record StrategicMerge(String path) {
  private static final String DIRECTIVE = "$patch";
  private static final String RETAIN = "$retainKeys";
  private static final String DELETE_PRIMITIVES = "$deleteFromPrimitiveList/";
  private static final String ORDER = "$setElementOrder/";

  ObjectNode object(ObjectNode target, ObjectNode patch, MergeStructure structure) {
    switch (directive(patch)) {
      case "replace" -> {
        return clean(patch);
      }
      case "delete" -> {
        return JsonNodeFactory.instance.objectNode();
      }
      case "merge" -> {}
      default ->
        throw PatchException.malformed(
            at() + ": expected $patch to be replace, merge or delete, found \"" + directive(patch)
                + "\"");
    }
    var merged = target.deepCopy();
    retainKeys(merged, patch);
    for (var change : patch.properties()) {
      var name = change.getKey();
      if (name.startsWith(DELETE_PRIMITIVES)) {
        deletePrimitives(merged, name.substring(DELETE_PRIMITIVES.length()), change.getValue());
      } else if (!name.startsWith("$")) {
        field(merged, name, change.getValue(), patch, structure.field(name));
      }
    }
    orderUnchangedLists(merged, patch, structure);
    return merged;
  }

  private void field(
      ObjectNode merged, String name, JsonNode value, ObjectNode patch, MergeStructure structure) {
    var below = new StrategicMerge(path + "." + name);
    if (value.isNull()) {
      merged.remove(name);
    } else if (value instanceof ObjectNode changes) {
      if (directive(changes).equals("delete")) {
        merged.remove(name);
        return;
      }
      var old = merged.get(name) instanceof ObjectNode object
          ? object
          : JsonNodeFactory.instance.objectNode();
      merged.set(name, below.object(old, changes, structure));
    } else if (value instanceof ArrayNode changes && structure.patchMerges()) {
      var old = merged.get(name) instanceof ArrayNode array
          ? array
          : JsonNodeFactory.instance.arrayNode();
      merged.set(name, below.list(old, changes, patch.get(ORDER + name), structure));
    } else {
      merged.set(name, value.deepCopy());
    }
  }

  private ArrayNode list(
      ArrayNode old, ArrayNode changes, @Nullable JsonNode order, MergeStructure structure) {
    var key = structure.patchMergeKey();
    var merged =
        key.isPresent() ? objects(old, changes, key.get(), structure) : primitives(old, changes);
    return order == null ? merged : ordered(merged, order, key.orElse(null));
  }

  private static ArrayNode primitives(ArrayNode old, ArrayNode changes) {
    var merged = old.deepCopy();
    var seen = new HashSet<JsonNode>();
    merged.forEach(seen::add);
    changes.forEach(item -> {
      if (seen.add(item)) {
        merged.add(item.deepCopy());
      }
    });
    return merged;
  }

  private ArrayNode objects(
      ArrayNode old, ArrayNode changes, String key, MergeStructure structure) {
    var items = new ArrayList<ObjectNode>();
    if (!replacesList(changes)) {
      old.forEach(item -> {
        if (item instanceof ObjectNode object) {
          items.add(object);
        }
      });
    }
    for (var change : changes) {
      if (!(change instanceof ObjectNode changed)) {
        throw PatchException.malformed(
            at() + ": expected objects with \"" + key + "\", found " + JsonPatch.kind(change));
      }
      if (changed.size() == 1 && directive(changed).equals("replace")) {
        continue;
      }
      var id = changed.get(key);
      if (id == null) {
        throw PatchException.malformed(
            at() + ": map: " + changed + " does not contain declared merge key: " + key);
      }
      mergeItem(items, changed, key, id, structure);
    }
    var merged = JsonNodeFactory.instance.arrayNode();
    items.forEach(merged::add);
    return merged;
  }

  private void mergeItem(
      List<ObjectNode> items,
      ObjectNode changed,
      String key,
      JsonNode id,
      MergeStructure structure) {
    if (directive(changed).equals("delete")) {
      items.removeIf(item -> id.equals(item.get(key)));
      return;
    }
    var below = new StrategicMerge(path + "[" + key + "=" + id + "]");
    for (int i = 0; i < items.size(); i++) {
      if (id.equals(items.get(i).get(key))) {
        items.set(i, below.object(items.get(i), changed, structure.item()));
        return;
      }
    }
    items.add(below.object(JsonNodeFactory.instance.objectNode(), changed, structure.item()));
  }

  /// An item that is nothing but `$patch: replace` makes the rest of the list replace the old one.
  private static boolean replacesList(ArrayNode changes) {
    for (var change : changes) {
      if (change.size() == 1 && "replace".equals(change.path(DIRECTIVE).asText())) {
        return true;
      }
    }
    return false;
  }

  /// Items named by the order come in that order; others keep their place relative to the item before them.
  private static ArrayNode ordered(ArrayNode list, JsonNode order, @Nullable String key) {
    var positions = new ArrayList<JsonNode>();
    order.forEach(entry -> positions.add(key == null ? entry : entry.path(key)));
    var named = new ArrayList<JsonNode>();
    var others = new ArrayList<JsonNode>();
    list.forEach(item -> (positions.contains(identity(item, key)) ? named : others).add(item));
    named.sort((a, b) ->
        Integer.compare(positions.indexOf(identity(a, key)), positions.indexOf(identity(b, key))));
    var original = new ArrayList<JsonNode>();
    list.forEach(original::add);
    var result = JsonNodeFactory.instance.arrayNode();
    int next = 0;
    for (var item : others) {
      while (next < named.size() && original.indexOf(named.get(next)) < original.indexOf(item)) {
        result.add(named.get(next++));
      }
      result.add(item);
    }
    while (next < named.size()) {
      result.add(named.get(next++));
    }
    return result;
  }

  private static JsonNode identity(JsonNode item, @Nullable String key) {
    return key == null ? item : item.path(key);
  }

  private static void orderUnchangedLists(
      ObjectNode merged, ObjectNode patch, MergeStructure structure) {
    for (var entry : patch.properties()) {
      if (!entry.getKey().startsWith(ORDER)) {
        continue;
      }
      var name = entry.getKey().substring(ORDER.length());
      if (!patch.has(name) && merged.get(name) instanceof ArrayNode list) {
        var key = structure.field(name).patchMergeKey().orElse(null);
        merged.set(name, ordered(list, entry.getValue(), key));
      }
    }
  }

  private void deletePrimitives(ObjectNode merged, String name, JsonNode values) {
    if (!values.isArray()) {
      throw PatchException.malformed(at() + ": expected " + DELETE_PRIMITIVES + name
          + " to be a list, found " + JsonPatch.kind(values));
    }
    if (merged.get(name) instanceof ArrayNode list) {
      Set<JsonNode> gone = new HashSet<>();
      values.forEach(gone::add);
      var rest = JsonNodeFactory.instance.arrayNode();
      list.forEach(item -> {
        if (!gone.contains(item)) {
          rest.add(item);
        }
      });
      merged.set(name, rest);
    }
  }

  private void retainKeys(ObjectNode merged, ObjectNode patch) {
    var keys = patch.get(RETAIN);
    if (keys == null) {
      return;
    }
    if (!keys.isArray()) {
      throw PatchException.malformed(
          at() + ": expected $retainKeys to be a list, found " + JsonPatch.kind(keys));
    }
    var retained = new HashSet<String>();
    keys.forEach(key -> retained.add(key.asText()));
    merged.retain(retained);
  }

  private static String directive(ObjectNode patch) {
    return patch.path(DIRECTIVE).asText("merge");
  }

  /// Without directives at any depth.
  private static ObjectNode clean(ObjectNode patch) {
    return (ObjectNode) cleaned(patch);
  }

  private static JsonNode cleaned(JsonNode node) {
    if (node instanceof ObjectNode object) {
      var copy = JsonNodeFactory.instance.objectNode();
      for (var entry : object.properties()) {
        if (!entry.getKey().startsWith("$") && !entry.getValue().isNull()) {
          copy.set(entry.getKey(), cleaned(entry.getValue()));
        }
      }
      return copy;
    }
    if (node instanceof ArrayNode array) {
      var copy = JsonNodeFactory.instance.arrayNode();
      array.forEach(item -> copy.add(cleaned(item)));
      return copy;
    }
    return node.deepCopy();
  }

  private String at() {
    return "strategic merge patch at " + (path.isEmpty() ? "the root" : path);
  }
}
