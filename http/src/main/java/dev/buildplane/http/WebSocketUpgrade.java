package dev.buildplane.http;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;

/// The server's half of the RFC 6455 handshake (section 4.2), as headers.
public final class WebSocketUpgrade {
  private static final String GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  private static final int KEY_BYTES = 16;

  private WebSocketUpgrade() {}

  static Headers check(HttpExchange exchange, String subprotocol) {
    if (!exchange.webSocketRequested()) {
      throw new HttpProblem(
          400, "expected a WebSocket handshake (GET, upgrade: websocket, sec-websocket-key)");
    }
    return answer(exchange.headers(), subprotocol);
  }

  /// The headers of the 101 answer to a handshake with these headers.
  ///
  /// @param subprotocol the one to select; empty selects none
  /// @throws HttpProblem 400 for a wrong version or key, or a sub-protocol that was not offered; 426 tells the version
  public static Headers answer(Headers request, String subprotocol) {
    if (!request.first("sec-websocket-version").orElse("").equals("13")) {
      throw new HttpProblem(400, "sec-websocket-version: expected 13");
    }
    var key = request.first("sec-websocket-key").orElse("");
    if (!validKey(key)) {
      throw new HttpProblem(400, "sec-websocket-key: expected 16 bytes in base64");
    }
    var headers = Headers.of("upgrade", "websocket").with("sec-websocket-accept", accept(key));
    if (subprotocol.isEmpty()) {
      return headers;
    }
    if (!offered(request).contains(subprotocol)) {
      throw new HttpProblem(
          400,
          "sec-websocket-protocol: expected an offer of " + subprotocol + ", found "
              + offered(request));
    }
    return headers.with("sec-websocket-protocol", subprotocol);
  }

  /// The sub-protocols a handshake offers, in its order.
  public static List<String> offered(Headers request) {
    return request.all("sec-websocket-protocol").stream()
        .flatMap(value -> List.of(value.split(",", -1)).stream())
        .map(String::strip)
        .filter(offer -> !offer.isEmpty())
        .toList();
  }

  private static boolean validKey(String key) {
    try {
      return Base64.getDecoder().decode(key).length == KEY_BYTES;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  /// A key for a handshake that we make: random, so that no answer kept from another fits it.
  static String newKey() {
    var key = new byte[KEY_BYTES];
    ThreadLocalRandom.current().nextBytes(key);
    return Base64.getEncoder().encodeToString(key);
  }

  /// What confirms that key: `Sec-WebSocket-Accept` (RFC 6455 section 4.2.2).
  public static String accept(String key) {
    try {
      var digest = MessageDigest.getInstance("SHA-1")
          .digest((key + GUID).getBytes(StandardCharsets.US_ASCII));
      return Base64.getEncoder().encodeToString(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-1", e);
    }
  }
}
