package dev.buildplane.http;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import java.util.Set;

/// The head of the answer to one request, and what it says about the connection: how the body ends and whether another request may follow.
/// Belongs to the exchange's event loop.
final class AnswerHead {
  /// Connection-level headers (RFC 9110 section 7.6.1): the server's, never a handler's.
  private static final Set<String> HOP_BY_HOP = Set.of(
      "connection",
      "keep-alive",
      "proxy-connection",
      "transfer-encoding",
      "te",
      "trailer",
      "upgrade");

  private final HttpRequest request;
  private boolean keepAlive;
  private boolean bodiless;
  private boolean sent;
  private int interim;

  AnswerHead(HttpRequest request) {
    this.request = request;
    this.keepAlive = HttpUtil.isKeepAlive(request);
  }

  /// Whether a head was made, and thus sent.
  boolean sent() {
    return sent;
  }

  /// Whether no body follows whatever the handler sends (RFC 9110 section 6.4.1).
  boolean bodiless() {
    return bodiless;
  }

  /// Whether the connection may take another request.
  boolean keepAlive() {
    return keepAlive;
  }

  /// This request is the last of its connection.
  void endConnection() {
    keepAlive = false;
  }

  /// A head without what a handler must not say.
  HttpResponse make(int status, Headers headers) {
    var response =
        new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(status));
    addTo(response, headers);
    bodiless = status == 204 || status == 304 || request.method().name().equals("HEAD");
    sent = true;
    return response;
  }

  /// Whether the caller knows interim answers (RFC 9110 section 15.2) and was given fewer than [AsyncExchange#MAX_INTERIM].
  boolean mayBeInterim() {
    return !old() && interim < AsyncExchange.MAX_INTERIM;
  }

  /// An interim answer without what a handler must not say.
  HttpResponse makeInterim(int status, Headers headers) {
    interim++;
    var response = new DefaultFullHttpResponse(
        HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(status), Unpooled.EMPTY_BUFFER);
    addTo(response, headers);
    response.headers().remove(HttpHeaderNames.CONTENT_LENGTH); // RFC 9110 section 8.6
    return response;
  }

  private static void addTo(HttpResponse response, Headers headers) {
    for (var field : headers.fields()) {
      if (!HOP_BY_HOP.contains(field.name())) {
        response.headers().add(field.name(), field.value());
      }
    }
  }

  /// Whether the caller speaks HTTP/1.0 (HTTP/2 counts as 1.1 here).
  private boolean old() {
    return !request.protocolVersion().equals(HttpVersion.HTTP_1_1);
  }

  /// Adds how HTTP/1.1 tells where the body ends (RFC 9112 section 6.3) and whether the connection goes on.
  void frame(HttpResponse response) {
    boolean old = old();
    if (!bodiless && !response.headers().contains(HttpHeaderNames.CONTENT_LENGTH)) {
      if (old) {
        keepAlive = false;
      } else {
        response.headers().set(HttpHeaderNames.TRANSFER_ENCODING, HttpHeaderValues.CHUNKED);
      }
    }
    if (!keepAlive) {
      response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
    } else if (old) {
      response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.KEEP_ALIVE);
    }
  }

  /// The 101 that ends HTTP/1.1 on a connection.
  HttpResponse makeSwitch(Headers headers) {
    sent = true;
    var response = new DefaultFullHttpResponse(
        HttpVersion.HTTP_1_1, HttpResponseStatus.SWITCHING_PROTOCOLS, Unpooled.EMPTY_BUFFER);
    for (var field : headers.fields()) {
      response.headers().add(field.name(), field.value());
    }
    response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE);
    return response;
  }

  /// The 200 that opens the pipe of an extended CONNECT. Refused answers leave the head unsent.
  ///
  /// @throws HttpProblem as [ExtendedConnect#answer]
  HttpResponse makeOpening(Headers asked, Headers answered) {
    var response = new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
    for (var field : ExtendedConnect.answer(asked, answered).fields()) {
      response.headers().add(field.name(), field.value());
    }
    sent = true;
    return response;
  }
}
