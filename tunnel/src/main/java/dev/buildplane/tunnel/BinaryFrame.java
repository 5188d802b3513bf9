package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.DefaultByteBufHolder;

/// Payload for [WebSocketCodec] that leaves as one frame without being copied: the head is put before it, and it is masked where it is.
final class BinaryFrame extends DefaultByteBufHolder {
  /// Of a head before less than 64 KiB, masked.
  static final int LIKELY_HEAD_BYTES = 8;

  /// @param payload nobody else's, from [#buffer]; taken over
  BinaryFrame(ByteBuf payload) {
    super(payload);
  }

  /// A direct buffer with room for the head before what is written.
  static ByteBuf buffer(ByteBufAllocator alloc, int bytes) {
    return alloc
        .directBuffer(WebSocketFrameWriter.MAX_HEAD_BYTES + bytes)
        .setIndex(WebSocketFrameWriter.MAX_HEAD_BYTES, WebSocketFrameWriter.MAX_HEAD_BYTES);
  }
}
