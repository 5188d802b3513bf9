package dev.buildplane.apiserver;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Locale;

/// Reads what clients send: JSON or YAML, with duplicate keys told or refused.
final class Bodies {
  static final String ACCEPTED = "application/json, application/yaml";
  /// Nesting of objects and arrays in one body.
  private static final int MAX_DEPTH = 200;

  private static final JsonMapper LENIENT = json(false);
  private static final JsonMapper STRICT = json(true);
  private static final YAMLMapper YAML = YAMLMapper.builder(YAMLFactory.builder()
          .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
          .enable(YAMLGenerator.Feature.MINIMIZE_QUOTES)
          .build())
      .build();

  private Bodies() {}

  private static JsonMapper json(boolean strict) {
    var mapper = JsonMapper.builder()
        .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
        .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
        .configure(JsonParser.Feature.STRICT_DUPLICATE_DETECTION, strict)
        .build();
    mapper
        .getFactory()
        .setStreamReadConstraints(
            StreamReadConstraints.builder().maxNestingDepth(MAX_DEPTH).build());
    return mapper;
  }

  static byte[] yaml(JsonNode node) {
    try {
      return YAML.writeValueAsBytes(node);
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// @param contentType as sent; empty means JSON
  /// @throws ApiProblem 400 for what cannot be read, 415 for other types
  static JsonNode read(byte[] body, String contentType, ResourceType type, WriteOptions options) {
    var media = contentType.split(";")[0].strip().toLowerCase(Locale.ROOT);
    return switch (media) {
      case "", "application/json" -> json(body, type, options);
      case "application/yaml" -> parse(YAML, body, type);
      case Protobuf.MEDIA_TYPE -> Protobuf.read(body);
      default -> throw ApiProblem.unsupportedMediaType(media, ACCEPTED);
    };
  }

  private static JsonNode json(byte[] body, ResourceType type, WriteOptions options) {
    if (options.validation() == WriteOptions.Validation.IGNORE) {
      return parse(LENIENT, body, type);
    }
    try {
      return STRICT.readTree(text(body));
    } catch (JsonProcessingException e) {
      if (e.getOriginalMessage().startsWith("Duplicate")) {
        Preparation.tell(type, List.of(duplicate(e.getOriginalMessage())), options);
      }
      return parse(LENIENT, body, type);
    }
  }

  /// JSON is UTF-8 (RFC 8259 section 8.1). Given bytes, the parser would guess another encoding from them.
  private static String text(byte[] body) {
    return new String(body, UTF_8);
  }

  /// From Jackson's `Duplicate field 'x'`.
  private static String duplicate(String message) {
    var first = message.indexOf('\'');
    var last = message.lastIndexOf('\'');
    return "duplicate field \"" + (first < last ? message.substring(first + 1, last) : "?") + "\"";
  }

  private static JsonNode parse(ObjectMapper mapper, byte[] body, ResourceType type) {
    try {
      var node = mapper.readTree(text(body));
      return node == null ? Json.object() : node;
    } catch (JsonProcessingException e) {
      throw ApiProblem.badRequest(type.kind() + " in version \"" + type.version()
          + "\" cannot be handled as a " + type.kind() + ": " + e.getOriginalMessage() + place(e));
    }
  }

  private static String place(JsonProcessingException e) {
    var at = e.getLocation();
    return at == null ? "" : " (line " + at.getLineNr() + ", column " + at.getColumnNr() + ")";
  }

  /// A body that must be an object of that type.
  ///
  /// @throws ApiProblem 400 when it is of another
  static ObjectNode object(JsonNode node, ResourceType type) {
    if (!(node instanceof ObjectNode object)) {
      throw ApiProblem.badRequest(
          "expected an object of kind " + type.kind() + ", found other JSON");
    }
    var apiVersion = Json.text(object, "apiVersion");
    var kind = Json.text(object, "kind");
    if (!apiVersion.isEmpty() && !apiVersion.equals(type.apiVersion())) {
      throw ApiProblem.badRequest("the API version in the data (" + apiVersion
          + ") does not match the expected API version (" + type.apiVersion() + ")");
    }
    if (!kind.isEmpty() && !kind.equals(type.kind())) {
      throw ApiProblem.badRequest(
          type.kind() + " in version \"" + type.version() + "\" cannot be handled as a "
              + type.kind() + ": the object provided is of kind " + kind);
    }
    if (object.has("metadata") && !object.path("metadata").isObject()) {
      throw ApiProblem.badRequest(
          "metadata: expected an object, found " + object.path("metadata").getNodeType());
    }
    return object.put("apiVersion", type.apiVersion()).put("kind", type.kind());
  }
}
