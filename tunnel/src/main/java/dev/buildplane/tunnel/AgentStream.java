package dev.buildplane.tunnel;

import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.util.AsciiString;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The server's half of [Http2Stream]: receives the request, sends the answer. Refuses the stream, before anyone sees it, while
/// the memory budget is spent.
final class AgentStream extends Http2Stream {
  private static final Set<HttpMethod> WITH_BODY =
      Set.of(HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH);

  private boolean requestCame;
  private boolean upgradeAsked;
  private boolean answered;

  AgentStream(TunnelConnection connection, Http2Link link) {
    super(connection, link);
  }

  @Override
  boolean headHasCome() {
    return requestCame;
  }

  @Override
  boolean awaitsUpgrade() {
    return false;
  }

  @Override
  boolean isAnswer() {
    return false;
  }

  @Override
  boolean requestWasWhole() {
    return upgradeAsked;
  }

  @Override
  void headCame(Http2Headers headers, boolean end) throws TunnelException {
    if (!connection.budget().takesStreams()) {
      refuse();
      return;
    }
    requestCame = true;
    var protocol = headers.get(Http2Headers.PseudoHeaderName.PROTOCOL.value());
    upgradeAsked = protocol != null;
    var request = new DefaultHttpRequest(
        HttpVersion.HTTP_1_1, method(headers), required(headers.path(), ":path").toString());
    HeaderMapping.toHttp1(headers, request.headers());
    request.headers().set(HttpHeaderNames.HOST, required(headers.authority(), ":authority"));
    if (protocol != null) {
      request.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE);
      request.headers().set(HttpHeaderNames.UPGRADE, upgrade(protocol));
      pass(request);
      pass(LastHttpContent.EMPTY_LAST_CONTENT);
      return;
    }
    frame(request, end);
    pass(request);
    if (end) {
      endInbound();
    }
  }

  private HttpMethod method(Http2Headers headers) throws TunnelException {
    var method = HttpMethod.valueOf(required(headers.method(), ":method").toString());
    if (!upgradeAsked && method.equals(HttpMethod.CONNECT)) {
      throw new TunnelException(
          TunnelException.Code.PROTOCOL, "CONNECT without :protocol is not carried");
    }
    if (!upgradeAsked) {
      return method;
    }
    var original = headers.get(HeaderMapping.UPGRADE_METHOD);
    return original == null ? HttpMethod.GET : HttpMethod.valueOf(original.toString());
  }

  private static CharSequence required(@Nullable CharSequence value, String name)
      throws TunnelException {
    if (value == null || value.isEmpty()) {
      throw new TunnelException(TunnelException.Code.PROTOCOL, "expected " + name + ", found none");
    }
    return value;
  }

  private static CharSequence upgrade(CharSequence protocol) throws TunnelException {
    if (AsciiString.contentEqualsIgnoreCase(protocol, HeaderMapping.WEBSOCKET)) {
      return HeaderMapping.WEBSOCKET;
    }
    if (AsciiString.contentEqualsIgnoreCase(protocol, HeaderMapping.SPDY_WIRE)) {
      return HeaderMapping.SPDY;
    }
    throw new TunnelException(
        TunnelException.Code.PROTOCOL, "expected :protocol websocket or spdy/3.1, found another");
  }

  /// Gives the request a length an HTTP/1.1 server can see.
  private static void frame(HttpRequest request, boolean ended) {
    if (request.headers().contains(HttpHeaderNames.CONTENT_LENGTH)) {
      return;
    }
    if (!ended) {
      HttpUtil.setTransferEncodingChunked(request, true);
    } else if (WITH_BODY.contains(request.method())) {
      HttpUtil.setContentLength(request, 0);
    }
  }

  @Override
  Http2Headers headToSend(HttpMessage head) throws TunnelException {
    if (answered || !(head instanceof HttpResponse response)) {
      throw new TunnelException(
          TunnelException.Code.PROTOCOL, "expected one answer on a stream, found another head");
    }
    var status = response.status();
    boolean switching = status.code() == HttpResponseStatus.SWITCHING_PROTOCOLS.code();
    if (switching && !upgradeAsked) {
      throw new TunnelException(
          TunnelException.Code.PROTOCOL, "found a 101 to a request that asked for no upgrade");
    }
    if (upgradeAsked && status.codeClass() == HttpStatusClass.SUCCESS) {
      throw new TunnelException(
          TunnelException.Code.PROTOCOL,
          "expected 101 or a failure as the answer to an upgrade, found " + status);
    }
    answered = switching || status.codeClass() != HttpStatusClass.INFORMATIONAL;
    var headers = HeaderMapping.toHttp2(response.headers());
    if (switching) {
      openRawPipe();
      headers.remove(HttpHeaderNames.CONTENT_LENGTH);
      return headers.status(HttpResponseStatus.OK.codeAsText());
    }
    return headers.status(status.codeAsText());
  }
}
