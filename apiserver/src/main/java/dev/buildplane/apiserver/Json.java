package dev.buildplane.apiserver;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;

/// JSON trees: the few ways this module makes and reads them.
final class Json {
  static final JsonMapper MAPPER = JsonMapper.builder()
      .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
      .build();

  private Json() {}

  static ObjectNode object() {
    return JsonNodeFactory.instance.objectNode();
  }

  static ArrayNode array() {
    return JsonNodeFactory.instance.arrayNode();
  }

  static ArrayNode texts(Iterable<String> values) {
    var array = array();
    values.forEach(array::add);
    return array;
  }

  static byte[] bytes(JsonNode node) {
    try {
      return MAPPER.writeValueAsBytes(node);
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Reads what this server itself wrote.
  static ObjectNode trusted(byte[] bytes) {
    try {
      return (ObjectNode) MAPPER.readTree(bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// A constant of this program.
  static ObjectNode literal(String text) {
    try {
      return (ObjectNode) MAPPER.readTree(text);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  /// The object under a field, made when it is not there.
  static ObjectNode child(ObjectNode parent, String field) {
    return parent.get(field) instanceof ObjectNode found ? found : parent.putObject(field);
  }

  static String text(JsonNode node, String... path) {
    var at = node;
    for (var field : path) {
      at = at.path(field);
    }
    return at.asText("");
  }

  static List<String> strings(JsonNode array) {
    var values = new ArrayList<String>();
    array.forEach(item -> values.add(item.asText()));
    return values;
  }

  /// As `metav1.Time`: RFC 3339 in whole seconds.
  static String time(Instant instant) {
    return instant.truncatedTo(ChronoUnit.SECONDS).toString();
  }
}
