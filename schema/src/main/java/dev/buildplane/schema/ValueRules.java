package dev.buildplane.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.re2j.Pattern;
import java.math.BigDecimal;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The keywords of one schema that judge a value without looking at its shape. Absent ones are null or empty.
///
/// @param required property names, in the order of the schema
record ValueRules(
    List<String> required,
    List<JsonNode> enumeration,
    @Nullable Pattern pattern,
    @Nullable String format,
    @Nullable Bound minimum,
    @Nullable Bound maximum,
    @Nullable BigDecimal multipleOf,
    @Nullable Long minLength,
    @Nullable Long maxLength,
    @Nullable Long minItems,
    @Nullable Long maxItems,
    @Nullable Long minProperties,
    @Nullable Long maxProperties) {

  /// A limit on numbers.
  record Bound(BigDecimal limit, boolean exclusive) {}
}
