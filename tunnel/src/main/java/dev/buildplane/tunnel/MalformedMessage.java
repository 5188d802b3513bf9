package dev.buildplane.tunnel;

/// A message that is not of the v0.17 JSON protocol. The text holds nothing of the message's content.
final class MalformedMessage extends Exception {
  private final String requestId;
  private final String text;

  /// @param requestId as far as it had been read; else empty
  MalformedMessage(String requestId, String text) {
    super(text, null, false, false);
    this.requestId = requestId;
    this.text = text;
  }

  String requestId() {
    return requestId;
  }

  String text() {
    return text;
  }
}
