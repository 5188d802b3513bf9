package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.time.Instant;
import java.util.function.BiFunction;
import java.util.function.Function;

/// One column of a `Table` answer.
///
/// @param priority 0 is always shown, more only in wide output
/// @param cell the value for an object at a moment
record Column(
    String name,
    String type,
    String format,
    String description,
    int priority,
    BiFunction<ObjectNode, Instant, JsonNode> cell) {

  static final Column NAME = new Column(
      "Name",
      "string",
      "name",
      "Name must be unique within a namespace.",
      0,
      (object, _) -> TextNode.valueOf(Meta.name(object)));

  static final Column AGE = new Column(
      "Age",
      "string",
      "",
      "CreationTimestamp of the object.",
      0,
      (object, now) ->
          TextNode.valueOf(Ages.since(Json.text(object, "metadata", "creationTimestamp"), now)));

  static Column text(String name, Function<ObjectNode, String> value) {
    return new Column(
        name, "string", "", "", 0, (object, _) -> TextNode.valueOf(value.apply(object)));
  }

  static Column number(String name, Function<ObjectNode, Integer> value) {
    return new Column(
        name, "integer", "", "", 0, (object, _) -> Json.MAPPER.valueToTree(value.apply(object)));
  }

  Column wide() {
    return new Column(name, type, format, description, 1, cell);
  }

  ObjectNode definition() {
    return Json.object()
        .put("name", name)
        .put("type", type)
        .put("format", format)
        .put("description", description)
        .put("priority", priority);
  }
}
