package dev.buildplane.schema;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// One parsed schema: shape (type, properties, items), value rules, logical junctors and CEL rules. Immutable.
///
/// @param path where it stands in the whole schema, for example `properties[spec]`
/// @param type the JSON type; null for int-or-string, for unknown fields, and inside junctors
/// @param additional the schema of map values; null when none is given
/// @param openMap whether `additionalProperties: true` was given
/// @param branches the junctors, null when the schema has none
record SchemaNode(
    String path,
    @Nullable JsonType type,
    Traits traits,
    Map<String, SchemaNode> properties,
    @Nullable SchemaNode additional,
    boolean openMap,
    @Nullable SchemaNode items,
    @Nullable JsonNode defaultValue,
    ValueRules rules,
    @Nullable Branches branches,
    ListKind listKind,
    List<String> mapKeys,
    List<CelRule> celRules) {

  /// @param nullable whether null is a value
  /// @param preserveUnknown whether fields that are not declared stay
  /// @param embedded whether the object is a whole Kubernetes object, with apiVersion, kind and metadata
  /// @param intOrString whether the value is an integer or a string
  record Traits(boolean nullable, boolean preserveUnknown, boolean embedded, boolean intOrString) {}

  /// The logical junctors. Lists are empty when absent.
  record Branches(
      List<SchemaNode> allOf,
      List<SchemaNode> anyOf,
      List<SchemaNode> oneOf,
      @Nullable SchemaNode not) {}

  /// How entries of a list are told apart.
  enum ListKind {
    ATOMIC,
    SET,
    MAP
  }

  /// The schema of the field `name` of an object, or of a map's value; null when unknown.
  @Nullable
  SchemaNode child(String name) {
    var property = properties.get(name);
    return property != null ? property : additional;
  }

  /// Whether a JSON null stands for "not given" here.
  boolean dropsNull() {
    return !traits.nullable;
  }
}
