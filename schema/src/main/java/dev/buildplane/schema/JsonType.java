package dev.buildplane.schema;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// The types a schema can ask for.
enum JsonType {
  OBJECT,
  ARRAY,
  STRING,
  INTEGER,
  NUMBER,
  BOOLEAN;

  static @Nullable JsonType named(String name) {
    return switch (name) {
      case "object" -> OBJECT;
      case "array" -> ARRAY;
      case "string" -> STRING;
      case "integer" -> INTEGER;
      case "number" -> NUMBER;
      case "boolean" -> BOOLEAN;
      default -> null;
    };
  }

  /// The name of the type `value` has, as messages show it.
  static String nameOf(JsonNode value) {
    return switch (value.getNodeType()) {
      case OBJECT, POJO -> "object";
      case ARRAY -> "array";
      case STRING, BINARY -> "string";
      case BOOLEAN -> "boolean";
      case NULL, MISSING -> "null";
      case NUMBER -> isWhole(value) ? "integer" : "number";
    };
  }

  boolean matches(JsonNode value) {
    return switch (this) {
      case OBJECT -> value.isObject();
      case ARRAY -> value.isArray();
      case STRING -> value.isTextual();
      case INTEGER -> value.isNumber() && isWhole(value);
      case NUMBER -> value.isNumber();
      case BOOLEAN -> value.isBoolean();
    };
  }

  /// Whether a number is whole and fits 64 bits; `3.0` is.
  static boolean isWhole(JsonNode value) {
    if (value.isIntegralNumber()) {
      return value.canConvertToLong();
    }
    return value.canConvertToExactIntegral() && value.canConvertToLong();
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
