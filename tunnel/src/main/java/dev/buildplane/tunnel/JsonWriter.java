package dev.buildplane.tunnel;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.StreamWriteFeature;
import io.netty.handler.codec.http.HttpHeaders;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Writes messages of the v0.17 JSON protocol: one object, `body` last and in pieces that are base64 already.
final class JsonWriter {
  private static final JsonFactory FACTORY =
      JsonFactory.builder().disable(StreamWriteFeature.AUTO_CLOSE_CONTENT).build();

  /// Writes the fields of one object, all but the body.
  @FunctionalInterface
  private interface Fields {
    void write(JsonGenerator json) throws IOException;
  }

  private JsonWriter() {}

  /// @param headers end-to-end ones; names are written in the form Go gives them
  static Deque<byte[]> request(
      String requestId,
      String gatewayRequestId,
      String target,
      String method,
      String path,
      String query,
      HttpHeaders headers,
      Base64Chunks body) {
    return message(
        json -> {
          json.writeStringField("requestID", requestId);
          optional(json, "gatewayRequestID", gatewayRequestId);
          json.writeStringField("target", target);
          json.writeStringField("method", method);
          json.writeStringField("path", path);
          optional(json, "query", query);
          headers(json, headers);
        },
        body);
  }

  static Deque<byte[]> answer(
      String requestId, int status, HttpHeaders headers, Base64Chunks body) {
    return message(
        json -> {
          json.writeStringField("requestID", requestId);
          json.writeNumberField("statusCode", status);
          headers(json, headers);
        },
        body);
  }

  /// A failure of the agent's own.
  static Deque<byte[]> failure(
      String requestId, int status, HttpHeaders headers, Base64Chunks body, String message) {
    return message(
        json -> {
          json.writeStringField("requestID", requestId);
          json.writeNumberField("statusCode", status);
          headers(json, headers);
          json.writeObjectFieldStart("error");
          json.writeNumberField("code", status);
          json.writeStringField("message", message);
          json.writeEndObject();
        },
        body);
  }

  private static void optional(JsonGenerator json, String name, String value) throws IOException {
    if (!value.isEmpty()) {
      json.writeStringField(name, value);
    }
  }

  private static void headers(JsonGenerator json, HttpHeaders headers) throws IOException {
    if (headers.isEmpty()) {
      return;
    }
    var byName = new TreeMap<String, List<String>>();
    for (Map.Entry<String, String> field : headers) {
      byName
          .computeIfAbsent(canonical(field.getKey()), _ -> new ArrayList<>())
          .add(field.getValue());
    }
    json.writeObjectFieldStart("headers");
    for (var entry : byName.entrySet()) {
      json.writeArrayFieldStart(entry.getKey());
      for (var value : entry.getValue()) {
        json.writeString(value);
      }
      json.writeEndArray();
    }
    json.writeEndObject();
  }

  /// `content-type` as `Content-Type`.
  static String canonical(String name) {
    var out = new StringBuilder(name.length());
    boolean upper = true;
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      out.append(upper ? Character.toUpperCase(c) : Character.toLowerCase(c));
      upper = c == '-';
    }
    return out.toString();
  }

  private static Deque<byte[]> message(Fields fields, Base64Chunks body) {
    var out = new ByteArrayOutputStream(512);
    try (var json = FACTORY.createGenerator(out)) {
      json.writeStartObject();
      fields.write(json);
    } catch (IOException neverFromMemory) {
      throw new UncheckedIOException(neverFromMemory);
    }
    var parts = new ArrayDeque<byte[]>();
    if (body.rawBytes() == 0) {
      out.write('}');
      parts.add(out.toByteArray());
      return parts;
    }
    out.writeBytes(",\"body\":\"".getBytes(StandardCharsets.US_ASCII));
    parts.add(out.toByteArray());
    parts.addAll(body.take());
    parts.add("\"}".getBytes(StandardCharsets.US_ASCII));
    return parts;
  }
}
