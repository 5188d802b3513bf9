package dev.buildplane.tunnel;

/// The gateway answered the WebSocket handshake with another status than 101; for example 401 when it trusts the agent's
/// certificate for no CR of the plane.
public final class HandshakeRefused extends TunnelException {
  private final int status;
  private final String body;

  HandshakeRefused(int status, String body) {
    super(
        Code.HANDSHAKE_REFUSED,
        "the gateway answered " + status + (body.isEmpty() ? "" : ": " + body));
    this.status = status;
    this.body = body;
  }

  /// The HTTP status, 100 to 599.
  public int status() {
    return status;
  }

  /// The text of the answer in one line, at most [TunnelDialer#MAX_REFUSAL_CHARS] long, without control characters.
  public String body() {
    return body;
  }
}
