package dev.buildplane.patch;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/// One step of a field path, with the encoding of `fieldsV1` (`f:name`, `k:{"name":"x"}`, `v:"x"`, `i:0`).
///
/// Ordered as Kubernetes orders them: fields, keys, values, indexes.
sealed interface PathElement extends Comparable<PathElement> {
  ObjectMapper JSON = new ObjectMapper();

  /// A field of an object or key of a map.
  record Field(String name) implements PathElement {}

  /// An item of a list of type map.
  record Key(SortedMap<String, JsonNode> fields) implements PathElement {
    public Key {
      fields = new TreeMap<>(fields);
    }
  }

  /// An item of a list of type set.
  record Value(JsonNode value) implements PathElement {}

  /// An item by position; only ever read from stored ownership, never produced.
  record Index(int index) implements PathElement {}

  private int rank() {
    return switch (this) {
      case Field _ -> 0;
      case Key _ -> 1;
      case Value _ -> 2;
      case Index _ -> 3;
    };
  }

  @Override
  default int compareTo(PathElement other) {
    if (this instanceof Field(var mine) && other instanceof Field(var its)) {
      return mine.compareTo(its);
    }
    if (this instanceof Index(var mine) && other instanceof Index(var its)) {
      return Integer.compare(mine, its);
    }
    return rank() != other.rank()
        ? Integer.compare(rank(), other.rank())
        : encoded().compareTo(other.encoded());
  }

  /// As in `fieldsV1`.
  default String encoded() {
    return switch (this) {
      case Field(var name) -> "f:" + name;
      case Key(var fields) -> "k:" + json(fields);
      case Value(var value) -> "v:" + value;
      case Index(var index) -> "i:" + index;
    };
  }

  /// As in the text of a conflict: `.spec`, `[name="x"]`, `[="x"]`, `[0]`.
  default String shown() {
    return switch (this) {
      case Field(var name) -> "." + name;
      case Key(var fields) -> {
        var text = new StringBuilder("[");
        for (var field : fields.entrySet()) {
          text.append(text.length() > 1 ? "," : "")
              .append(field.getKey())
              .append('=')
              .append(field.getValue());
        }
        yield text.append(']').toString();
      }
      case Value(var value) -> "[=" + value + "]";
      case Index(var index) -> "[" + index + "]";
    };
  }

  /// Reads one key of `fieldsV1`; empty when it is none we know.
  static Optional<PathElement> decode(String text) {
    if (text.length() < 2 || text.charAt(1) != ':') {
      return Optional.empty();
    }
    var rest = text.substring(2);
    try {
      return switch (text.charAt(0)) {
        case 'f' -> Optional.of(new Field(rest));
        case 'k' ->
          JSON.readTree(rest) instanceof ObjectNode object
              ? Optional.of(keyOf(object))
              : Optional.empty();
        case 'v' -> Optional.of(new Value(JSON.readTree(rest)));
        case 'i' -> Optional.of(new Index(Integer.parseInt(rest)));
        default -> Optional.empty();
      };
    } catch (JsonProcessingException | NumberFormatException malformed) {
      return Optional
          .empty(); // ownership written by something else; Kubernetes drops what it cannot read,
      // too
    }
  }

  private static Key keyOf(ObjectNode object) {
    var fields = new TreeMap<String, JsonNode>();
    object.properties().forEach(field -> fields.put(field.getKey(), field.getValue()));
    return new Key(fields);
  }

  private static String json(SortedMap<String, JsonNode> fields) {
    var object = JSON.createObjectNode();
    fields.forEach(object::set);
    return object.toString();
  }
}
