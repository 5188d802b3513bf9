package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// Masking of RFC 6455 section 5.3: XOR with four bytes, over and over.
final class WebSocketMask {
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;
  private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;

  private WebSocketMask() {}

  /// XORs bytes `[from, to)` of `buffer` in place, eight at a time.
  ///
  /// Works on the NIO view: a `ByteBuf` checks bounds and reference count on every access, and under leak detection records
  /// each one.
  ///
  /// @param phase how many bytes of the frame's payload came before `from`; only its low two bits count
  static void apply(ByteBuf buffer, int from, int to, int mask, long phase) {
    if (mask == 0) {
      return;
    }
    int turned = Integer.rotateLeft(mask, 8 * (int) (phase & 3));
    if (buffer.nioBufferCount() == 1) {
      apply(buffer.internalNioBuffer(from, to - from), turned);
      return;
    }
    var copy = new byte[to - from];
    buffer.getBytes(from, copy);
    apply(ByteBuffer.wrap(copy), turned);
    buffer.setBytes(from, copy);
  }

  /// In the machine's own order of bytes, so that the compiler makes vector instructions of the loop.
  private static void apply(ByteBuffer bytes, int mask) {
    int turned =
        ByteOrder.nativeOrder() == ByteOrder.BIG_ENDIAN ? mask : Integer.reverseBytes(mask);
    long wide = ((long) turned << 32) | (turned & 0xffff_ffffL);
    var segment = MemorySegment.ofBuffer(bytes);
    long words = segment.byteSize() & -Long.BYTES;
    for (long at = 0; at < words; at += Long.BYTES) {
      segment.set(LONG, at, segment.get(LONG, at) ^ wide);
    }
    int shift = 24;
    for (long at = words; at < segment.byteSize(); at++, shift = (shift - 8) & 31) {
      segment.set(BYTE, at, (byte) (segment.get(BYTE, at) ^ (mask >>> shift)));
    }
  }
}
