package dev.buildplane.agent;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import java.nio.charset.StandardCharsets;

/// Failures of the agent's own as Kubernetes `Status` objects, so that every client shows their message.
final class StatusAnswer {
  private StatusAnswer() {}

  static FullHttpResponse of(HttpResponseStatus status, String reason, String message) {
    var json = JsonNodeFactory.instance.objectNode();
    json.put("kind", "Status").put("apiVersion", "v1").putObject("metadata");
    json.put("status", "Failure")
        .put("message", message)
        .put("reason", reason)
        .put("code", status.code());
    var body = Unpooled.copiedBuffer(json.toString(), StandardCharsets.UTF_8);
    var response = new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status, body);
    response
        .headers()
        .set(HttpHeaderNames.CONTENT_TYPE, "application/json")
        .set(HttpHeaderNames.CONTENT_LENGTH, body.readableBytes());
    return response;
  }
}
