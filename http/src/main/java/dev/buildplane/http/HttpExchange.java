package dev.buildplane.http;

import java.io.InputStream;
import java.io.OutputStream;
import java.net.SocketAddress;
import java.security.cert.X509Certificate;
import java.util.List;

/// One request and its answer, the same over HTTP/1.1 and HTTP/2. Used by one thread at a time,
/// except [#onClose].
public interface HttpExchange {
  /// All of what follows up to [#requestId], as it was when the head was in.
  RequestHead head();

  /// Upper case token, for example `GET`.
  String method();

  /// Path as it came, percent-encoded, without the query; starts with `/`.
  String rawPath();

  /// Query as it came, without `?`; empty when there was none.
  String rawQuery();

  /// The host the caller addressed: `:authority` or `Host`; empty when HTTP/1.0 sent none.
  String authority();

  /// Request headers; names are compared without regard to case.
  Headers headers();

  SocketAddress remoteAddress();

  /// The chain the caller presented in the TLS handshake, leaf first; empty when none or plain
  /// text. **Not verified
  /// by this layer** beyond possession of the leaf's key: whoever relies on it verifies it.
  List<X509Certificate> peerCertificates();

  /// `X-Request-ID` of the caller when it is 1 to 128 visible ASCII characters, else a fresh one.
  String requestId();

  /// Who the route's policy found the caller to be; [Principal#ANONYMOUS] for public routes.
  default Principal principal() {
    return Principal.ANONYMOUS;
  }

  /// The body, blocking; reading slowly holds the sender back. Throws [HttpProblem] 413 past the
  /// route's bound.
  InputStream body();

  /// Sends a whole answer; `content-length` is set from `body`. At most one answer per exchange.
  void respond(int status, Headers headers, byte[] body);

  /// Sends the head and returns the body's stream. `write` blocks while the caller does not read;
  /// `flush` puts bytes on
  /// the wire; `close` ends the answer. Throws `IOException` once the caller has gone.
  OutputStream respondStreaming(int status, Headers headers);

  /// Status of the answer the handler gave; 0 while it gave none. From any thread.
  int status();

  /// Whether the caller asks for a WebSocket (RFC 6455 handshake, over HTTP/1.1).
  boolean webSocketRequested();

  /// Answers the handshake with the given sub-protocol (empty: none selected).
  WebSocket acceptWebSocket(String subprotocol);

  /// Runs `action` once, when the exchange is over for whatever reason: answered, caller gone,
  /// server stopping.
  /// If it is over already, at once. Called on an event loop: must not block.
  void onClose(Runnable action);
}
