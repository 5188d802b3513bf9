package dev.buildplane.render;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.ArrayList;
import java.util.List;

/// Turns the values of Argo parameters into text, which is all Argo takes.
final class ArgumentText {
  private final List<String> warnings = new ArrayList<>();

  private ArgumentText() {}

  /// Converts, in place, every `value` of `arguments.parameters` and `inputs.parameters` at any depth. A null value goes,
  /// so that a default of the template can take its place.
  ///
  /// @return a warning for each value that went
  static List<String> apply(JsonNode workflow, String where) {
    var conversion = new ArgumentText();
    conversion.walk(workflow, where);
    return conversion.warnings;
  }

  private void walk(JsonNode node, String where) {
    for (var field : node.properties()) {
      var at = where + "." + field.getKey();
      if (field.getKey().equals("arguments") || field.getKey().equals("inputs")) {
        parameters(field.getValue().path("parameters"), at + ".parameters");
      }
      walk(field.getValue(), at);
    }
    if (node.isArray()) {
      for (var i = 0; i < node.size(); i++) {
        walk(node.get(i), where + "[" + i + "]");
      }
    }
  }

  private void parameters(JsonNode parameters, String where) {
    for (var i = 0; i < parameters.size(); i++) {
      if (parameters.get(i) instanceof ObjectNode parameter && parameter.has("value")) {
        var value = parameter.get("value");
        if (value.isNull()) {
          parameter.remove("value");
          warnings.add(where + "[" + i + "].value is null and was left out");
        } else if (!value.isTextual()) {
          parameter.set("value", TextNode.valueOf(text(value)));
        }
      }
    }
  }

  static String text(JsonNode value) {
    return value.isFloatingPointNumber() ? NumberText.of(value.doubleValue()) : value.toString();
  }
}
