package dev.buildplane.patch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// A set of field paths as a tree. Immutable.
///
/// @param member whether the place itself belongs to the set
/// @param children sets below, none of them empty
record FieldSet(boolean member, SortedMap<PathElement, FieldSet> children) {
  static final FieldSet EMPTY = new FieldSet(false, new TreeMap<>());
  static final FieldSet SELF = new FieldSet(true, new TreeMap<>());

  boolean isEmpty() {
    return !member && children.isEmpty();
  }

  FieldSet child(PathElement element) {
    return children.getOrDefault(element, EMPTY);
  }

  FieldSet union(FieldSet other) {
    var merged = new TreeMap<>(children);
    other.children.forEach((element, set) -> merged.merge(element, set, FieldSet::union));
    return new FieldSet(member || other.member, merged);
  }

  FieldSet intersection(FieldSet other) {
    var both = new Builder(member && other.member);
    children.forEach((element, set) -> both.add(element, set.intersection(other.child(element))));
    return both.build();
  }

  /// Without the members of `other`; what lies below a member of `other` stays.
  FieldSet minus(FieldSet other) {
    var rest = new Builder(member && !other.member);
    children.forEach((element, set) -> rest.add(element, set.minus(other.child(element))));
    return rest.build();
  }

  /// Without a child and everything below it.
  FieldSet without(PathElement element) {
    var rest = new TreeMap<>(children);
    rest.remove(element);
    return new FieldSet(member, rest);
  }

  /// With every declared field that leads to a member made a member, so that emptied structs can go.
  FieldSet withDeclaredAncestors(MergeStructure structure) {
    var all = new TreeMap<PathElement, FieldSet>();
    children.forEach((element, set) -> {
      var below = set.withDeclaredAncestors(step(structure, element));
      var declared = element instanceof PathElement.Field(var name)
          && structure.declares(name)
          && !set.children.isEmpty();
      all.put(element, declared ? new FieldSet(true, below.children) : below);
    });
    return new FieldSet(member, all);
  }

  static MergeStructure step(MergeStructure structure, PathElement element) {
    return switch (element) {
      case PathElement.Field(var name) -> structure.field(name);
      case PathElement.Key _, PathElement.Value _, PathElement.Index _ -> structure.item();
    };
  }

  /// Every member as text, in order.
  List<String> paths() {
    var paths = new ArrayList<String>();
    collect("", paths);
    return paths;
  }

  private void collect(String prefix, List<String> paths) {
    if (member) {
      paths.add(prefix);
    }
    children.forEach((element, set) -> set.collect(prefix + element.shown(), paths));
  }

  ObjectNode encoded() {
    var node = JsonNodeFactory.instance.objectNode();
    if (member && !children.isEmpty()) {
      node.putObject(".");
    }
    children.forEach((element, set) -> node.set(element.encoded(), set.encoded()));
    return node;
  }

  /// Reads `fieldsV1`, dropping entries that are not understood.
  static FieldSet decode(JsonNode fieldsV1) {
    var set = new Builder(fieldsV1.has("."));
    for (var entry : fieldsV1.properties()) {
      PathElement.decode(entry.getKey()).ifPresent(element -> {
        var below = decode(entry.getValue());
        set.add(element, below.isEmpty() ? SELF : below);
      });
    }
    return set.build();
  }

  static final class Builder {
    private final boolean member;
    private final SortedMap<PathElement, FieldSet> children = new TreeMap<>();

    Builder(boolean member) {
      this.member = member;
    }

    void add(PathElement element, FieldSet set) {
      if (!set.isEmpty()) {
        children.merge(element, set, FieldSet::union);
      }
    }

    FieldSet build() {
      return new FieldSet(member, children);
    }
  }

  static FieldSet of(Map<PathElement, FieldSet> children) {
    var builder = new Builder(false);
    children.forEach(builder::add);
    return builder.build();
  }
}
