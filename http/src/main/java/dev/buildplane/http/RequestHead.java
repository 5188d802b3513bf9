package dev.buildplane.http;

import java.net.SocketAddress;
import java.security.cert.X509Certificate;
import java.util.List;

/// What is known of a request once its head is in. An extended CONNECT (RFC 8441) is told as the upgrade it is over HTTP/1.1: a `GET`
/// with `connection` and `upgrade`.
///
/// @param method upper case token, for example `GET`
/// @param rawPath as it came, percent-encoded, without the query; starts with `/`, has no dot segments, back-slash
///   or NUL in plain or encoded form (such requests were answered 400)
/// @param rawQuery as it came, without `?`; empty when there was none
/// @param authority `:authority` or `Host`; empty when HTTP/1.0 sent none
/// @param peerCertificates what the caller presented in TLS, leaf first; **not verified** beyond possession of the key
/// @param requestId the caller's `X-Request-ID` when it is 1 to 128 visible ASCII characters, else a fresh one
/// @param protocol `HTTP/1.0`, `HTTP/1.1` or `HTTP/2`
public record RequestHead(
    String method,
    String rawPath,
    String rawQuery,
    String authority,
    Headers headers,
    SocketAddress remoteAddress,
    List<X509Certificate> peerCertificates,
    String requestId,
    String protocol) {
  /// In an extended CONNECT (RFC 8441): the method of the upgrade that it stands for, `GET` or `POST`; GET where it is absent. Over HTTP/1.1 an upgrade has a
  /// method of its own, and `kubectl` makes some by POST.
  public static final String UPGRADE_METHOD = "x-buildplane-upgrade-method";

  public RequestHead {
    peerCertificates = List.copyOf(peerCertificates);
  }

  /// Whether the caller asks to leave HTTP after this request: `Connection: upgrade` and an `Upgrade` header (HTTP/1.1), or an extended
  /// CONNECT (HTTP/2).
  public boolean upgradeRequested() {
    return headers.contains("upgrade")
        && !protocol.equals("HTTP/1.0")
        && headerHasToken("connection", "upgrade");
  }

  /// Whether the request is nothing without the upgrade: to an extended CONNECT every 2xx says that the pipe is open.
  public boolean upgradeRequired() {
    return protocol.equals("HTTP/2") && upgradeRequested();
  }

  /// Whether a comma-separated header holds `token`, without regard to case.
  public boolean headerHasToken(String name, String token) {
    for (var value : headers.all(name)) {
      for (var part : value.split(",", -1)) {
        if (part.strip().equalsIgnoreCase(token)) {
          return true;
        }
      }
    }
    return false;
  }
}
