package dev.buildplane.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Reads what stands below `allOf`, `anyOf`, `oneOf` and `not`: value rules only, about fields that the schema around them declares too.
final class JunctorParser {
  private static final List<String> FORBIDDEN_IN_JUNCTOR = List.of(
      "description",
      "type",
      "default",
      "additionalProperties",
      "nullable",
      "x-kubernetes-preserve-unknown-fields",
      "x-kubernetes-embedded-resource",
      "x-kubernetes-int-or-string",
      "x-kubernetes-list-type",
      "x-kubernetes-list-map-keys",
      "x-kubernetes-map-type",
      "x-kubernetes-validations");

  private final SchemaKeywords keywords;

  JunctorParser(SchemaKeywords keywords) {
    this.keywords = keywords;
  }

  /// A schema with the branches it has.
  SchemaNode around(JsonNode schema, SchemaNode node, int depth) {
    return around(schema, node, node, depth);
  }

  /// @param frame the structural schema around all junctors, against which completeness is judged; errors are placed at the path of `node`
  private SchemaNode around(JsonNode schema, SchemaNode node, SchemaNode frame, int depth) {
    var allOf = branches(schema, node, frame, "allOf", depth);
    var anyOf = branches(schema, node, frame, "anyOf", depth);
    var oneOf = branches(schema, node, frame, "oneOf", depth);
    var not = schema.has("not")
        ? branch(schema.get("not"), frame, Paths.child(node.path(), "not"), depth)
        : null;
    if (allOf.isEmpty() && anyOf.isEmpty() && oneOf.isEmpty() && not == null) {
      return node;
    }
    return new SchemaNode(
        node.path(),
        node.type(),
        node.traits(),
        node.properties(),
        node.additional(),
        node.openMap(),
        node.items(),
        node.defaultValue(),
        node.rules(),
        new SchemaNode.Branches(allOf, anyOf, oneOf, not),
        node.listKind(),
        node.mapKeys(),
        node.celRules());
  }

  private List<SchemaNode> branches(
      JsonNode schema, SchemaNode node, SchemaNode frame, String key, int depth) {
    var found = new ArrayList<SchemaNode>();
    for (var one : schema.path(key)) {
      found.add(
          branch(one, frame, Paths.index(Paths.child(node.path(), key), found.size()), depth));
    }
    return List.copyOf(found);
  }

  /// A schema below a junctor: value rules only, about fields that the schema around it declares too.
  private SchemaNode branch(JsonNode schema, @Nullable SchemaNode outer, String path, int depth) {
    if (!schema.isObject() || depth > SchemaParser.MAX_DEPTH) {
      keywords.error(
          path,
          FieldError.Type.INVALID,
          schema,
          "a schema must be an object nested at most " + SchemaParser.MAX_DEPTH + " levels deep");
      return SchemaKeywords.empty(path);
    }
    keywords.forbid(schema, path, SchemaKeywords.FORBIDDEN, "");
    // the two branches of an int-or-string are the one place where a junctor may name a type
    var typed = outer != null && outer.traits().intOrString()
        ? JsonType.named(schema.path("type").asText())
        : null;
    keywords.forbid(
        schema,
        path,
        typed == null
            ? FORBIDDEN_IN_JUNCTOR
            : FORBIDDEN_IN_JUNCTOR.stream().filter(k -> !k.equals("type")).toList(),
        "must be empty to be structural");
    var properties = new LinkedHashMap<String, SchemaNode>();
    for (var property : schema.path("properties").properties()) {
      var at = Paths.key(Paths.child(path, "properties"), property.getKey());
      var declared = declared(outer, property.getKey());
      if (outer != null && declared == null && !outer.traits().preserveUnknown()) {
        keywords.error(
            Paths.key(Paths.child(outer.path(), "properties"), property.getKey()),
            FieldError.Type.REQUIRED,
            MissingNode.getInstance(),
            "because it is defined in " + at);
      }
      properties.put(property.getKey(), branch(property.getValue(), declared, at, depth + 1));
    }
    var itemsSchema = schema.get("items");
    var itemsAt = Paths.child(path, "items");
    if (itemsSchema != null
        && outer != null
        && outer.items() == null
        && !outer.traits().preserveUnknown()) {
      keywords.error(
          Paths.child(outer.path(), "items"),
          FieldError.Type.REQUIRED,
          MissingNode.getInstance(),
          "because it is defined in " + itemsAt);
    }
    var items = itemsSchema == null
        ? null
        : branch(itemsSchema, outer == null ? null : outer.items(), itemsAt, depth + 1);
    var node = new SchemaNode(
        path,
        typed,
        new SchemaNode.Traits(true, true, false, false),
        properties,
        null,
        false,
        items,
        null,
        keywords.rules(schema, path),
        null,
        SchemaNode.ListKind.ATOMIC,
        List.of(),
        List.of());
    return around(schema, node, outer == null ? node : outer, depth + 1);
  }

  private static @Nullable SchemaNode declared(@Nullable SchemaNode outer, String property) {
    return outer == null ? null : outer.child(property);
  }
}
