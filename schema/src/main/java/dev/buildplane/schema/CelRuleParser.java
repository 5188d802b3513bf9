package dev.buildplane.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Reads `x-kubernetes-validations`.
final class CelRuleParser {
  private CelRuleParser() {}

  static List<CelRule> parse(SchemaKeywords keywords, JsonNode schema, String path) {
    var found = new ArrayList<CelRule>();
    for (var entry : schema.path("x-kubernetes-validations")) {
      var at = Paths.index(Paths.child(path, "x-kubernetes-validations"), found.size());
      var rule = entry.path("rule").asText("");
      if (rule.isBlank()) {
        keywords.error(
            Paths.child(at, "rule"),
            FieldError.Type.REQUIRED,
            MissingNode.getInstance(),
            "rule is not specified");
      }
      found.add(new CelRule(
          at,
          rule.strip(),
          message(keywords, entry, at),
          entry.path("messageExpression").isTextual()
              ? entry.get("messageExpression").asText()
              : null,
          reason(keywords, entry, at),
          entry.path("optionalOldSelf").asBoolean(false),
          fieldPath(keywords, entry, at)));
    }
    return List.copyOf(found);
  }

  private static @Nullable String message(SchemaKeywords keywords, JsonNode entry, String at) {
    var given = entry.get("message");
    if (given == null || given.isNull()) {
      return null;
    }
    if (given.asText().isBlank()) {
      keywords.error(
          Paths.child(at, "message"),
          FieldError.Type.INVALID,
          given,
          "message must be non-empty if specified");
    } else if (given.asText().contains("\n")) {
      keywords.error(
          Paths.child(at, "message"),
          FieldError.Type.INVALID,
          given,
          "message must not contain line breaks");
    }
    return given.asText().strip();
  }

  private static FieldError.Type reason(SchemaKeywords keywords, JsonNode entry, String at) {
    return switch (entry.path("reason").asText("FieldValueInvalid")) {
      case "FieldValueInvalid" -> FieldError.Type.INVALID;
      case "FieldValueForbidden" -> FieldError.Type.FORBIDDEN;
      case "FieldValueRequired" -> FieldError.Type.REQUIRED;
      case "FieldValueDuplicate" -> FieldError.Type.DUPLICATE;
      default -> {
        keywords.error(
            Paths.child(at, "reason"),
            FieldError.Type.NOT_SUPPORTED,
            entry.get("reason"),
            "supported values: \"FieldValueRequired\", \"FieldValueForbidden\", \"FieldValueInvalid\", \"FieldValueDuplicate\"");
        yield FieldError.Type.INVALID;
      }
    };
  }

  private static List<String> fieldPath(SchemaKeywords keywords, JsonNode entry, String at) {
    var given = entry.get("fieldPath");
    if (given == null || given.isNull()) {
      return List.of();
    }
    var names = FieldPath.parse(given.asText());
    if (names.isEmpty()) {
      keywords.error(
          Paths.child(at, "fieldPath"),
          FieldError.Type.INVALID,
          given,
          "fieldPath must be a path of child fields such as .spec.name or .labels['a.b']");
    }
    return names;
  }
}
