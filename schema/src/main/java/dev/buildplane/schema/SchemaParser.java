package dev.buildplane.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Reads a schema and collects everything that keeps it from being structural. One use per instance.
///
/// Rules and wording follow "Specifying a structural schema" of the Kubernetes documentation on CustomResourceDefinitions.
final class SchemaParser {
  /// Schemas nested deeper are refused.
  static final int MAX_DEPTH = 100;

  private final SchemaKeywords keywords = new SchemaKeywords();
  private final JunctorParser junctors = new JunctorParser(keywords);

  List<FieldError> errors() {
    return keywords.errors();
  }

  SchemaNode parseRoot(JsonNode schema) {
    return parse(schema, "", "must not be empty at the root", 0);
  }

  private SchemaNode parse(JsonNode schema, String path, String whyType, int depth) {
    if (!schema.isObject()) {
      keywords.error(
          path,
          FieldError.Type.INVALID,
          schema,
          "a schema must be an object, found " + JsonType.nameOf(schema));
      return SchemaKeywords.empty(path);
    }
    if (depth > MAX_DEPTH) {
      keywords.error(
          path,
          FieldError.Type.INVALID,
          MissingNode.getInstance(),
          "schemas may be nested at most " + MAX_DEPTH + " levels deep");
      return SchemaKeywords.empty(path);
    }
    keywords.forbid(schema, path, SchemaKeywords.FORBIDDEN, "");
    var traits = new SchemaNode.Traits(
        keywords.flag(schema, path, "nullable"),
        preserveUnknown(schema, path),
        keywords.flag(schema, path, "x-kubernetes-embedded-resource"),
        keywords.flag(schema, path, "x-kubernetes-int-or-string"));
    var type = type(schema, path, traits, whyType);
    var properties = properties(schema, path, depth);
    var additional = additional(schema, path, depth, !properties.isEmpty());
    var itemsSchema = schema.get("items");
    var items = itemsSchema == null || itemsSchema.isArray()
        ? null
        : parse(
            itemsSchema,
            Paths.child(path, "items"),
            "must not be empty for specified array items",
            depth + 1);
    if (itemsSchema != null && itemsSchema.isArray()) {
      keywords.error(
          Paths.child(path, "items"),
          FieldError.Type.FORBIDDEN,
          MissingNode.getInstance(),
          "items must be a schema object and not an array");
    } else if (type == JsonType.ARRAY && items == null) {
      keywords.error(
          Paths.child(path, "items"),
          FieldError.Type.REQUIRED,
          MissingNode.getInstance(),
          "must be specified");
    }
    if (schema.path("uniqueItems").asBoolean()) {
      keywords.error(
          Paths.child(path, "uniqueItems"),
          FieldError.Type.FORBIDDEN,
          MissingNode.getInstance(),
          "uniqueItems cannot be set to true since the runtime complexity becomes quadratic; use x-kubernetes-list-type: set");
    }
    if (traits.embedded() && type != JsonType.OBJECT) {
      keywords.error(
          Paths.child(path, "type"),
          FieldError.Type.INVALID,
          schema.path("type"),
          "must be object if x-kubernetes-embedded-resource is true");
    }
    var mapKeys = keywords.texts(schema, path, "x-kubernetes-list-map-keys");
    var listKind = listKind(schema, path, type, items, mapKeys);
    var node = new SchemaNode(
        path,
        type,
        traits,
        properties,
        additional,
        schema.path("additionalProperties").asBoolean(false),
        items,
        schema.get("default"),
        keywords.rules(schema, path),
        null,
        listKind,
        mapKeys,
        CelRuleParser.parse(keywords, schema, path));
    return junctors.around(schema, node, depth);
  }

