package dev.buildplane.schema;

import com.google.common.collect.ImmutableCollection;
import com.google.common.collect.ImmutableMap;
import dev.cel.common.types.CelType;
import dev.cel.common.types.CelTypeProvider;
import dev.cel.common.types.ListType;
import dev.cel.common.types.MapType;
import dev.cel.common.types.NullableType;
import dev.cel.common.types.SimpleType;
import dev.cel.common.types.StructType;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The CEL types of a schema and everything below it, so that a rule about a field that does not exist fails to compile.
final class CelTypes {
  static final Set<String> OBJECT_FIELDS = Set.of("apiVersion", "kind", "metadata");

  private final Map<String, CelType> structs = new LinkedHashMap<>();
  private final CelType self;

  private CelTypes(SchemaNode schema, boolean resource) {
    var declared = declare(schema, resource);
    self = declared == null ? SimpleType.DYN : declared;
  }

  /// @param resource whether `schema` is the root of a Kubernetes object
  static CelTypes of(SchemaNode schema, boolean resource) {
    return new CelTypes(schema, resource);
  }

  /// The type of the value `schema` describes.
  CelType self() {
    return self;
  }

  /// Whether an object schema stands for a CEL map rather than for an object with known fields.
  static boolean isMap(SchemaNode schema) {
    return schema.additional() != null || schema.openMap();
  }

  private @Nullable CelType declare(SchemaNode schema, boolean resource) {
    if (schema.traits().intOrString()) {
      return SimpleType.DYN;
    }
    if (schema.type() == null) {
      return null;
    }
    var plain = switch (schema.type()) {
      case BOOLEAN -> SimpleType.BOOL;
      case INTEGER -> SimpleType.INT;
      case NUMBER -> SimpleType.DOUBLE;
      case STRING -> text(schema);
      case ARRAY -> ListType.create(orDyn(schema.items()));
      case OBJECT ->
        isMap(schema)
            ? MapType.create(SimpleType.STRING, orDyn(schema.additional()))
            : struct(schema, resource || schema.traits().embedded());
    };
    return schema.traits().nullable() && plain instanceof SimpleType
        ? NullableType.create(plain)
        : plain;
  }

  private CelType orDyn(@Nullable SchemaNode schema) {
    var type = schema == null ? null : declare(schema, false);
    return type == null ? SimpleType.DYN : type;
  }

  private static CelType text(SchemaNode schema) {
    return switch (String.valueOf(schema.rules().format())) {
      case "date-time", "date" -> SimpleType.TIMESTAMP;
      case "duration" -> SimpleType.DURATION;
      case "byte" -> SimpleType.BYTES;
      default -> SimpleType.STRING;
    };
  }

  private CelType struct(SchemaNode schema, boolean wholeObject) {
    var fields = new LinkedHashMap<String, CelType>();
    for (var property : schema.properties().entrySet()) {
      var type = declare(property.getValue(), false);
      if (type != null) {
        CelNames.escape(property.getKey()).ifPresent(name -> fields.put(name, type));
      }
    }
    // a colon keeps an expression from meaning the type by its name
    var name = "object:" + schema.path();
    if (wholeObject) {
      fields.put("apiVersion", SimpleType.STRING);
      fields.put("kind", SimpleType.STRING);
      fields.put("metadata", metadata(name + ":metadata"));
    }
    return declare(name, fields);
  }

  private CelType metadata(String name) {
    return declare(name, Map.of("name", SimpleType.STRING, "generateName", SimpleType.STRING));
  }

  private CelType declare(String name, Map<String, CelType> declared) {
    var fields = ImmutableMap.copyOf(declared);
    var struct =
        StructType.create(name, fields.keySet(), field -> Optional.ofNullable(fields.get(field)));
    structs.put(name, struct);
    return struct;
  }

  /// For the compiler.
  CelTypeProvider provider() {
    return new Provider(ImmutableMap.copyOf(structs));
  }

  private record Provider(ImmutableMap<String, CelType> structs) implements CelTypeProvider {
    @Override
    public ImmutableCollection<CelType> types() {
      return structs.values();
    }

    @Override
    public Optional<CelType> findType(String typeName) {
      return Optional.ofNullable(structs.get(typeName));
    }
  }
}
