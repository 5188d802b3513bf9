package dev.buildplane.tunnel;

import static java.util.Objects.requireNonNull;

/// Why a tunnel ended.
///
/// @param detail for logs and status, at most one line, without secrets
public record CloseReason(Code code, String detail) {
  public enum Code {
    /// Drained to the end: every stream had finished, or the drain's deadline had come.
    DRAINED,
    /// This end closed it on purpose ([Tunnel#close]).
    CLOSED_HERE,
    /// The peer closed the WebSocket.
    CLOSED_BY_PEER,
    /// The connection broke without a close.
    CONNECTION_LOST,
    /// Nothing was heard from the peer for [TunnelSettings#silenceLimit].
    SILENT,
    /// The peer broke the WebSocket or HTTP/2 rules.
    PROTOCOL_ERROR
  }

  public CloseReason {
    requireNonNull(code, "code");
    requireNonNull(detail, "detail");
  }

  @Override
  public String toString() {
    return code + ": " + detail;
  }
}
