package dev.buildplane.tunnel;

/// One frame of a text message, to be written to a [WebSocketCodec] of text messages.
///
/// @param payload belongs to the codec from then on, which masks it in place
/// @param first whether it begins its message
/// @param last whether it ends its message
record TextFrame(byte[] payload, boolean first, boolean last) {
  /// What the codec hands up after the last piece of a message.
  static final Object END = new Object() {
    @Override
    public String toString() {
      return "end of a text message";
    }
  };

  int firstByte() {
    return (first ? WebSocketFrameReader.TEXT : WebSocketFrameReader.CONTINUATION)
        | (last ? WebSocketFrameWriter.FIN : 0);
  }
}
