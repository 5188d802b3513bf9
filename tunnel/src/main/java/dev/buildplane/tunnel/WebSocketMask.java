package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;

/// Masking of RFC 6455 section 5.3: XOR with four bytes, over and over.
final class WebSocketMask {
  private WebSocketMask() {}

  /// XORs bytes `[from, to)` of `buffer` in place, eight at a time.
  ///
  /// @param phase how many bytes of the frame's payload came before `from`; only its low two bits count
  static void apply(ByteBuf buffer, int from, int to, int mask, long phase) {
    int turned = Integer.rotateLeft(mask, 8 * (int) (phase & 3));
    long wide = ((long) turned << 32) | (turned & 0xffff_ffffL);
    int at = from;
    for (; to - at >= Long.BYTES; at += Long.BYTES) {
      buffer.setLong(at, buffer.getLong(at) ^ wide);
    }
    for (int left = 24; at < to; at++, left -= 8) {
      buffer.setByte(at, buffer.getByte(at) ^ (turned >>> (left & 31)));
    }
  }
}
