package dev.buildplane.tunnel;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/// The opening handshake of RFC 6455 section 4, both ends, as pure functions.
public final class WebSocketHandshake {
  /// The sub-protocol under which binary messages carry HTTP/2. Without it the v0.17 JSON protocol is spoken.
  public static final String H2_PROTOCOL = "h2.buildplane.openchoreo.dev";

  /// Handshake headers with this prefix carry what an agent says about itself.
  public static final String METADATA_PREFIX = "x-buildplane-agent-";

  /// In the gateway's 101: the identifier of the replica, new at each of its starts.
  public static final String REPLICA_HEADER = "x-buildplane-gateway-replica";

  public static final int MAX_METADATA_ENTRIES = 16;
  public static final int MAX_METADATA_VALUE_CHARS = 1024;

  private static final String ACCEPT_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  private static final String VERSION = "13";
  private static final int KEY_BYTES = 16;

  private WebSocketHandshake() {}

  /// What is wrong with a handshake request, if anything; the text is fit for the body of a 400 (426 when it speaks of
  /// the version).
  public static Optional<String> fault(HttpRequest request) {
    var headers = request.headers();
    if (!request.method().equals(HttpMethod.GET)) {
      return Optional.of(
          "expected method GET for a WebSocket handshake, found " + request.method());
    }
    if (!request.protocolVersion().equals(HttpVersion.HTTP_1_1)) {
      return Optional.of(
          "expected HTTP/1.1 for a WebSocket handshake, found " + request.protocolVersion());
    }
    if (!headers.containsValue(HttpHeaderNames.UPGRADE, HttpHeaderValues.WEBSOCKET, true)
        || !headers.containsValue(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE, true)) {
      return Optional.of(
          "expected a WebSocket handshake (Connection: Upgrade, Upgrade: websocket)");
    }
    if (!VERSION.equals(headers.get(HttpHeaderNames.SEC_WEBSOCKET_VERSION))) {
      return Optional.of("expected Sec-WebSocket-Version 13");
    }
    var key = headers.get(HttpHeaderNames.SEC_WEBSOCKET_KEY);
    if (key == null || !isKey(key)) {
      return Optional.of("expected a Sec-WebSocket-Key of 16 base64-encoded bytes");
    }
    return Optional.empty();
  }

  private static boolean isKey(String key) {
    try {
      return Base64.getDecoder().decode(key.strip()).length == KEY_BYTES;
    } catch (IllegalArgumentException notBase64) {
      return false;
    }
  }

  /// Whether the client offers [#H2_PROTOCOL].
  public static boolean offersH2(HttpHeaders headers) {
    return protocols(headers).contains(H2_PROTOCOL);
  }

  static List<String> protocols(HttpHeaders headers) {
    var found = new ArrayList<String>();
    for (var line : headers.getAll(HttpHeaderNames.SEC_WEBSOCKET_PROTOCOL)) {
      for (var token : line.split(",")) {
        found.add(token.strip());
      }
    }
    return found;
  }

  /// The 101 for a request without [#fault]. Extensions are never accepted.
  ///
  /// @param selectH2 whether to pick [#H2_PROTOCOL]; only when it was offered
  public static FullHttpResponse answer(HttpRequest request, boolean selectH2) {
    var response = new DefaultFullHttpResponse(
        HttpVersion.HTTP_1_1, HttpResponseStatus.SWITCHING_PROTOCOLS, Unpooled.EMPTY_BUFFER);
    response
        .headers()
        .set(HttpHeaderNames.UPGRADE, HttpHeaderValues.WEBSOCKET)
        .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE)
        .set(
            HttpHeaderNames.SEC_WEBSOCKET_ACCEPT,
            acceptKey(request.headers().get(HttpHeaderNames.SEC_WEBSOCKET_KEY, "")));
    if (selectH2) {
      response.headers().set(HttpHeaderNames.SEC_WEBSOCKET_PROTOCOL, H2_PROTOCOL);
    }
    return response;
  }

  /// `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (RFC 6455 section 4.2.2).
  public static String acceptKey(String key) {
    try {
      // SHA-1 is what the RFC asks for; nothing here rests on its strength.
      var digest =
          MessageDigest.getInstance("SHA-1").digest((key.strip() + ACCEPT_GUID).getBytes(US_ASCII));
      return Base64.getEncoder().encodeToString(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-1", e);
    }
  }

  /// What the agent said about itself; entries beyond the bounds are dropped, values are cut.
  public static Map<String, String> metadata(HttpHeaders handshake) {
    var found = new LinkedHashMap<String, String>();
    for (var entry : handshake) {
      var name = entry.getKey().toLowerCase(Locale.ROOT);
      if (name.startsWith(METADATA_PREFIX) && found.size() < MAX_METADATA_ENTRIES) {
        var value = entry.getValue();
        found.put(
            name.substring(METADATA_PREFIX.length()),
            value.substring(0, Math.min(value.length(), MAX_METADATA_VALUE_CHARS)));
      }
    }
    return Map.copyOf(found);
  }

  /// Headers of the client's request, `Host` not included.
  static HttpHeaders request(String key, Map<String, String> metadata, boolean offerH2) {
    var headers = new DefaultHttpHeaders()
        .set(HttpHeaderNames.UPGRADE, HttpHeaderValues.WEBSOCKET)
        .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE)
        .set(HttpHeaderNames.SEC_WEBSOCKET_VERSION, VERSION)
        .set(HttpHeaderNames.SEC_WEBSOCKET_KEY, key);
    if (offerH2) {
      headers.set(HttpHeaderNames.SEC_WEBSOCKET_PROTOCOL, H2_PROTOCOL);
    }
    metadata.forEach((name, value) -> headers.set(METADATA_PREFIX + name, value));
    return headers;
  }
}
