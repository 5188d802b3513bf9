package dev.buildplane.tunnel;

import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpResponse;
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
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.util.AsciiString;
import org.jspecify.annotations.Nullable;

/// The client's half of [Http2Stream]: sends the request, receives the answer.
final class GatewayStream extends Http2Stream {
  private static final AsciiString CONNECT = HttpMethod.CONNECT.asciiName();
  private static final AsciiString HTTPS = AsciiString.cached("https");

  private boolean requestSent;
  private boolean isHead;
  private boolean answered;
  private @Nullable AsciiString upgrade;

  GatewayStream(TunnelConnection connection, Http2Link link) {
    super(connection, link);
  }

  @Override
  Http2Headers headToSend(HttpMessage head) throws TunnelException {
    if (requestSent || !(head instanceof HttpRequest request)) {
      throw new TunnelException(
          TunnelException.Code.PROTOCOL, "expected one request on a stream, found another head");
    }
    if (request.method().equals(HttpMethod.CONNECT)) {
      throw new TunnelException(
          TunnelException.Code.PROTOCOL, "CONNECT is not carried; ask for an upgrade instead");
    }
    if (connection.isDraining()) {
      throw new TunnelException(
          TunnelException.Code.DRAINING, "this tunnel is draining; use another");
    }
    requestSent = true;
    isHead = request.method().equals(HttpMethod.HEAD);
    upgrade = HeaderMapping.upgrade(request.headers());
    if (upgrade != null && !connection.peerTakesConnect()) {
      throw new TunnelException(
          TunnelException.Code.PROTOCOL,
          "the agent does not carry upgrades (no SETTINGS_ENABLE_CONNECT_PROTOCOL)");
    }
    var headers = HeaderMapping.toHttp2(request.headers());
    headers
        .scheme(HTTPS)
        .path(request.uri())
        .authority(request.headers().get(HttpHeaderNames.HOST, ""));
    if (upgrade == null) {
      return headers.method(request.method().asciiName());
    }
    if (!request.method().equals(HttpMethod.GET)) {
      headers.set(HeaderMapping.UPGRADE_METHOD, request.method().asciiName());
    }
    headers.remove(HttpHeaderNames.CONTENT_LENGTH); // of a body that an upgrade does not have
    return headers.method(CONNECT).set(Http2Headers.PseudoHeaderName.PROTOCOL.value(), upgrade);
  }

  @Override
  boolean awaitsUpgrade() {
    return upgrade != null && !answered;
  }

  @Override
  boolean isAnswer() {
    return true;
  }

  @Override
  boolean requestWasWhole() {
    return false;
  }

  @Override
  boolean headHasCome() {
    return answered;
  }

  @Override
  void headCame(Http2Headers headers, boolean end) throws TunnelException {
    var status = status(headers);
    if (status.codeClass() == HttpStatusClass.INFORMATIONAL) {
      informationalCame(headers, end, status);
      return;
    }
    answered = true;
    if (upgrade != null && status.code() == HttpResponseStatus.OK.code()) {
      upgraded(headers, end, upgrade);
      return;
    }
    var response = new DefaultHttpResponse(HttpVersion.HTTP_1_1, status);
    HeaderMapping.toHttp1(headers, response.headers());
    frame(response, end);
    if (upgrade != null) {
      endRequest();
    }
    pass(response);
    if (end) {
      endInbound();
    }
  }

  private static HttpResponseStatus status(Http2Headers headers) throws TunnelException {
    var text = headers.status();
    if (text == null || text.length() != 3) {
      throw new TunnelException(TunnelException.Code.PROTOCOL, "expected a status of three digits");
    }
    try {
      return HttpResponseStatus.parseLine(text);
    } catch (IllegalArgumentException notAStatus) {
      throw new TunnelException(TunnelException.Code.PROTOCOL, "expected a status of three digits");
    }
  }

  private void informationalCame(Http2Headers headers, boolean end, HttpResponseStatus status)
      throws TunnelException {
    if (end || status.equals(HttpResponseStatus.SWITCHING_PROTOCOLS)) {
      throw new TunnelException(
          TunnelException.Code.PROTOCOL, "expected an interim answer, found " + status);
    }
    var interim = new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status);
    HeaderMapping.toHttp1(headers, interim.headers());
    pass(interim);
  }

  private void upgraded(Http2Headers headers, boolean end, AsciiString protocol) {
    var switching =
        new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.SWITCHING_PROTOCOLS);
    HeaderMapping.toHttp1(headers, switching.headers());
    switching.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE);
    switching
        .headers()
        .set(
            HttpHeaderNames.UPGRADE,
            protocol.equals(HeaderMapping.SPDY_WIRE) ? HeaderMapping.SPDY : protocol);
    openRawPipe();
    pass(switching);
    if (end) {
      endInbound();
    }
  }

  /// Gives the answer a length an HTTP/1.1 reader can see.
  private void frame(HttpResponse response, boolean ended) {
    int code = response.status().code();
    if (isHead
        || code == 204
        || code == 304
        || response.headers().contains(HttpHeaderNames.CONTENT_LENGTH)) {
      return;
    }
    if (ended) {
      HttpUtil.setContentLength(response, 0);
    } else {
      HttpUtil.setTransferEncodingChunked(response, true);
    }
  }
}
