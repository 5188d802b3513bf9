package dev.buildplane.render;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.schema.CelValues;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Turns the shorthand of `spec.schema` into an OpenAPI v3 schema. One use per instance.
///
/// A field is a string, `type | constraints`, or a map, a nested object. See the reference page on Workflows, section 6.
/// Faults are collected, each with its path.
final class Shorthand {
  /// Types may refer to each other and nest this deep.
  static final int MAX_DEPTH = 50;

  /// Fields a schema may come to when all types are written out.
  static final int MAX_FIELDS = 10_000;

  /// The key that gives a nested object its default value.
  static final String DEFAULT_KEY = "$default";

  private static final ObjectMapper MAPPER =
      new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
  private static final Pattern INTEGER = Pattern.compile("[+-]?[0-9]{1,19}");
  private static final Pattern FLOAT =
      Pattern.compile("[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]{1,3})?");

  /// @param path where, for example `spec.schema.parameters.repo.url`
  record Fault(String path, String message) {}

  private final Map<String, JsonNode> types = new HashMap<>();
  private final List<Fault> faults = new ArrayList<>();
  private final Deque<String> open = new ArrayDeque<>();
  private int fields;

  Shorthand(JsonNode types) {
    types.properties().forEach(type -> this.types.put(type.getKey(), type.getValue()));
  }

  List<Fault> faults() {
    return faults;
  }

  /// The schema of an object with these fields. Faulty fields are left out; see [#faults].
  ObjectNode object(JsonNode definition, String path) {
    var schema = JSON.objectNode().put("type", "object");
    var properties = new TreeMap<String, ObjectNode>();
    var required = new TreeSet<String>();
    for (var field : definition.properties()) {
      var name = field.getKey();
      if (name.equals(DEFAULT_KEY)) {
        continue;
      }
      if (++fields > MAX_FIELDS) {
        faults.add(new Fault(path, "the schema comes to more than " + MAX_FIELDS + " fields"));
        return schema;
      }
      var parsed = field(field.getValue(), path + "." + name);
      if (parsed != null) {
        properties.put(name, parsed);
        if (!parsed.has("default")) {
          required.add(name);
        }
      }
    }
    if (!properties.isEmpty()) {
      schema.putObject("properties").setAll(properties);
    }
    if (!required.isEmpty()) {
      required.forEach(schema.putArray("required")::add);
    }
    if (definition.has(DEFAULT_KEY)) {
      objectDefault(definition.get(DEFAULT_KEY), schema, path);
    }
    return schema;
  }

  private void objectDefault(JsonNode given, ObjectNode schema, String path) {
    var at = path + "." + DEFAULT_KEY;
    try {
      var value = given.isTextual() ? json(given.textValue(), "object", DEFAULT_KEY) : given;
      if (!value.isObject()) {
        throw new ShorthandProblem("$default must be a map or the JSON text of an object");
      }
      schema.set("default", value.deepCopy());
    } catch (ShorthandProblem e) {
      faults.add(new Fault(at, String.valueOf(e.getMessage())));
    }
  }

  private @Nullable ObjectNode field(JsonNode definition, String path) {
    try {
      if (definition.isTextual()) {
        return text(definition.textValue(), path);
      }
      if (definition.isObject()) {
        requireDepth();
        open.push("");
        var schema = object(definition, path);
        open.pop();
        return schema;
      }
      throw new ShorthandProblem("unsupported field definition of type " + kind(definition)
          + "; write a type such as 'string | default=x', or a map of fields");
    } catch (ShorthandProblem e) {
      faults.add(new Fault(path, String.valueOf(e.getMessage())));
      return null;
    }
  }

  private static String kind(JsonNode node) {
    return switch (node.getNodeType()) {
      case ARRAY -> "array";
      case BOOLEAN -> "boolean";
      case NUMBER -> node.isIntegralNumber() ? "integer" : "number";
      case NULL, MISSING -> "null";
      case STRING, BINARY -> "string";
      case OBJECT, POJO -> "object";
    };
  }

