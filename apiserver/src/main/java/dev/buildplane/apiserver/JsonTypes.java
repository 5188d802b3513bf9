package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Locale;

/// Refuses built-in objects whose fields are of another JSON type than the schema says: once stored,
/// typed clients could no longer read any list with them. Unknown fields pass.
final class JsonTypes {
  private JsonTypes() {}

  /// @throws ApiProblem 400 at the first field that does not fit
  static void require(ResourceType type, ObjectNode object) {
    if (!type.custom()) {
      for (var property : type.openApi().path("properties").properties()) {
        check(
            type,
            property.getValue(),
            object.path(property.getKey()),
            type.kind() + "." + property.getKey());
      }
    }
  }

  private static void check(ResourceType type, JsonNode schema, JsonNode value, String path) {
    var expected = Json.text(schema, "type");
    if (value.isMissingNode() || value.isNull()) {
      return;
    }
    var fits = switch (expected) {
      case "object" -> value.isObject();
      case "array" -> value.isArray();
      case "string" -> value.isTextual();
      case "boolean" -> value.isBoolean();
      case "integer" -> value.isIntegralNumber();
      default -> true;
    };
    if (!fits) {
      throw ApiProblem.badRequest(
          "%s in version \"%s\" cannot be handled as a %s: json: cannot unmarshal %s into Go struct field %s of type %s"
              .formatted(
                  type.kind(),
                  type.version(),
                  type.kind(),
                  value.getNodeType().name().toLowerCase(Locale.ROOT),
                  path,
                  expected));
    }
    for (var property : schema.path("properties").properties()) {
      check(
          type, property.getValue(), value.path(property.getKey()), path + "." + property.getKey());
    }
    value.forEach(item -> {
      check(type, schema.path("items"), item, path);
      check(type, schema.path("additionalProperties"), item, path);
    });
  }
}
