package dev.buildplane.patch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashSet;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Values walked beside their structure: which fields they set, how they merge, what is left when fields go.
final class FieldMerge {
  private FieldMerge() {}

  /// Whether the value is one leaf, owned as a whole.
  static boolean isLeaf(JsonNode value, MergeStructure structure) {
    if (value.isObject()) {
      return structure.atomicMap();
    }
    return !value.isArray() || structure.listType() == MergeStructure.ListType.ATOMIC;
  }

  /// The fields that an applied value sets.
  static FieldSet fields(JsonNode value, MergeStructure structure, String path) {
    if (isLeaf(value, structure)) {
      return FieldSet.SELF;
    }
    var children = new TreeMap<PathElement, FieldSet>();
    if (value.isObject()) {
      for (var entry : value.properties()) {
        var child = entry.getValue();
        var set = fields(child, structure.field(entry.getKey()), path + "." + entry.getKey());
        var alone = child.isNull()
            || (child.isObject() && child.isEmpty())
            || !structure.declares(entry.getKey());
        children.put(new PathElement.Field(entry.getKey()), alone ? set.union(FieldSet.SELF) : set);
      }
    } else {
      ListItems.indexStrictly(value, structure, path)
          .forEach((element, item) -> children.put(
              element,
              fields(item, structure.item(), path + element.shown()).union(FieldSet.SELF)));
    }
    return FieldSet.of(children);
  }

  /// What is applied laid over what lives.
  static JsonNode merge(
      @Nullable JsonNode live, @Nullable JsonNode applied, MergeStructure structure, String path) {
    if (applied == null || live == null) {
      return live != null
          ? live.deepCopy()
          : applied != null ? applied.deepCopy() : JsonNodeFactory.instance.nullNode();
    }
    var nullOverContainer = applied.isNull() && live.isContainerNode() && !isLeaf(live, structure);
    if (nullOverContainer) {
      return live.deepCopy();
    }
    if (isLeaf(applied, structure) || live.getNodeType() != applied.getNodeType()) {
      return applied.deepCopy();
    }
    return applied.isObject()
        ? mergeMaps(live, applied, structure, path)
        : mergeLists(live, applied, structure, path);
  }

  private static ObjectNode mergeMaps(
      JsonNode live, JsonNode applied, MergeStructure structure, String path) {
    var names = new LinkedHashSet<String>();
    live.fieldNames().forEachRemaining(names::add);
    applied.fieldNames().forEachRemaining(names::add);
    var merged = JsonNodeFactory.instance.objectNode();
    for (var name : names) {
      merged.set(
          name, merge(live.get(name), applied.get(name), structure.field(name), path + "." + name));
    }
    return merged;
  }

  private static ArrayNode mergeLists(
      JsonNode live, JsonNode applied, MergeStructure structure, String path) {
    var liveItems = ListItems.index(live, structure, path);
    var appliedItems = ListItems.index(applied, structure, path);
    var merged = JsonNodeFactory.instance.arrayNode();
    for (var element : ListItems.mergedOrder(liveItems, appliedItems)) {
      merged.add(merge(
          liveItems.get(element),
          appliedItems.get(element),
          structure.item(),
          path + element.shown()));
    }
    return merged;
  }

  /// The value without the members of `gone`. A container this empties stays (empty) only where `kept` has it as a member.
  static JsonNode remove(JsonNode value, FieldSet gone, FieldSet kept, MergeStructure structure) {
    if (gone.children().isEmpty() || isLeaf(value, structure)) {
      return value;
    }
    if (value.isObject()) {
      var rest = JsonNodeFactory.instance.objectNode();
      for (var entry : value.properties()) {
        var element = new PathElement.Field(entry.getKey());
        var left = removeChild(entry.getValue(), element, gone, kept, structure);
        if (left != null) {
          rest.set(entry.getKey(), left);
        }
      }
      return rest;
    }
    var rest = JsonNodeFactory.instance.arrayNode();
    for (var item : value) {
      var left = removeChild(item, ListItems.element(item, structure, ""), gone, kept, structure);
      if (left != null) {
        rest.add(left);
      }
    }
    return rest;
  }

  private static @Nullable JsonNode removeChild(
      JsonNode child, PathElement element, FieldSet gone, FieldSet kept, MergeStructure structure) {
    var below = gone.child(element);
    if (below.member()) {
      return null;
    }
    var left = remove(child, below, kept.child(element), FieldSet.step(structure, element));
    var emptied = left.isContainerNode() && left.isEmpty() && !child.isEmpty();
    return emptied && !kept.child(element).member() ? null : left;
  }
}
