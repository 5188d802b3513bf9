package dev.buildplane.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Reads single keywords of a schema, and collects what is wrong with them. One use per instance.
final class SchemaKeywords {
  /// Errors beyond this many are not collected.
  static final int MAX_ERRORS = 100;

  static final List<String> FORBIDDEN = List.of(
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

  private final List<FieldError> errors = new ArrayList<>();

  List<FieldError> errors() {
    return errors;
  }

  ValueRules rules(JsonNode schema, String path) {
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

  boolean flag(JsonNode schema, String path, String key) {
    var given = schema.get(key);
    if (given != null && !given.isBoolean()) {
      error(Paths.child(path, key), FieldError.Type.TYPE_INVALID, given, "must be a boolean");
    }
    return given != null && given.asBoolean();
  }

  List<String> texts(JsonNode schema, String path, String key) {
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

  void forbid(JsonNode schema, String path, List<String> keys, String why) {
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

  void error(String path, FieldError.Type type, @Nullable JsonNode value, String detail) {
    if (errors.size() < MAX_ERRORS) {
      errors.add(
          new FieldError(path, type, value == null ? MissingNode.getInstance() : value, detail));
    }
  }

  /// In place of a schema that cannot be read.
  static SchemaNode empty(String path) {
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
}
