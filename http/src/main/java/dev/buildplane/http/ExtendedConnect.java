package dev.buildplane.http;

import static java.util.Objects.requireNonNull;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.EmptyHttpHeaders;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.HttpConversionUtil;
import io.netty.util.AsciiString;
import java.util.ArrayList;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Extended CONNECT (RFC 8441) told as the upgrade that it is over HTTP/1.1: a `GET`, or what [RequestHead#UPGRADE_METHOD] says, with `Connection` and `Upgrade`, so that whatever decides
/// about upgrades decides about one thing. A WebSocket's key, which HTTP/2 has none of, is made here, and the answer to it
/// is looked at here (section 5): a target that has not understood the handshake must not be taken for one that has.
final class ExtendedConnect {
  private static final AsciiString CONNECT = HttpMethod.CONNECT.asciiName();
  private static final AsciiString HTTPS = AsciiString.cached("https");
  private static final AsciiString WEBSOCKET = AsciiString.cached("websocket");

  /// A token (RFC 9110 section 5.6.2), with the slash before a version.
  private static final String TOKEN_MARKS = "!#$%&'*+-.^_`|~/";

  /// What a 101 says about a connection of HTTP/1.1 or the key of its handshake, or of a body it does not have.
  private static final Set<String> NOT_SAID = Set.of(
      "connection",
      "content-length",
      "keep-alive",
      "proxy-connection",
      "sec-websocket-accept",
      "transfer-encoding",
      "upgrade");

  private ExtendedConnect() {}

  static @Nullable CharSequence protocol(Http2Headers head) {
    return head.get(Http2Headers.PseudoHeaderName.PROTOCOL.value());
  }

  /// Whether a head with `:protocol` opens a stream whose bytes have no end yet, to an https URL (RFC 8441 section 4, RFC 9113 section 8.5).
  static boolean isWellFormed(Http2HeadersFrame frame) {
    var head = frame.headers();
    var protocol = protocol(head);
    return !frame.isEndStream()
        && CONNECT.contentEquals(head.method())
        && protocol != null
        && isToken(protocol)
        && HTTPS.contentEqualsIgnoreCase(head.scheme())
        && head.authority() != null
        && !head.authority().isEmpty()
        && !head.contains(HttpHeaderNames.CONTENT_LENGTH)
        && method(head) != null;
  }

  /// Null where a method is asked for that no upgrade has.
  private static @Nullable HttpMethod method(Http2Headers head) {
    var asked = head.get(RequestHead.UPGRADE_METHOD);
    if (asked == null || HttpMethod.GET.asciiName().contentEquals(asked)) {
      return HttpMethod.GET;
    }
    return HttpMethod.POST.asciiName().contentEquals(asked) ? HttpMethod.POST : null;
  }

  private static boolean isToken(CharSequence text) {
    return !text.isEmpty()
        && text.chars()
            .allMatch(
                c -> c < 0x7f && (Character.isLetterOrDigit(c) || TOKEN_MARKS.indexOf(c) >= 0));
  }

  /// The upgrade that a [well-formed][#isWellFormed] head asks for.
  ///
  /// @throws Http2Exception for header fields that HTTP/1.1 cannot say
  static FullHttpRequest upgrade(int stream, Http2Headers head) throws Http2Exception {
    var headers = new DefaultHttpHeaders();
    HttpConversionUtil.addHttp2ToHttpHeaders(
        stream, head, headers, HttpVersion.HTTP_1_1, false, true);
    var protocol = String.valueOf(protocol(head));
    headers.set(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE);
    headers.set(HttpHeaderNames.UPGRADE, protocol);
    headers.remove(HttpHeaderNames.SEC_WEBSOCKET_KEY).remove(RequestHead.UPGRADE_METHOD);
    if (WEBSOCKET.contentEqualsIgnoreCase(protocol)) {
      headers.set(HttpHeaderNames.SEC_WEBSOCKET_KEY, WebSocketUpgrade.newKey());
    }
    return new DefaultFullHttpRequest(
        HttpVersion.HTTP_1_1,
        requireNonNull(method(head), "a method of an upgrade"),
        String.valueOf(head.path()),
        Unpooled.EMPTY_BUFFER,
        headers,
        EmptyHttpHeaders.INSTANCE);
  }

  /// The headers of the 200 that says what a 101 with these headers does (RFC 8441 section 5).
  ///
  /// @throws HttpProblem 502 for a WebSocket whose key is not confirmed
  static Headers answer(Headers request, Headers switched) {
    var key = request.first("sec-websocket-key");
    var accept = switched.all("sec-websocket-accept");
    if (key.isPresent()
        && !(accept.size() == 1 && accept.getFirst().equals(WebSocketUpgrade.accept(key.get())))) {
      throw new HttpProblem(
          502,
          "the target switched to a WebSocket without the sec-websocket-accept that belongs to the key it was sent");
    }
    var said = new ArrayList<Headers.Field>();
    for (var field : switched.fields()) {
      if (!NOT_SAID.contains(field.name())) {
        said.add(field);
      }
    }
    return new Headers(said);
  }
}
