package dev.buildplane.patch;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashSet;
import java.util.SequencedSet;
import org.jspecify.annotations.Nullable;

/// What changed between two values, by field.
///
/// @param written fields added or changed
/// @param removed fields that are no more
record FieldComparison(FieldSet written, FieldSet removed) {
  private static final FieldComparison NONE = new FieldComparison(FieldSet.EMPTY, FieldSet.EMPTY);
  private static final FieldComparison WRITTEN = new FieldComparison(FieldSet.SELF, FieldSet.EMPTY);
  private static final FieldComparison REMOVED = new FieldComparison(FieldSet.EMPTY, FieldSet.SELF);

  FieldComparison without(PathElement topLevel) {
    return new FieldComparison(written.without(topLevel), removed.without(topLevel));
  }

  static FieldComparison of(
      @Nullable JsonNode before, @Nullable JsonNode after, MergeStructure structure) {
    if (before == null && after == null) {
      return NONE;
    }
    if (isLeafPair(before, after, structure)) {
      return before == null
          ? WRITTEN
          : after == null ? REMOVED : JsonPatch.same(before, after) ? NONE : WRITTEN;
    }
    if (before != null && after != null && before.getNodeType() != after.getNodeType()) {
      var gone = of(before, null, structure);
      var come = of(null, after, structure);
      return new FieldComparison(come.written, gone.removed.minus(come.written));
    }
    var written = new FieldSet.Builder(before == null);
    var removed = new FieldSet.Builder(after == null);
    for (var element : elements(before, after, structure)) {
      var below = of(
          child(before, element, structure),
          child(after, element, structure),
          FieldSet.step(structure, element));
      written.add(element, below.written);
      removed.add(element, below.removed);
    }
    return new FieldComparison(written.build(), removed.build());
  }

  /// A pair of empty containers counts as a leaf, so that empty and absent stay different.
  private static boolean isLeafPair(
      @Nullable JsonNode before, @Nullable JsonNode after, MergeStructure structure) {
    var beforeLeaf = before == null || FieldMerge.isLeaf(before, structure);
    var afterLeaf = after == null || FieldMerge.isLeaf(after, structure);
    var bothEmpty = (before == null || isHollow(before)) && (after == null || isHollow(after));
    return bothEmpty || (beforeLeaf && afterLeaf);
  }

  private static boolean isHollow(JsonNode node) {
    return node.isNull() || (node.isContainerNode() && node.isEmpty());
  }

  private static SequencedSet<PathElement> elements(
      @Nullable JsonNode before, @Nullable JsonNode after, MergeStructure structure) {
    var elements = new LinkedHashSet<PathElement>();
    for (var node : new JsonNode[] {before, after}) {
      if (node != null && node.isObject()) {
        node.fieldNames().forEachRemaining(name -> elements.add(new PathElement.Field(name)));
      } else if (node != null && node.isArray()) {
        elements.addAll(ListItems.index(node, structure, "").keySet());
      }
    }
    return elements;
  }

  private static @Nullable JsonNode child(
      @Nullable JsonNode node, PathElement element, MergeStructure structure) {
    if (node == null) {
      return null;
    }
    return switch (element) {
      case PathElement.Field(var name) -> node.get(name);
      case PathElement.Key _, PathElement.Value _ ->
        ListItems.index(node, structure, "").get(element);
      case PathElement.Index(var index) -> node.get(index);
    };
  }
}