  private @Nullable JsonType type(
      JsonNode schema, String path, SchemaNode.Traits traits, String why) {
    var at = Paths.child(path, "type");
    var given = schema.get("type");
    if (given == null || given.asText().isEmpty()) {
      if (!traits.intOrString() && !traits.preserveUnknown()) {
        keywords.error(at, FieldError.Type.REQUIRED, MissingNode.getInstance(), why);
      }
      return null;
    }
    if (traits.intOrString()) {
      keywords.error(
          at,
          FieldError.Type.FORBIDDEN,
          MissingNode.getInstance(),
          "must be empty if x-kubernetes-int-or-string is true");
    }
    var type = JsonType.named(given.asText());
    if (type == null || (path.isEmpty() && type != JsonType.OBJECT)) {
      var supported = path.isEmpty()
          ? "\"object\""
          : "\"array\", \"boolean\", \"integer\", \"number\", \"object\", \"string\"";
      keywords.error(at, FieldError.Type.NOT_SUPPORTED, given, "supported values: " + supported);
    }
    return type;
  }

  private boolean preserveUnknown(JsonNode schema, String path) {
    var key = "x-kubernetes-preserve-unknown-fields";
    if (schema.has(key) && !schema.get(key).asBoolean()) {
      keywords.error(
          Paths.child(path, key),
          FieldError.Type.INVALID,
          schema.get(key),
          "must be true or undefined");
    }
    return keywords.flag(schema, path, key);
  }

  private Map<String, SchemaNode> properties(JsonNode schema, String path, int depth) {
    var parsed = new LinkedHashMap<String, SchemaNode>();
    for (var property : schema.path("properties").properties()) {
      var at = Paths.key(Paths.child(path, "properties"), property.getKey());
      parsed.put(
          property.getKey(),
          parse(
              property.getValue(), at, "must not be empty for specified object fields", depth + 1));
    }
    return parsed;
  }

  private @Nullable SchemaNode additional(
      JsonNode schema, String path, int depth, boolean hasProperties) {
    var given = schema.get("additionalProperties");
    if (given == null) {
      return null;
    }
    var at = Paths.child(path, "additionalProperties");
    if (hasProperties) {
      keywords.error(
          at,
          FieldError.Type.FORBIDDEN,
          MissingNode.getInstance(),
          "additionalProperties and properties are mutual exclusive");
    }
    if (given.isBoolean()) {
      if (!given.asBoolean()) {
        keywords.error(
            at,
            FieldError.Type.FORBIDDEN,
            MissingNode.getInstance(),
            "additionalProperties cannot be set to false");
      }
      return null;
    }
    return parse(given, at, "must not be empty for specified object fields", depth + 1);
  }

  private SchemaNode.ListKind listKind(
      JsonNode schema,
      String path,
      @Nullable JsonType type,
      @Nullable SchemaNode items,
      List<String> mapKeys) {
    var given = schema.get("x-kubernetes-list-type");
    var at = Paths.child(path, "x-kubernetes-list-type");
    var keysAt = Paths.child(path, "x-kubernetes-list-map-keys");
    if (given != null && type != JsonType.ARRAY) {
      keywords.error(
          Paths.child(path, "type"),
          FieldError.Type.INVALID,
          schema.path("type"),
          "must be array if x-kubernetes-list-type is specified");
    }
    var kind = switch (given == null ? "atomic" : given.asText()) {
      case "atomic" -> SchemaNode.ListKind.ATOMIC;
      case "set" -> SchemaNode.ListKind.SET;
      case "map" -> SchemaNode.ListKind.MAP;
      default -> {
        keywords.error(
            at,
            FieldError.Type.NOT_SUPPORTED,
            given,
            "supported values: \"atomic\", \"map\", \"set\"");
        yield SchemaNode.ListKind.ATOMIC;
      }
    };
    if (kind != SchemaNode.ListKind.MAP) {
      if (!mapKeys.isEmpty()) {
        keywords.error(
            at,
            FieldError.Type.INVALID,
            given,
            "must be map if x-kubernetes-list-map-keys is non-empty");
      }
      return kind;
    }
    if (mapKeys.isEmpty()) {
      keywords.error(
          keysAt,
          FieldError.Type.REQUIRED,
          MissingNode.getInstance(),
          "must not be empty if x-kubernetes-list-type is map");
    }
    for (var key : mapKeys) {
      if (items == null || !items.properties().containsKey(key)) {
        keywords.error(
            keysAt,
            FieldError.Type.INVALID,
            schema.path("x-kubernetes-list-map-keys"),
            "entries must all be names of item properties, \"" + key + "\" is not");
      }
    }
    return kind;
  }
}
