package dev.buildplane.schema;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Judges one value against a schema.
final class Validation {
  /// Errors beyond this many are not collected.
  static final int MAX_ERRORS = 200;

  private Validation() {}

  static List<FieldError> run(
      JsonNode value, @Nullable JsonNode old, SchemaNode schema, boolean resource) {
    return List.of();
  }
}
