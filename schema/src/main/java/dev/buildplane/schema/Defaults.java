package dev.buildplane.schema;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/// Checks that every default value of a schema is itself valid once pruned and defaulted.
final class Defaults {
  private Defaults() {}

  static List<FieldError> check(SchemaNode schema) {
    var errors = new ArrayList<FieldError>();
    walk(schema, true, errors);
    return errors;
  }

  private static void walk(SchemaNode schema, boolean root, List<FieldError> errors) {
    if (schema.defaultValue() != null) {
      var at = Paths.child(schema.path(), "default");
      if (root) {
        errors.add(new FieldError(
            at, FieldError.Type.FORBIDDEN, schema.defaultValue(), "must not be set at the root"));
      } else {
        judge(schema, schema.defaultValue(), at, errors);
      }
    }
    schema.properties().values().forEach(child -> walk(child, false, errors));
    if (schema.additional() != null) {
      walk(schema.additional(), false, errors);
    }
    if (schema.items() != null) {
      walk(schema.items(), false, errors);
    }
  }

  private static void judge(SchemaNode schema, JsonNode given, String at, List<FieldError> errors) {
    var value = given.<JsonNode>deepCopy();
    var unknown = Pruning.prune(value, schema, false);
    if (!unknown.isEmpty()) {
      errors.add(new FieldError(
          at,
          FieldError.Type.INVALID,
          given,
          "must not have unknown fields: " + String.join(", ", unknown)));
      return;
    }
    Defaulting.apply(value, schema, false);
    Validation.run(value, null, schema).forEach(error -> errors.add(error.under(at)));
  }
}