  private void requireDepth() throws ShorthandProblem {
    if (open.size() >= MAX_DEPTH) {
      throw new ShorthandProblem("types may be nested at most " + MAX_DEPTH + " levels deep");
    }
  }

  private ObjectNode text(String shorthand, String path) throws ShorthandProblem {
    var bar = shorthand.indexOf('|');
    var type = (bar < 0 ? shorthand : shorthand.substring(0, bar)).strip();
    if (type.isEmpty()) {
      throw new ShorthandProblem("empty field definition; write a type such as 'string'");
    }
    var schema = type(type, path);
    if (bar >= 0) {
      for (var token : ConstraintTokens.split(shorthand.substring(bar + 1))) {
        constraint(token, schema);
      }
    }
    return schema;
  }

  private ObjectNode type(String name, String path) throws ShorthandProblem {
    var type = name.strip();
    switch (type) {
      case "string", "integer", "number", "boolean" -> {
        return JSON.objectNode().put("type", type);
      }
      case "object" ->
        throw new ShorthandProblem(
            "type \"object\" is not allowed; use a map type such as map<string> or a structured type");
      case "" -> throw new ShorthandProblem("a type is missing");
      default -> {}
    }
    if (type.startsWith("[]")) {
      return array(type.substring(2), path);
    }
    if (type.startsWith("array<")) {
      return array(inside(type, "array<"), path);
    }
    if (type.startsWith("map<")) {
      return map(inside(type, "map<"), path);
    }
    if (type.startsWith("map[")) {
      var end = type.indexOf(']');
      var key = end < 0 ? type.substring(4) : type.substring(4, end).strip();
      if (!key.equals("string") || end < 0) {
        throw new ShorthandProblem("map key type must be string, found \"" + key + "\"");
      }
      return map(type.substring(end + 1), path);
    }
    return custom(type, path);
  }

  private static String inside(String type, String opening) throws ShorthandProblem {
    if (!type.endsWith(">")) {
      throw new ShorthandProblem(
          "\"" + type + "\" has no closing '>'; constraints are not allowed inside angle brackets");
    }
    return type.substring(opening.length(), type.length() - 1);
  }

  private ObjectNode array(String items, String path) throws ShorthandProblem {
    var schema = JSON.objectNode().put("type", "array");
    schema.set("items", nested(items, path));
    return schema;
  }

  private ObjectNode map(String values, String path) throws ShorthandProblem {
    var schema = JSON.objectNode().put("type", "object");
    schema.set("additionalProperties", nested(values, path));
    return schema;
  }

  private ObjectNode nested(String type, String path) throws ShorthandProblem {
    requireDepth();
    open.push("");
    try {
      return type(type, path);
    } finally {
      open.pop();
    }
  }

  private ObjectNode custom(String name, String path) throws ShorthandProblem {
    var definition = types.get(name);
    if (definition == null) {
      throw new ShorthandProblem("unknown type \"" + name + "\"");
    }
    if (open.contains(name)) {
      throw new ShorthandProblem("detected cyclic type reference involving \"" + name + "\"");
    }
    requireDepth();
    open.push(name);
    try {
      if (definition.isTextual()) {
        return text(definition.textValue(), path);
      }
      if (definition.isObject()) {
        return object(definition, path);
      }
      throw new ShorthandProblem(
          "unsupported definition of type \"" + name + "\": " + kind(definition));
    } finally {
      open.pop();
    }
  }

