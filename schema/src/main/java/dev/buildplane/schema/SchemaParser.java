package dev.buildplane.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import java.math.BigDecimal;
import java.util.ArrayList;
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

  /// Errors beyond this many are not collected.
  static final int MAX_ERRORS = 100;

  private static final List<String> FORBIDDEN = List.of(
      "$ref",
      "definitions",
      "dependencies",
      "deprecated",
      "discriminator",
      "id",
      "patternProperties",
      "readOnly",
      "writeOnly",
      "xml");
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

  private final List<FieldError> errors = new ArrayList<>();

  List<FieldError> errors() {
    return errors;
  }

  SchemaNode parseRoot(JsonNode schema) {
    return parse(schema, "", "must not be empty at the root", 0);
  }

  private SchemaNode parse(JsonNode schema, String path, String whyType, int depth) {
    if (!schema.isObject()) {
      error(
          path,
          FieldError.Type.INVALID,
          schema,
          "a schema must be an object, found " + JsonType.nameOf(schema));
      return empty(path);
    }
    if (depth > MAX_DEPTH) {
      error(
          path,
          FieldError.Type.INVALID,
          MissingNode.getInstance(),
          "schemas may be nested at most " + MAX_DEPTH + " levels deep");
      return empty(path);
    }
    forbid(schema, path, FORBIDDEN, "");
    var traits = new SchemaNode.Traits(
        flag(schema, path, "nullable"),
        preserveUnknown(schema, path),
        flag(schema, path, "x-kubernetes-embedded-resource"),
        flag(schema, path, "x-kubernetes-int-or-string"));
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
      error(
          Paths.child(path, "items"),
          FieldError.Type.FORBIDDEN,
          MissingNode.getInstance(),
          "items must be a schema object and not an array");
    } else if (type == JsonType.ARRAY && items == null) {
      error(
          Paths.child(path, "items"),
          FieldError.Type.REQUIRED,
          MissingNode.getInstance(),
          "must be specified");
    }
    if (schema.path("uniqueItems").asBoolean()) {
      error(
          Paths.child(path, "uniqueItems"),
          FieldError.Type.FORBIDDEN,
          MissingNode.getInstance(),
          "uniqueItems cannot be set to true since the runtime complexity becomes quadratic; use x-kubernetes-list-type: set");
    }
    if (traits.embedded() && type != JsonType.OBJECT) {
      error(
          Paths.child(path, "type"),
          FieldError.Type.INVALID,
          schema.path("type"),
          "must be object if x-kubernetes-embedded-resource is true");
    }
    var mapKeys = texts(schema, path, "x-kubernetes-list-map-keys");
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
        rules(schema, path),
        null,
        listKind,
        mapKeys,
        celRules(schema, path));
    return withBranches(schema, node, depth);
  }

  private static SchemaNode empty(String path) {
    var none = new ValueRules(
        List.of(), List.of(), null, null, null, null, null, null, null, null, null, null, null);
    return new SchemaNode(
        path,
        null,
        new SchemaNode.Traits(false, true, false, false),
        Map.of(),
        null,
        false,
        null,
        null,
        none,
        null,
        SchemaNode.ListKind.ATOMIC,
        List.of(),
        List.of());
  }

  private @Nullable JsonType type(
      JsonNode schema, String path, SchemaNode.Traits traits, String why) {
    var at = Paths.child(path, "type");
    var given = schema.get("type");
    if (given == null || given.asText().isEmpty()) {
      if (!traits.intOrString() && !traits.preserveUnknown()) {
        error(at, FieldError.Type.REQUIRED, MissingNode.getInstance(), why);
      }
      return null;
    }
    if (traits.intOrString()) {
      error(
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
      error(at, FieldError.Type.NOT_SUPPORTED, given, "supported values: " + supported);
    }
    return type;
  }

  private boolean preserveUnknown(JsonNode schema, String path) {
    var key = "x-kubernetes-preserve-unknown-fields";
    if (schema.has(key) && !schema.get(key).asBoolean()) {
      error(
          Paths.child(path, key),
          FieldError.Type.INVALID,
          schema.get(key),
          "must be true or undefined");
    }
    return flag(schema, path, key);
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
      error(
          at,
          FieldError.Type.FORBIDDEN,
          MissingNode.getInstance(),
          "additionalProperties and properties are mutual exclusive");
    }
    if (given.isBoolean()) {
      if (!given.asBoolean()) {
        error(
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
      error(
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
        error(
            at,
            FieldError.Type.NOT_SUPPORTED,
            given,
            "supported values: \"atomic\", \"map\", \"set\"");
        yield SchemaNode.ListKind.ATOMIC;
      }
    };
    if (kind != SchemaNode.ListKind.MAP) {
      if (!mapKeys.isEmpty()) {
        error(
            at,
            FieldError.Type.INVALID,
            given,
            "must be map if x-kubernetes-list-map-keys is non-empty");
      }
      return kind;
    }
    if (mapKeys.isEmpty()) {
      error(
          keysAt,
          FieldError.Type.REQUIRED,
          MissingNode.getInstance(),
          "must not be empty if x-kubernetes-list-type is map");
    }
    for (var key : mapKeys) {
      if (items == null || !items.properties().containsKey(key)) {
        error(
            keysAt,
            FieldError.Type.INVALID,
            schema.path("x-kubernetes-list-map-keys"),
            "entries must all be names of item properties, \"" + key + "\" is not");
      }
    }
    return kind;
  }

  private ValueRules rules(JsonNode schema, String path) {
    var enumeration = new ArrayList<JsonNode>();
    schema.path("enum").forEach(enumeration::add);
    if (schema.has("enum") && enumeration.isEmpty()) {
      error(
          Paths.child(path, "enum"),
          FieldError.Type.INVALID,
          schema.get("enum"),
          "must be a non-empty list");
    }
    return new ValueRules(
        texts(schema, path, "required"),
        enumeration,
        pattern(schema, path),
        schema.path("format").isTextual() ? schema.get("format").asText() : null,
        bound(schema, path, "minimum", "exclusiveMinimum"),
        bound(schema, path, "maximum", "exclusiveMaximum"),
        multipleOf(schema, path),
        count(schema, path, "minLength"),
        count(schema, path, "maxLength"),
        count(schema, path, "minItems"),
        count(schema, path, "maxItems"),
        count(schema, path, "minProperties"),
        count(schema, path, "maxProperties"));
  }

  private @Nullable Pattern pattern(JsonNode schema, String path) {
    var given = schema.get("pattern");
    if (given == null || given.asText().isEmpty()) {
      return null;
    }
    try {
      return Pattern.compile(given.asText());
    } catch (PatternSyntaxException e) {
      error(
          Paths.child(path, "pattern"),
          FieldError.Type.INVALID,
          given,
          "must be a valid regular expression, but isn't: " + e.getMessage());
      return null;
    }
  }

  private ValueRules.@Nullable Bound bound(
      JsonNode schema, String path, String key, String exclusiveKey) {
    var exclusive = flag(schema, path, exclusiveKey);
    var limit = number(schema, path, key);
    return limit == null ? null : new ValueRules.Bound(limit, exclusive);
  }

  private @Nullable BigDecimal multipleOf(JsonNode schema, String path) {
    var given = number(schema, path, "multipleOf");
    if (given != null && given.signum() <= 0) {
      error(
          Paths.child(path, "multipleOf"),
          FieldError.Type.INVALID,
          schema.get("multipleOf"),
          "must be greater than 0");
      return null;
    }
    return given;
  }

  private @Nullable BigDecimal number(JsonNode schema, String path, String key) {
    var given = schema.get(key);
    if (given == null || given.isNumber()) {
      return given == null ? null : given.decimalValue();
    }
    error(Paths.child(path, key), FieldError.Type.TYPE_INVALID, given, "must be a number");
    return null;
  }

  private @Nullable Long count(JsonNode schema, String path, String key) {
    var given = schema.get(key);
    if (given == null) {
      return null;
    }
    if (given.isNumber() && JsonType.isWhole(given) && given.asLong() >= 0) {
      return given.asLong();
    }
    error(
        Paths.child(path, key),
        FieldError.Type.TYPE_INVALID,
        given,
        "must be an integer of at least 0");
    return null;
  }

  private boolean flag(JsonNode schema, String path, String key) {
    var given = schema.get(key);
    if (given != null && !given.isBoolean()) {
      error(Paths.child(path, key), FieldError.Type.TYPE_INVALID, given, "must be a boolean");
    }
    return given != null && given.asBoolean();
  }

  private List<String> texts(JsonNode schema, String path, String key) {
    var found = new ArrayList<String>();
    for (var text : schema.path(key)) {
      if (text.isTextual()) {
        found.add(text.asText());
      } else {
        error(
            Paths.child(path, key),
            FieldError.Type.TYPE_INVALID,
            text,
            "must be a list of strings");
      }
    }
    return List.copyOf(found);
  }

  private SchemaNode withBranches(JsonNode schema, SchemaNode node, int depth) {
    var allOf = branchList(schema, node, "allOf", depth);
    var anyOf = branchList(schema, node, "anyOf", depth);
    var oneOf = branchList(schema, node, "oneOf", depth);
    var not = schema.has("not")
        ? branch(schema.get("not"), node, Paths.child(node.path(), "not"), depth)
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

  private List<SchemaNode> branchList(JsonNode schema, SchemaNode outer, String key, int depth) {
    var found = new ArrayList<SchemaNode>();
    for (var one : schema.path(key)) {
      found.add(
          branch(one, outer, Paths.index(Paths.child(outer.path(), key), found.size()), depth));
    }
    return List.copyOf(found);
  }

  /// A schema below a junctor: value rules only, about fields that the schema around it declares too.
  private SchemaNode branch(JsonNode schema, @Nullable SchemaNode outer, String path, int depth) {
    if (!schema.isObject() || depth > MAX_DEPTH) {
      error(
          path,
          FieldError.Type.INVALID,
          schema,
          "a schema must be an object nested at most " + MAX_DEPTH + " levels deep");
      return empty(path);
    }
    forbid(schema, path, FORBIDDEN, "");
    // the two branches of an int-or-string are the one place where a junctor may name a type
    var typed = outer != null && outer.traits().intOrString()
        ? JsonType.named(schema.path("type").asText())
        : null;
    forbid(
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
        error(
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
      error(
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
        rules(schema, path),
        null,
        SchemaNode.ListKind.ATOMIC,
        List.of(),
        List.of());
    return withInnerBranches(schema, node, outer, depth + 1);
  }

  private SchemaNode withInnerBranches(
      JsonNode schema, SchemaNode node, @Nullable SchemaNode outer, int depth) {
    // completeness is judged against the structural schema around all junctors, errors are placed at the inner path
    var frame = outer == null ? node : outer;
    var allOf = innerList(schema, node, frame, "allOf", depth);
    var anyOf = innerList(schema, node, frame, "anyOf", depth);
    var oneOf = innerList(schema, node, frame, "oneOf", depth);
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
        null,
        false,
        node.items(),
        null,
        node.rules(),
        new SchemaNode.Branches(allOf, anyOf, oneOf, not),
        SchemaNode.ListKind.ATOMIC,
        List.of(),
        List.of());
  }

  private List<SchemaNode> innerList(
      JsonNode schema, SchemaNode node, SchemaNode frame, String key, int depth) {
    var found = new ArrayList<SchemaNode>();
    for (var one : schema.path(key)) {
      found.add(
          branch(one, frame, Paths.index(Paths.child(node.path(), key), found.size()), depth));
    }
    return List.copyOf(found);
  }

  private static @Nullable SchemaNode declared(@Nullable SchemaNode outer, String property) {
    return outer == null ? null : outer.child(property);
  }

  private List<CelRule> celRules(JsonNode schema, String path) {
    var found = new ArrayList<CelRule>();
    for (var entry : schema.path("x-kubernetes-validations")) {
      var at = Paths.index(Paths.child(path, "x-kubernetes-validations"), found.size());
      var rule = entry.path("rule").asText("");
      if (rule.isBlank()) {
        error(
            Paths.child(at, "rule"),
            FieldError.Type.REQUIRED,
            MissingNode.getInstance(),
            "rule is not specified");
      }
      found.add(new CelRule(
          at,
          rule.strip(),
          message(entry, at),
          entry.path("messageExpression").isTextual()
              ? entry.get("messageExpression").asText()
              : null,
          reason(entry, at),
          entry.path("optionalOldSelf").asBoolean(false),
          fieldPath(entry, at)));
    }
    return List.copyOf(found);
  }

  private @Nullable String message(JsonNode entry, String at) {
    var given = entry.get("message");
    if (given == null || given.isNull()) {
      return null;
    }
    if (given.asText().isBlank()) {
      error(
          Paths.child(at, "message"),
          FieldError.Type.INVALID,
          given,
          "message must be non-empty if specified");
    } else if (given.asText().contains("\n")) {
      error(
          Paths.child(at, "message"),
          FieldError.Type.INVALID,
          given,
          "message must not contain line breaks");
    }
    return given.asText().strip();
  }

  private FieldError.Type reason(JsonNode entry, String at) {
    return switch (entry.path("reason").asText("FieldValueInvalid")) {
      case "FieldValueInvalid" -> FieldError.Type.INVALID;
      case "FieldValueForbidden" -> FieldError.Type.FORBIDDEN;
      case "FieldValueRequired" -> FieldError.Type.REQUIRED;
      case "FieldValueDuplicate" -> FieldError.Type.DUPLICATE;
      default -> {
        error(
            Paths.child(at, "reason"),
            FieldError.Type.NOT_SUPPORTED,
            entry.get("reason"),
            "supported values: \"FieldValueRequired\", \"FieldValueForbidden\", \"FieldValueInvalid\", \"FieldValueDuplicate\"");
        yield FieldError.Type.INVALID;
      }
    };
  }

  private List<String> fieldPath(JsonNode entry, String at) {
    var given = entry.get("fieldPath");
    if (given == null || given.isNull()) {
      return List.of();
    }
    var names = FieldPath.parse(given.asText());
    if (names.isEmpty()) {
      error(
          Paths.child(at, "fieldPath"),
          FieldError.Type.INVALID,
          given,
          "fieldPath must be a path of child fields such as .spec.name or .labels['a.b']");
    }
    return names;
  }

  private void forbid(JsonNode schema, String path, List<String> keys, String why) {
    for (var key : keys) {
      var given = schema.get(key);
      if (given != null && !(given.isBoolean() && !given.asBoolean()) && !given.isNull()) {
        error(
            Paths.child(path, key),
            FieldError.Type.FORBIDDEN,
            MissingNode.getInstance(),
            why.isEmpty() ? key + " is not supported in a structural schema" : why);
      }
    }
  }

  private void error(String path, FieldError.Type type, @Nullable JsonNode value, String detail) {
    if (errors.size() < MAX_ERRORS) {
      errors.add(
          new FieldError(path, type, value == null ? MissingNode.getInstance() : value, detail));
    }
  }
}
