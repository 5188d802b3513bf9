package dev.buildplane.tunnel;

import static java.util.Objects.requireNonNull;

import io.netty.handler.codec.http2.Http2Error;

/// Why a stream or a dial through a tunnel failed.
///
/// The message says what happened in words a caller may be shown; it never holds header values or
/// payload. No stack trace is taken: these are operating errors, and a lost connection makes one for
/// each of its streams.
public sealed class TunnelException extends Exception permits HandshakeRefused {
  /// What went wrong. Codes are public: metrics and callers switch on them.
  public enum Code {
    /// The tunnel is closed or was lost before the stream ended.
    CONNECTION_LOST,
    /// This tunnel takes no new streams because one of its ends is draining; another tunnel may.
    DRAINING,
    /// The peer's limit of concurrent streams is reached.
    TOO_MANY_STREAMS,
    /// The memory budget of the process is spent; later is better than again.
    OVERLOADED,
    /// The peer refused the stream before doing anything with it (RFC 9113 `REFUSED_STREAM`).
    REFUSED,
    /// The peer gave up on the stream (RFC 9113 `CANCEL`).
    CANCELLED,
    /// The stream stalled and held more memory than its share while memory was short.
    SHED,
    /// The peer reset the stream with another error code.
    RESET,
    /// What came on the stream was not a valid HTTP message, or the application wrote one that is not.
    PROTOCOL,
    /// The header list is larger than the tunnel takes.
    HEADERS_TOO_LARGE,
    /// The gateway answered the WebSocket handshake with something else than 101.
    HANDSHAKE_REFUSED,
    /// No connection, no TLS, or no answer to the handshake within the deadline.
    DIAL_FAILED
  }

  private final Code code;
  private final boolean neverProcessed;

  TunnelException(Code code, boolean neverProcessed, String message) {
    super(message, null, false, false);
    this.code = requireNonNull(code, "code");
    this.neverProcessed = neverProcessed;
  }

  TunnelException(Code code, String message) {
    this(
        code,
        switch (code) {
          case DRAINING, TOO_MANY_STREAMS, OVERLOADED, REFUSED -> true;
          case CONNECTION_LOST,
              CANCELLED,
              SHED,
              RESET,
              PROTOCOL,
              HEADERS_TOO_LARGE,
              HANDSHAKE_REFUSED,
              DIAL_FAILED -> false;
        },
        message);
  }

  /// What a RST_STREAM of the peer says.
  ///
  /// @param code an error code of RFC 9113 section 7
  static TunnelException ofReset(long code) {
    var error = Http2Error.valueOf(code);
    if (error == Http2Error.REFUSED_STREAM) {
      return new TunnelException(
          Code.REFUSED, "the peer refused the stream and did nothing with it");
    }
    if (error == Http2Error.CANCEL) {
      return new TunnelException(Code.CANCELLED, "the peer cancelled the stream");
    }
    if (error == Http2Error.ENHANCE_YOUR_CALM) {
      return new TunnelException(
          Code.SHED, "the stream was not read while memory was short, and was given up");
    }
    return new TunnelException(
        Code.RESET, "the peer broke the stream off with HTTP/2 error " + error);
  }

  public Code code() {
    return code;
  }

  /// True when the other end certainly did nothing with the request, so that sending it again on
  /// another tunnel cannot do anything twice.
  public boolean neverProcessed() {
    return neverProcessed;
  }
}
