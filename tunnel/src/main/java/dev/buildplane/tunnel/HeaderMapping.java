package dev.buildplane.tunnel;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.util.AsciiString;
import java.util.HashSet;
import java.util.Iterator;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Header fields between HTTP/1.1 and HTTP/2 (RFC 9113 section 8.2.2): connection-specific fields, and those that a
/// `Connection` field names, never travel.
final class HeaderMapping {
  /// Carries the method of an upgrade request that was not GET, as extended CONNECT has a method of its own. Never taken from a caller.
  static final AsciiString UPGRADE_METHOD = AsciiString.cached("x-buildplane-upgrade-method");

  static final AsciiString WEBSOCKET = AsciiString.cached("websocket");
  static final AsciiString SPDY_WIRE = AsciiString.cached("spdy/3.1");
  static final AsciiString SPDY = AsciiString.cached("SPDY/3.1");

  private static final AsciiString HTTP2_SETTINGS = AsciiString.cached("http2-settings");
  private static final AsciiString KEEP_ALIVE = AsciiString.cached("keep-alive");
  private static final AsciiString PROXY_CONNECTION = AsciiString.cached("proxy-connection");
  private static final Set<AsciiString> HOP_BY_HOP = Set.of(
      HttpHeaderNames.CONNECTION,
      HttpHeaderNames.TRANSFER_ENCODING,
      HttpHeaderNames.UPGRADE,
      HttpHeaderNames.HOST,
      HTTP2_SETTINGS,
      KEEP_ALIVE,
      PROXY_CONNECTION,
      UPGRADE_METHOD);

  private HeaderMapping() {}

  /// What an `Upgrade` field asks for, in the form it has in `:protocol`; null when there is none that a tunnel carries.
  static @Nullable AsciiString upgrade(HttpHeaders headers) {
    if (!headers.contains(HttpHeaderNames.UPGRADE)
        || !headers.containsValue(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE, true)) {
      return null;
    }
    if (headers.containsValue(HttpHeaderNames.UPGRADE, WEBSOCKET, true)) {
      return WEBSOCKET;
    }
    return headers.containsValue(HttpHeaderNames.UPGRADE, SPDY_WIRE, true) ? SPDY_WIRE : null;
  }

  /// Whether the head of an answer says that another will follow.
  static boolean isInterim(@Nullable Http2Headers head) {
    var status = head == null ? null : head.status();
    return status != null && status.charAt(0) == '1';
  }

  static Http2Headers toHttp2(HttpHeaders from) {
    var to = new DefaultHttp2Headers(true, from.size() + 5);
    copy(from, to);
    return to;
  }

  static void copy(HttpHeaders from, Http2Headers to) {
    Set<AsciiString> nominated = nominated(from);
    for (Iterator<Map.Entry<CharSequence, CharSequence>> fields = from.iteratorCharSequence();
        fields.hasNext(); ) {
      var field = fields.next();
      var name = AsciiString.of(field.getKey()).toLowerCase();
      if (name.equals(HttpHeaderNames.TE)) {
        if (AsciiString.contentEqualsIgnoreCase(
            AsciiString.trim(field.getValue()), HttpHeaderValues.TRAILERS)) {
          to.set(HttpHeaderNames.TE, HttpHeaderValues.TRAILERS);
        }
      } else if (!HOP_BY_HOP.contains(name) && !nominated.contains(name)) {
        to.add(name, field.getValue());
      }
    }
  }

  private static Set<AsciiString> nominated(HttpHeaders from) {
    var lines = from.getAll(HttpHeaderNames.CONNECTION);
    if (lines.isEmpty()) {
      return Set.of();
    }
    var names = new HashSet<AsciiString>();
    for (var line : lines) {
      for (var token : line.split(",")) {
        names.add(AsciiString.of(token.strip()).toLowerCase());
      }
    }
    return names;
  }

  /// Copies what is not connection-specific, within HTTP/1.1.
  static void endToEnd(HttpHeaders from, HttpHeaders to) {
    Set<AsciiString> nominated = nominated(from);
    for (Map.Entry<String, String> field : from) {
      var name = AsciiString.of(field.getKey()).toLowerCase();
      if (!HOP_BY_HOP.contains(name)
          && !nominated.contains(name)
          && !name.equals(HttpHeaderNames.TE)) {
        to.add(field.getKey(), field.getValue());
      }
    }
  }

  /// Copies all but pseudo-headers. Values are checked for control characters by `to`: the peer is not trusted with them.
  static void toHttp1(Http2Headers from, HttpHeaders to) {
    for (var field : from) {
      var name = field.getKey();
      if (!Http2Headers.PseudoHeaderName.hasPseudoHeaderFormat(name)
          && !HOP_BY_HOP.contains(AsciiString.of(name))) {
        to.add(name, field.getValue());
      }
    }
  }
}
