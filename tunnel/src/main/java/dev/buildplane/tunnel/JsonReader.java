package dev.buildplane.tunnel;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;

/// Reads one message of the v0.17 JSON protocol. The body is decoded while it is read; unknown keys are skipped; depth, tokens,
/// strings, numbers and header fields are bounded, duplicate keys refused. One instance per message.
final class JsonReader {
  static final int MAX_DEPTH = 16;
  static final int MAX_TOKENS = 20_000;
  static final int MAX_STRING_CHARS = 64 << 10;
  static final int MAX_NAME_CHARS = 1024;
  static final int MAX_NUMBER_CHARS = 32;
  static final int MAX_ID_CHARS = 128;
  static final int MAX_HEADER_FIELDS = 1024;

  /// Names and values of all header fields together, as for the header list of the HTTP/2 protocol.
  static final int MAX_HEADER_CHARS = TunnelSettings.DEFAULT_MAX_HEADER_LIST_BYTES;

  private static final JsonFactory FACTORY = JsonFactory.builder()
      .streamReadConstraints(StreamReadConstraints.builder()
          .maxNestingDepth(MAX_DEPTH)
          .maxTokenCount(MAX_TOKENS)
          .maxStringLength(MAX_STRING_CHARS)
          .maxNameLength(MAX_NAME_CHARS)
          .maxNumberLength(MAX_NUMBER_CHARS)
          .build())
      .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
      .build();

  private final HttpHeaders headers = new DefaultHttpHeaders();
  private final Chunks body = new Chunks();
  private int headerFields;
  private int headerChars;
  private String requestId = "";
  private String gatewayRequestId = "";
  private String target = "";
  private String method = "";
  private String path = "";
  private String query = "";
  private String error = "";
  private int status;

  private JsonReader() {}

  static JsonRequest request(InputStream in) throws MalformedMessage {
    var read = read(in);
    return new JsonRequest(
        read.requestId,
        read.gatewayRequestId,
        read.target,
        read.method,
        read.path,
        read.query,
        read.headers,
        read.body.take());
  }

  static JsonAnswer answer(InputStream in) throws MalformedMessage {
    var read = read(in);
    if (read.status < 200 || read.status > 599) {
      throw new MalformedMessage(
          read.requestId, "expected a statusCode from 200 to 599, found " + read.status);
    }
    List<byte[]> body = read.body.take();
    return new JsonAnswer(read.requestId, read.status, read.headers, body, read.error);
  }

  /// The `requestID` of a message of which only the beginning is there; empty when it is not in it.
  static String requestIdOf(InputStream beginning) {
    try {
      return read(beginning).requestId;
    } catch (MalformedMessage cutOff) {
      return cutOff.requestId();
    }
  }

  private static JsonReader read(InputStream in) throws MalformedMessage {
    var reader = new JsonReader();
    try (var parser = FACTORY.createParser(in)) {
      reader.document(parser);
    } catch (IOException notJson) {
      // Its message quotes the content, which is not ours to log.
      throw new MalformedMessage(
          reader.requestId, "expected one JSON document, found " + kind(notJson));
    }
    if (reader.requestId.isEmpty()) {
      throw new MalformedMessage("", "expected a requestID, found none");
    }
    return reader;
  }

  private static String kind(IOException problem) {
    return problem instanceof Unexpected told
        ? told.text()
        : "something else (" + problem.getClass().getSimpleName() + ")";
  }

  private void document(JsonParser parser) throws IOException {
    if (parser.nextToken() != JsonToken.START_OBJECT) {
      throw new Unexpected("no object");
    }
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      var name = parser.currentName();
      var value = parser.nextToken();
      if (value != JsonToken.VALUE_NULL) {
        field(parser, name, value);
      }
    }
    if (parser.nextToken() != null) {
      throw new Unexpected("more behind it");
    }
  }

  private void field(JsonParser parser, String name, JsonToken value) throws IOException {
    switch (name) {
      case "requestID" -> requestId = id(parser, value);
      case "gatewayRequestID" -> gatewayRequestId = id(parser, value);
      case "target" -> target = text(parser, value);
      case "method" -> method = text(parser, value);
      case "path" -> path = text(parser, value);
      case "query" -> query = text(parser, value);
      case "statusCode" -> status = number(parser, value);
      case "headers" -> headers(parser, value);
      case "body" -> body(parser, value);
      case "error" -> error(parser, value);
      default -> parser.skipChildren();
    }
  }

  private static String id(JsonParser parser, JsonToken value) throws IOException {
    var id = text(parser, value);
    if (id.length() > MAX_ID_CHARS) {
      throw new Unexpected("an id of more than " + MAX_ID_CHARS + " characters");
    }
    return id;
  }

  private static String text(JsonParser parser, JsonToken value) throws IOException {
    if (value != JsonToken.VALUE_STRING) {
      throw new Unexpected("a value that should be a string and is not");
    }
    return parser.getText();
  }

  private static int number(JsonParser parser, JsonToken value) throws IOException {
    if (value != JsonToken.VALUE_NUMBER_INT) {
      throw new Unexpected("a statusCode that is no integer");
    }
    return parser.getIntValue();
  }

  private void body(JsonParser parser, JsonToken value) throws IOException {
    if (value != JsonToken.VALUE_STRING) {
      throw new Unexpected("a body that is no string");
    }
    try {
      parser.readBinaryValue(body);
    } catch (IllegalArgumentException notBase64) {
      throw new Unexpected("a body that is no base64");
    }
  }

  private void headers(JsonParser parser, JsonToken value) throws IOException {
    if (value != JsonToken.START_OBJECT) {
      throw new Unexpected("headers that are no object");
    }
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      var name = parser.currentName();
      var values = parser.nextToken();
      if (values == JsonToken.START_ARRAY) {
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          header(name, text(parser, parser.currentToken()));
        }
      } else if (values != JsonToken.VALUE_NULL) {
        throw new Unexpected("a header whose values are no array");
      }
    }
  }

  private void header(String name, String value) throws IOException {
    headerChars += name.length() + value.length();
    if (++headerFields > MAX_HEADER_FIELDS || headerChars > MAX_HEADER_CHARS) {
      throw new Unexpected("more than " + MAX_HEADER_FIELDS + " header fields or "
          + MAX_HEADER_CHARS + " characters of them");
    }
    try {
      headers.add(name, value);
    } catch (IllegalArgumentException notAField) {
      throw new Unexpected("a header field that is not valid in HTTP");
    }
  }

  private void error(JsonParser parser, JsonToken value) throws IOException {
    if (value != JsonToken.START_OBJECT) {
      throw new Unexpected("an error that is no object");
    }
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      var name = parser.currentName();
      var inner = parser.nextToken();
      if (name.equals("message") && inner == JsonToken.VALUE_STRING) {
        error = parser.getText();
      } else {
        parser.skipChildren();
      }
    }
  }

  /// JSON, but not of this protocol.
  private static final class Unexpected extends IOException {
    private final String text;

    Unexpected(String text) {
      super(text);
      this.text = text;
    }

    String text() {
      return text;
    }
  }
}
