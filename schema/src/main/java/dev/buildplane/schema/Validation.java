package dev.buildplane.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Judges one value against the OpenAPI keywords of a schema. CEL rules are [RuleBook]'s job. One use per instance.
///
/// On an update, a part of the value that is unchanged is not judged again ("validation ratcheting"), so that an object
/// stored before a schema was tightened can still be changed elsewhere.
final class Validation {
  private final List<FieldError> errors;

  private Validation(List<FieldError> errors) {
    this.errors = errors;
  }

  static List<FieldError> run(JsonNode value, @Nullable JsonNode old, SchemaNode schema) {
    var errors = new ArrayList<FieldError>();
    new Validation(errors).check(value, old, schema, "");
    return errors;
  }

  private void check(JsonNode value, @Nullable JsonNode old, SchemaNode schema, String path) {
    if (errors.size() >= StructuralSchema.MAX_ERRORS || (old != null && value.equals(old))) {
      return;
    }
    if (value.isNull() && (schema.traits().nullable() || untyped(schema))) {
      return;
    }
    if (!rightType(value, schema)) {
      var found = JsonType.nameOf(value);
      var wanted =
          schema.traits().intOrString() ? "integer or string" : String.valueOf(schema.type());
      error(
          path,
          FieldError.Type.TYPE_INVALID,
          TextNode.valueOf(found),
          inBody(path, "must be of type " + wanted + ": \"" + found + "\""));
      return;
    }
    rules(value, schema.rules(), path);
    branches(value, schema, path);
    if (value instanceof ObjectNode object) {
      fields(object, old, schema, path);
    } else if (value instanceof ArrayNode array) {
      entries(array, old, schema, path);
    }
  }

  private static boolean untyped(SchemaNode schema) {
    return schema.type() == null && !schema.traits().intOrString();
  }

  private static boolean rightType(JsonNode value, SchemaNode schema) {
    if (schema.traits().intOrString()) {
      return JsonType.STRING.matches(value) || JsonType.INTEGER.matches(value);
    }
    return schema.type() == null || schema.type().matches(value);
  }

  private void fields(ObjectNode object, @Nullable JsonNode old, SchemaNode schema, String path) {
    for (var field : object.properties()) {
      var declared = schema.properties().get(field.getKey());
      var child = schema.child(field.getKey());
      if (child != null) {
        var at =
            declared != null ? Paths.child(path, field.getKey()) : Paths.key(path, field.getKey());
        check(field.getValue(), old == null ? null : old.get(field.getKey()), child, at);
      }
    }
  }

  private void entries(ArrayNode array, @Nullable JsonNode old, SchemaNode schema, String path) {
    if (schema.listKind() != SchemaNode.ListKind.ATOMIC) {
      duplicates(array, schema, path);
    }
    if (schema.items() == null) {
      return;
    }
    var correlated = Correlation.of(schema, old);
    for (var i = 0; i < array.size(); i++) {
      check(array.get(i), correlated.oldEntry(array.get(i)), schema.items(), Paths.index(path, i));
    }
  }

  private void duplicates(ArrayNode array, SchemaNode schema, String path) {
    var seen = new HashSet<JsonNode>();
    for (var i = 0; i < array.size(); i++) {
      var identity = Correlation.identity(array.get(i), schema);
      if (!seen.add(identity)) {
        error(Paths.index(path, i), FieldError.Type.DUPLICATE, identity, "");
      }
    }
  }

  private void rules(JsonNode value, ValueRules rules, String path) {
    if (!rules.enumeration().isEmpty()
        && rules.enumeration().stream().noneMatch(one -> same(one, value))) {
      var supported =
          rules.enumeration().stream().map(JsonNode::toString).collect(Collectors.joining(", "));
      error(path, FieldError.Type.NOT_SUPPORTED, value, "supported values: " + supported);
    }
    switch (value.getNodeType()) {
      case STRING -> text(value, rules, path);
      case NUMBER -> number(value, rules, path);
      case ARRAY -> {
        tooMany(value, rules.maxItems(), path, "items");
        tooFew(value, rules.minItems(), path, "items");
      }
      case OBJECT -> object(value, rules, path);
      case BOOLEAN, NULL, MISSING, BINARY, POJO -> {}
    }
  }

  private void text(JsonNode value, ValueRules rules, String path) {
    var text = value.textValue();
    var length = text.codePointCount(0, text.length());
    if (rules.maxLength() != null && length > rules.maxLength()) {
      error(
          path,
          FieldError.Type.TOO_LONG,
          value,
          "may not be more than " + rules.maxLength() + " bytes");
    }
    if (rules.minLength() != null && length < rules.minLength()) {
      error(
          path,
          FieldError.Type.INVALID,
          value,
          inBody(path, "should be at least " + rules.minLength() + " chars long"));
    }
    if (rules.pattern() != null && !rules.pattern().matcher(text).find()) {
      error(
          path,
          FieldError.Type.INVALID,
          value,
          inBody(path, "should match '" + rules.pattern().pattern() + "'"));
    }
    if (rules.format() != null && !Formats.matchesText(rules.format(), text)) {
      error(
          path,
          FieldError.Type.INVALID,
          value,
          inBody(path, "must be of type " + rules.format() + ": " + value));
    }
  }

