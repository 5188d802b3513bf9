package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.random.RandomGenerator;

/// Writes RFC 6455 frame heads and masks payload. A server's frames go unmasked.
final class WebSocketFrameWriter {
  static final int MAX_HEAD_BYTES = 14;

  static final int FIN = 0x80;
  private static final int MASKED = 0x80;

  private final boolean masking;
  private final RandomGenerator masks;

  /// @param masks the RFC asks for masks that scripts in a browser cannot guess; there are none here and TLS is
  ///     beneath, so a seeded generator does
  WebSocketFrameWriter(boolean masking, RandomGenerator masks) {
    this.masking = masking;
    this.masks = masks;
  }

  /// Appends the head of a whole (unfragmented) frame.
  ///
  /// @return the mask to apply to the payload, 0 when there is none
  int head(ByteBuf out, int opcode, int payloadBytes) {
    return fragmentHead(out, FIN | opcode, payloadBytes);
  }

  /// Puts the head of a whole frame before the readable bytes, its payload.
  ///
  /// @param frame with room for [#MAX_HEAD_BYTES] before them
  /// @return as [#head]
  int headBefore(ByteBuf frame, int opcode) {
    int payloadBytes = frame.readableBytes();
    int end = frame.writerIndex();
    int begin = frame.readerIndex() - headBytes(payloadBytes);
    frame.setIndex(begin, begin);
    int mask = head(frame, opcode, payloadBytes);
    frame.writerIndex(end);
    return mask;
  }

  private int headBytes(int payloadBytes) {
    int length = payloadBytes < 126 ? 0 : payloadBytes <= 0xffff ? Short.BYTES : Long.BYTES;
    return 2 + length + (masking ? Integer.BYTES : 0);
  }

  /// Appends the head of a frame that may be one of several of its message.
  ///
  /// @param firstByte operation code, with [#FIN] when it is the last
  /// @return the mask to apply to the payload, 0 when there is none
  int fragmentHead(ByteBuf out, int firstByte, int payloadBytes) {
    int maskBit = masking ? MASKED : 0;
    out.writeByte(firstByte);
    if (payloadBytes < 126) {
      out.writeByte(maskBit | payloadBytes);
    } else if (payloadBytes <= 0xffff) {
      out.writeByte(maskBit | 126).writeShort(payloadBytes);
    } else {
      out.writeByte(maskBit | 127).writeLong(payloadBytes);
    }
    if (!masking) {
      return 0;
    }
    int mask = masks.nextInt();
    out.writeInt(mask);
    return mask;
  }

  /// A small frame in one buffer.
  ByteBuf frame(ByteBufAllocator alloc, int opcode, byte[] payload) {
    var out = alloc.buffer(MAX_HEAD_BYTES + payload.length);
    int mask = head(out, opcode, payload.length);
    int from = out.writerIndex();
    out.writeBytes(payload);
    WebSocketMask.apply(out, from, out.writerIndex(), mask, 0);
    return out;
  }
}
