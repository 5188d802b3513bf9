package dev.buildplane.http;

import io.netty.channel.Channel;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;

/// From Netty's request to ours, refusing what is malformed.
final class RequestParser {
  private static final int MAX_REQUEST_ID_CHARS = 128;
  private static final String HTTP2_PREFIX = "x-http2-";

  private RequestParser() {}

  /// Reads one head.
  ///
  /// @throws HttpProblem 400, 414, 417, 431, 501 or 505
  static RequestHead parse(HttpRequest request, Channel channel, boolean http2, HttpLimits limits) {
    checkDecoded(request);
    var headers = headersOf(request, limits);
    var protocol = http2 ? "HTTP/2" : protocolOf(request);
    var target = RequestTarget.parse(request.uri());
    checkExpectation(headers);
    checkTransferEncoding(headers);
    return new RequestHead(
        request.method().name(),
        target.rawPath(),
        target.rawQuery(),
        authorityOf(headers, protocol),
        headers,
        connectionOf(channel).remoteAddress(),
        PeerChain.of(connectionOf(channel)),
        requestIdOf(headers),
        protocol);
  }

  private static void checkDecoded(HttpRequest request) {
    if (request.decoderResult().isSuccess()) {
      return;
    }
    throw switch (request.decoderResult().cause()) {
      case TooLongHttpLineException _ ->
        new HttpProblem(414, "request line: longer than this server accepts");
      case TooLongHttpHeaderException _ ->
        new HttpProblem(431, "request headers: more bytes than this server accepts");
      case Throwable cause -> new HttpProblem(400, "malformed request: " + cause.getMessage());
    };
  }

  private static Headers headersOf(HttpRequest request, HttpLimits limits) {
    if (request.headers().size() > limits.headerLines()) {
      throw new HttpProblem(
          431,
          "request headers: expected at most " + limits.headerLines() + " lines, found "
              + request.headers().size());
    }
    var fields = new ArrayList<Headers.Field>(request.headers().size());
    for (Map.Entry<String, String> entry : request.headers()) {
      // The HTTP/2 translation adds these for its own use; a caller has no business with them.
      if (!entry.getKey().regionMatches(true, 0, HTTP2_PREFIX, 0, HTTP2_PREFIX.length())) {
        fields.add(new Headers.Field(entry.getKey(), entry.getValue()));
      }
    }
    return new Headers(fields);
  }

  private static String protocolOf(HttpRequest request) {
    if (request.protocolVersion().equals(HttpVersion.HTTP_1_1)) {
      return "HTTP/1.1";
    }
    if (request.protocolVersion().equals(HttpVersion.HTTP_1_0)) {
      return "HTTP/1.0";
    }
    throw new HttpProblem(
        505, "protocol version: expected HTTP/1.1 or HTTP/2, found " + request.protocolVersion());
  }

  private static String authorityOf(Headers headers, String protocol) {
    var hosts = headers.all("host");
    if (hosts.size() > 1 || (hosts.isEmpty() && protocol.equals("HTTP/1.1"))) {
      throw new HttpProblem(400, "host header: expected exactly one, found " + hosts.size());
    }
    var host = hosts.isEmpty() ? "" : hosts.getFirst();
    for (var i = 0; i < host.length(); i++) {
      var c = host.charAt(i);
      // Whitespace is what is left of a folded line; the rest belongs to other parts of a URL.
      if (c <= ' ' || c >= 0x7f || "/\\?#@,\"<>".indexOf(c) >= 0) {
        throw new HttpProblem(400, "host header: expected a host and port, found '" + host + "'");
      }
    }
    return host;
  }

  /// A coding that is not undone would reach the handler as if it were the content (RFC 9112 section 6.1).
  private static void checkTransferEncoding(Headers headers) {
    var codings = headers.all("transfer-encoding");
    if (!codings.isEmpty()
        && !(codings.size() == 1 && codings.getFirst().equalsIgnoreCase("chunked"))) {
      throw new HttpProblem(501, "transfer-encoding: only 'chunked' is known, found " + codings);
    }
  }

  private static void checkExpectation(Headers headers) {
    for (var value : headers.all("expect")) {
      if (!value.equalsIgnoreCase("100-continue")) {
        throw new HttpProblem(
            417, "expect header: only '100-continue' is known, found '" + value + "'");
      }
    }
  }

  private static String requestIdOf(Headers headers) {
    var given = headers.first("x-request-id").orElse("");
    if (!given.isEmpty()
        && given.length() <= MAX_REQUEST_ID_CHARS
        && given.chars().allMatch(c -> c > ' ' && c < 0x7f)) {
      return given;
    }
    return HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong());
  }

  /// The connection below an HTTP/2 stream, or the channel itself.
  static Channel connectionOf(Channel channel) {
    return channel instanceof io.netty.handler.codec.http2.Http2StreamChannel
        ? channel.parent()
        : channel;
  }
}
