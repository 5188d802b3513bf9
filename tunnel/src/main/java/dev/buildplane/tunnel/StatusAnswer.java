package dev.buildplane.tunnel;

import com.fasterxml.jackson.core.JsonFactory;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;

/// A failure that one of a tunnel's ends made itself, as a Kubernetes `Status` object, so that every client shows its message.
public final class StatusAnswer extends DefaultFullHttpResponse {
  private static final JsonFactory FACTORY = new JsonFactory();

  private final String message;

  private StatusAnswer(HttpResponseStatus status, byte[] body, String message) {
    super(HttpVersion.HTTP_1_1, status, Unpooled.wrappedBuffer(body));
    this.message = message;
    headers()
        .set(HttpHeaderNames.CONTENT_TYPE, "application/json")
        .set(HttpHeaderNames.CONTENT_LENGTH, body.length);
  }

  /// An answer with that status and the reason Kubernetes gives it.
  static StatusAnswer of(HttpResponseStatus status, String message) {
    var reason = switch (status.code()) {
      case 400 -> "BadRequest";
      case 401 -> "Unauthorized";
      case 403 -> "Forbidden";
      case 404 -> "NotFound";
      case 413 -> "RequestEntityTooLarge";
      case 500 -> "InternalError";
      case 502, 503 -> "ServiceUnavailable";
      case 504 -> "Timeout";
      default -> "";
    };
    return of(status, reason, message);
  }

  /// An answer with that status.
  ///
  /// @param reason as Kubernetes names it, for example `NotFound`
  public static StatusAnswer of(HttpResponseStatus status, String reason, String message) {
    var out = new ByteArrayOutputStream();
    try (var json = FACTORY.createGenerator(out)) {
      json.writeStartObject();
      json.writeStringField("kind", "Status");
      json.writeStringField("apiVersion", "v1");
      json.writeObjectFieldStart("metadata");
      json.writeEndObject();
      json.writeStringField("status", "Failure");
      json.writeStringField("message", message);
      json.writeStringField("reason", reason);
      json.writeNumberField("code", status.code());
      json.writeEndObject();
    } catch (IOException neverFromMemory) {
      throw new UncheckedIOException(neverFromMemory);
    }
    return new StatusAnswer(status, out.toByteArray(), message);
  }

  /// The message of the `Status`.
  public String message() {
    return message;
  }

  // Netty's class compares by content; two answers are never the same one.

  @Override
  public boolean equals(Object other) {
    return this == other;
  }

  @Override
  public int hashCode() {
    return System.identityHashCode(this);
  }
}