  private void number(JsonNode value, ValueRules rules, String path) {
    var number = value.decimalValue();
    var low = rules.minimum();
    if (low != null && below(number, low)) {
      var relation = low.exclusive() ? "greater than " : "greater than or equal to ";
      error(
          path,
          FieldError.Type.INVALID,
          value,
          inBody(path, "should be " + relation + plain(low.limit())));
    }
    var high = rules.maximum();
    if (high != null && above(number, high)) {
      var relation = high.exclusive() ? "less than " : "less than or equal to ";
      error(
          path,
          FieldError.Type.INVALID,
          value,
          inBody(path, "should be " + relation + plain(high.limit())));
    }
    if (rules.multipleOf() != null
        && Numbers.remainder(number, rules.multipleOf()).signum() != 0) {
      error(
          path,
          FieldError.Type.INVALID,
          value,
          inBody(path, "should be a multiple of " + plain(rules.multipleOf())));
    }
    if (rules.format() != null && !Formats.matchesNumber(rules.format(), value)) {
      error(
          path,
          FieldError.Type.INVALID,
          value,
          inBody(path, "must be of type " + rules.format() + ": \"" + value + "\""));
    }
  }

  private void object(JsonNode value, ValueRules rules, String path) {
    for (var name : rules.required()) {
      if (!value.has(name)) {
        error(Paths.child(path, name), FieldError.Type.REQUIRED, MissingNode.getInstance(), "");
      }
    }
    tooMany(value, rules.maxProperties(), path, "items");
    tooFew(value, rules.minProperties(), path, "properties");
  }

  private void tooMany(JsonNode value, @Nullable Long limit, String path, String what) {
    if (limit != null && value.size() > limit) {
      error(
          path,
          FieldError.Type.TOO_MANY,
          IntNode.valueOf(value.size()),
          "must have at most " + limit + " " + what);
    }
  }

  private void tooFew(JsonNode value, @Nullable Long limit, String path, String what) {
    if (limit != null && value.size() < limit) {
      error(
          path,
          FieldError.Type.INVALID,
          IntNode.valueOf(value.size()),
          inBody(path, "should have at least " + limit + " " + what));
    }
  }

  private void branches(JsonNode value, SchemaNode schema, String path) {
    var branches = schema.branches();
    if (branches == null) {
      return;
    }
    var name = "\"" + path + "\" ";
    for (var one : branches.allOf()) {
      check(value, null, one, path);
    }
    if (!branches.anyOf().isEmpty()
        && branches.anyOf().stream().noneMatch(one -> holds(value, one, path))) {
      error(
          path,
          FieldError.Type.INVALID,
          shown(value),
          name + "must validate at least one schema (anyOf)");
      explain(value, branches.anyOf(), path);
    }
    if (!branches.oneOf().isEmpty()) {
      var valid =
          branches.oneOf().stream().filter(one -> holds(value, one, path)).count();
      if (valid != 1) {
        var found = valid == 0 ? "Found none valid" : "Found " + valid + " valid alternatives";
        error(
            path,
            FieldError.Type.INVALID,
            shown(value),
            name + "must validate one and only one schema (oneOf). " + found);
      }
      if (valid == 0) {
        explain(value, branches.oneOf(), path);
      }
    }
    if (branches.not() != null && holds(value, branches.not(), path)) {
      error(
          path, FieldError.Type.INVALID, shown(value), name + "must not validate the schema (not)");
    }
  }

  /// Adds the errors of the branch that comes nearest, which is what its author has to mend.
  private void explain(JsonNode value, List<SchemaNode> alternatives, String path) {
    List<FieldError> nearest = List.of();
    for (var one : alternatives) {
      var found = run(value, one, path);
      if (nearest.isEmpty() || found.size() < nearest.size()) {
        nearest = found;
      }
    }
    nearest.forEach(this::add);
  }

  private static boolean holds(JsonNode value, SchemaNode branch, String path) {
    return run(value, branch, path).isEmpty();
  }

  private static List<FieldError> run(JsonNode value, SchemaNode branch, String path) {
    var found = new ArrayList<FieldError>();
    new Validation(found).check(value, null, branch, path);
    return found;
  }

  private static JsonNode shown(JsonNode value) {
    return value.isContainerNode()
        ? JsonNodeFactory.instance.textNode(value.isArray() ? "array" : "object")
        : value;
  }

  private static boolean same(JsonNode one, JsonNode other) {
    return (one.isNumber() && other.isNumber())
        ? one.decimalValue().compareTo(other.decimalValue()) == 0
        : one.equals(other);
  }

  private static boolean below(BigDecimal number, ValueRules.Bound bound) {
    var order = number.compareTo(bound.limit());
    return order < 0 || (bound.exclusive() && order == 0);
  }

  private static boolean above(BigDecimal number, ValueRules.Bound bound) {
    var order = number.compareTo(bound.limit());
    return order > 0 || (bound.exclusive() && order == 0);
  }

  private static String plain(BigDecimal number) {
    return Numbers.plain(number);
  }

  private static String inBody(String path, String text) {
    return path.isEmpty() ? "body " + text : path + " in body " + text;
  }

  private void error(String path, FieldError.Type type, JsonNode value, String detail) {
    add(new FieldError(path, type, value, detail));
  }

  private void add(FieldError error) {
    if (errors.size() < StructuralSchema.MAX_ERRORS) {
      errors.add(error);
    }
  }
}
