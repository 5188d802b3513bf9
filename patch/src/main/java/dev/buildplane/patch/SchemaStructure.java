package dev.buildplane.patch;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Reads merge structure off a structural OpenAPI v3 schema, lazily and without copying it.
///
/// @param schema the schema of this place
/// @param isObject whether this place holds a whole Kubernetes object, whose `metadata` has the well-known structure
record SchemaStructure(JsonNode schema, boolean isObject) implements MergeStructure {

  static MergeStructure root(JsonNode schema) {
    return new SchemaStructure(schema, true);
  }

  private static MergeStructure of(JsonNode schema) {
    var embedded = schema.path("x-kubernetes-embedded-resource").asBoolean();
    return new SchemaStructure(schema, embedded);
  }

  @Override
  public boolean declares(String name) {
    return schema.path("properties").has(name) || (isObject && BuiltInStructure.isTypeMeta(name));
  }

  @Override
  public MergeStructure field(String name) {
    if (isObject && "metadata".equals(name)) {
      return BuiltInStructure.objectMeta();
    }
    var property = schema.path("properties").get(name);
    if (property != null) {
      return of(property);
    }
    var additional = schema.path("additionalProperties");
    return additional.isObject() ? of(additional) : FreeStructure.INSTANCE;
  }

  @Override
  public MergeStructure item() {
    var items = schema.path("items");
    return items.isObject() ? of(items) : FreeStructure.INSTANCE;
  }

  @Override
  public boolean atomicMap() {
    return "atomic".equals(schema.path("x-kubernetes-map-type").asText());
  }

  @Override
  public ListType listType() {
    return switch (schema.path("x-kubernetes-list-type").asText("atomic")) {
      case "set" -> ListType.SET;
      case "map" -> listKeys().isEmpty() ? ListType.ATOMIC : ListType.MAP;
      default -> ListType.ATOMIC;
    };
  }

  @Override
  public List<String> listKeys() {
    var keys = new ArrayList<String>();
    for (var key : schema.path("x-kubernetes-list-map-keys")) {
      keys.add(key.asText());
    }
    return List.copyOf(keys);
  }

  @Override
  public Optional<JsonNode> defaultOf(String name) {
    return Optional.ofNullable(schema.path("properties").path(name).get("default"));
  }

  /// Custom resources take no strategic merge patch (Kubernetes answers 415), so nothing merges.
  @Override
  public boolean patchMerges() {
    return false;
  }

  @Override
  public Optional<String> patchMergeKey() {
    return Optional.empty();
  }
}
