package dev.buildplane.tunnel;

/// The peer broke RFC 6455, or a bound or rule of ours that is answered with one of its close codes.
final class WebSocketViolation extends Exception {
  static final int PROTOCOL_ERROR = 1002;
  static final int UNSUPPORTED_DATA = 1003;
  static final int POLICY = 1008;
  static final int TOO_BIG = 1009;

  private final int closeCode;
  private final String text;

  WebSocketViolation(int closeCode, String message) {
    super(message, null, false, false);
    this.closeCode = closeCode;
    this.text = message;
  }

  String text() {
    return text;
  }

  /// The code for the close frame that answers it (RFC 6455 section 7.4.1).
  int closeCode() {
    return closeCode;
  }
}