  private static void constraint(String token, ObjectNode schema) throws ShorthandProblem {
    var equals = token.indexOf('=');
    var key = equals < 0 ? token : token.substring(0, equals);
    if (key.startsWith("oc:")) {
      return; // reserved for annotations by other programs
    }
    if (equals < 0) {
      throw new ShorthandProblem("constraint marker \"" + token
          + "\" is missing a value (should be in format 'key=value')");
    }
    var value = token.substring(equals + 1);
    switch (key) {
      case "default" -> schema.set("default", typed(value, schema, key));
      case "enum" -> {
        var allowed = JSON.arrayNode();
        for (var one : ConstraintTokens.list(value)) {
          allowed.add(typed(one, schema, key));
        }
        schema.set("enum", allowed);
      }
      case "minimum", "maximum", "multipleOf" -> schema.set(key, number(value, key));
      case "exclusiveMinimum", "exclusiveMaximum" -> schema.set(key, bool(value, key));
      case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties" ->
        schema.set(key, integer(value, key));
      case "pattern", "format", "title", "description" ->
        schema.put(key, ConstraintTokens.unquote(value));
      case "example" -> schema.set(key, example(value));
      case "required" ->
        throw new ShorthandProblem(
            "constraint marker \"required\" is not allowed; a field without a default is required,"
                + " give it a default to make it optional");
      default -> throw new ShorthandProblem("unknown constraint marker \"" + key + "\"");
    }
  }

  private static JsonNode typed(String value, ObjectNode schema, String key)
      throws ShorthandProblem {
    var type = schema.path("type").asText();
    return switch (type) {
      case "string" -> JSON.textNode(ConstraintTokens.unquote(value));
      case "integer" -> integer(ConstraintTokens.unquote(value), key);
      case "number" -> number(ConstraintTokens.unquote(value), key);
      case "boolean" -> bool(ConstraintTokens.unquote(value), key);
      default -> json(value, type, key);
    };
  }

  private static JsonNode integer(String value, String key) throws ShorthandProblem {
    try {
      if (INTEGER.matcher(value).matches()) {
        return CelValues.integer(Long.parseLong(value));
      }
    } catch (NumberFormatException e) {
      throw new ShorthandProblem(key + "=" + value + ": expected an integer of 64 bits");
    }
    throw new ShorthandProblem(key + "=" + value + ": expected an integer");
  }

  private static JsonNode number(String value, String key) throws ShorthandProblem {
    if (!FLOAT.matcher(value).matches()) {
      throw new ShorthandProblem(key + "=" + value + ": expected a number");
    }
    var number = Double.parseDouble(value);
    // whole numbers are written without a fraction, as in hand-written schemas
    return number == Math.rint(number) && Math.abs(number) < 1L << 53
        ? CelValues.integer((long) number)
        : JSON.numberNode(number);
  }

  private static JsonNode bool(String value, String key) throws ShorthandProblem {
    return switch (value) {
      case "1", "t", "T", "TRUE", "true", "True" -> JSON.booleanNode(true);
      case "0", "f", "F", "FALSE", "false", "False" -> JSON.booleanNode(false);
      default -> throw new ShorthandProblem(key + "=" + value + ": expected true or false");
    };
  }

  private static JsonNode json(String value, String type, String key) throws ShorthandProblem {
    try {
      var parsed = MAPPER.readTree(ConstraintTokens.unquote(value));
      if (type.equals("array") ? parsed.isArray() : parsed.isObject()) {
        return parsed;
      }
    } catch (JsonProcessingException e) {
      throw new ShorthandProblem(
          key + "=" + value + ": expected the JSON of an " + type + ": " + e.getOriginalMessage());
    }
    throw new ShorthandProblem(key + "=" + value + ": expected the JSON of an " + type);
  }

  private static JsonNode example(String value) throws ShorthandProblem {
    if (value.startsWith("{") || value.startsWith("[")) {
      return json(value, value.startsWith("[") ? "array" : "object", "example");
    }
    return switch (value) {
      case "true", "True", "TRUE", "t", "T" -> JSON.booleanNode(true);
      case "false", "False", "FALSE", "f", "F" -> JSON.booleanNode(false);
      default -> {
        if (INTEGER.matcher(value).matches() && value.length() < 19) {
          yield integer(value, "example");
        }
        yield FLOAT.matcher(value).matches()
            ? number(value, "example")
            : JSON.textNode(ConstraintTokens.unquote(value));
      }
    };
  }
}
