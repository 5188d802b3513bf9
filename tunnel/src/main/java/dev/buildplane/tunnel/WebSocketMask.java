package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// Masking of RFC 6455 section 5.3: XOR with four bytes, over and over.
final class WebSocketMask {
  private WebSocketMask() {}

  /// XORs bytes `[from, to)` of `buffer` in place, eight at a time.
  ///
  /// Works on the NIO view: a `ByteBuf` checks bounds and reference count on every access, and under leak detection records
  /// each one.
  ///
  /// @param phase how many bytes of the frame's payload came before `from`; only its low two bits count
  static void apply(ByteBuf buffer, int from, int to, int mask, long phase) {
    int turned = Integer.rotateLeft(mask, 8 * (int) (phase & 3));
    if (buffer.nioBufferCount() == 1) {
      apply(buffer.internalNioBuffer(from, to - from).order(ByteOrder.BIG_ENDIAN), turned);
      return;
    }
    var copy = new byte[to - from];
    buffer.getBytes(from, copy);
    apply(ByteBuffer.wrap(copy), turned);
    buffer.setBytes(from, copy);
  }

  private static void apply(ByteBuffer bytes, int mask) {
    long wide = ((long) mask << 32) | (mask & 0xffff_ffffL);
    int at = bytes.position();
    int to = bytes.limit();
    for (; to - at >= Long.BYTES; at += Long.BYTES) {
      bytes.putLong(at, bytes.getLong(at) ^ wide);
    }
    for (int shift = 24; at < to; at++, shift = (shift - 8) & 31) {
      bytes.put(at, (byte) (bytes.get(at) ^ (mask >>> shift)));
    }
  }
}
