package dev.buildplane.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.LongNode;
import com.google.common.primitives.UnsignedLong;
import dev.cel.common.values.CelByteString;
import dev.cel.common.values.NullValue;
import java.math.BigDecimal;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/// Turns JSON into CEL values and back.
///
/// CEL values are `Boolean`, `Long` (int), `Double`, `String`, `List`, `Map`, [NullValue], [CelByteString], [Instant] and
/// [Duration]. A Java null never appears: the evaluator takes it for an unknown.
public final class CelValues {
  /// Values nested deeper are refused.
  public static final int MAX_DEPTH = 200;

  private CelValues() {}

  /// Without a schema: whole numbers become ints, others doubles.
  ///
  /// @throws IllegalArgumentException when nested deeper than [#MAX_DEPTH]
  public static Object fromJson(JsonNode value) {
    return dynamic(value, 0);
  }

  private static Object dynamic(JsonNode value, int depth) {
    requireDepth(depth);
    return switch (value.getNodeType()) {
      case OBJECT -> {
        var map = new LinkedHashMap<String, Object>();
        value
            .properties()
            .forEach(field -> map.put(field.getKey(), dynamic(field.getValue(), depth + 1)));
        yield Collections.unmodifiableMap(map);
      }
      case ARRAY -> {
        var list = new ArrayList<Object>(value.size());
        value.forEach(entry -> list.add(dynamic(entry, depth + 1)));
        yield Collections.unmodifiableList(list);
      }
      case STRING -> value.textValue();
      case BOOLEAN -> value.booleanValue();
      case NUMBER ->
        value.isIntegralNumber() && value.canConvertToLong()
            ? (Object) value.longValue()
            : (Object) value.doubleValue();
      case NULL, MISSING, BINARY, POJO -> NullValue.NULL_VALUE;
    };
  }

  /// By schema: `integer` becomes int, `number` double, formats `date-time`, `duration` and `byte` their CEL types; the
  /// fields of objects get CEL's escaped names; undeclared fields of objects with properties are left out.
  static Object fromJson(JsonNode value, SchemaNode schema, boolean resource) {
    return typed(value, schema, resource, 0);
  }

  private static Object typed(JsonNode value, SchemaNode schema, boolean resource, int depth) {
    requireDepth(depth);
    if (schema.type() == null) {
      return dynamic(value, depth);
    }
    return switch (value.getNodeType()) {
      case OBJECT -> object(value, schema, resource || schema.traits().embedded(), depth);
      case ARRAY -> {
        var list = new ArrayList<Object>(value.size());
        var items = schema.items();
        value.forEach(entry -> list.add(
            items == null ? dynamic(entry, depth + 1) : typed(entry, items, false, depth + 1)));
        yield Collections.unmodifiableList(list);
      }
      case STRING -> text(value.textValue(), schema);
      case NUMBER -> number(value, schema);
      case BOOLEAN, NULL, MISSING, BINARY, POJO -> dynamic(value, depth);
    };
  }

  private static Object object(JsonNode value, SchemaNode schema, boolean wholeObject, int depth) {
    var map = new LinkedHashMap<String, Object>();
    var isMap = CelTypes.isMap(schema);
    for (var field : value.properties()) {
      var name = field.getKey();
      var child = schema.child(name);
      if (isMap) {
        map.put(
            name,
            child == null
                ? dynamic(field.getValue(), depth + 1)
                : typed(field.getValue(), child, false, depth + 1));
      } else if (wholeObject && CelTypes.OBJECT_FIELDS.contains(name)) {
        map.put(name, dynamic(field.getValue(), depth + 1));
      } else if (child != null) {
        CelNames.escape(name)
            .ifPresent(
                escaped -> map.put(escaped, typed(field.getValue(), child, false, depth + 1)));
      }
    }
    return Collections.unmodifiableMap(map);
  }

  private static Object number(JsonNode value, SchemaNode schema) {
    if (schema.type() == JsonType.NUMBER) {
      return value.doubleValue();
    }
    return JsonType.isWhole(value) ? (Object) value.longValue() : (Object) value.doubleValue();
  }

  private static Object text(String text, SchemaNode schema) {
    var format = schema.rules().format();
    if (format == null) {
      return text;
    }
    try {
      return switch (format) {
        case "date-time" -> OffsetDateTime.parse(text.toUpperCase(Locale.ROOT)).toInstant();
        case "date" -> LocalDate.parse(text).atStartOfDay(ZoneOffset.UTC).toInstant();
        case "duration" ->
          GoDuration.parse(text).<Object>map(duration -> duration).orElse(text);
        case "byte" -> CelByteString.of(Base64.getDecoder().decode(text));
        default -> text;
      };
    } catch (DateTimeException | IllegalArgumentException e) {
      return text; // the format error is reported by validation; a rule that uses the value fails
      // on its type
    }
  }

  private static void requireDepth(int depth) {
    if (depth > MAX_DEPTH) {
      throw new IllegalArgumentException(
          "values may be nested at most " + MAX_DEPTH + " levels deep");
    }
  }

  /// The JSON of a CEL value: bytes become base64 text, timestamps RFC 3339 text, durations seconds such as `3600s`,
  /// an empty optional null.
  ///
  /// @throws IllegalArgumentException for values without a JSON form, for example a type, or a map with keys of other
  ///     types than string, int and bool
  public static JsonNode toJson(Object value) {
    return toJson(value, 0);
  }

  private static JsonNode toJson(Object value, int depth) {
    requireDepth(depth);
    var json = JsonNodeFactory.instance;
    return switch (value) {
      case NullValue _ -> json.nullNode();
      case Boolean b -> json.booleanNode(b);
      case Long n -> integer(n);
      case UnsignedLong n -> json.numberNode(n.bigIntegerValue());
      case Double d -> json.numberNode(d);
      case String s -> json.textNode(s);
      case CelByteString bytes ->
        json.textNode(Base64.getEncoder().encodeToString(bytes.toByteArray()));
      case Instant time -> json.textNode(time.toString());
      case Duration duration -> json.textNode(seconds(duration));
      case Optional<?> optional ->
        optional.isPresent() ? toJson(optional.get(), depth + 1) : json.nullNode();
      case List<?> list -> {
        var array = json.arrayNode(list.size());
        list.forEach(entry -> array.add(toJson(entry, depth + 1)));
        yield array;
      }
      case Map<?, ?> map -> {
        var object = json.objectNode();
        map.forEach((key, entry) -> object.set(keyText(key), toJson(entry, depth + 1)));
        yield object;
      }
      case Opaque<?> opaque -> json.textNode(opaque.toString());
      default ->
        throw new IllegalArgumentException(
            "a CEL value of " + value.getClass().getSimpleName() + " has no JSON form");
    };
  }

  /// An integer as the JSON parser makes it, so that it equals the same number read from a document.
  public static JsonNode integer(long value) {
    return (int) value == value ? IntNode.valueOf((int) value) : LongNode.valueOf(value);
  }

  private static String keyText(Object key) {
    if (key instanceof String
        || key instanceof Long
        || key instanceof Boolean
        || key instanceof UnsignedLong) {
      return key.toString();
    }
    throw new IllegalArgumentException(
        "a map key must be a string, an int or a bool, found " + key);
  }

  static String seconds(Duration duration) {
    var exact =
        BigDecimal.valueOf(duration.getSeconds()).add(BigDecimal.valueOf(duration.getNano(), 9));
    return Numbers.plain(exact) + "s";
  }
}
