package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http2.DefaultHttp2HeadersDecoder;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2Headers;
import org.jspecify.annotations.Nullable;

/// Puts the header blocks of a connection together from HEADERS and CONTINUATION (RFC 9113 section 4.3) and decodes them (RFC 7541). Header
/// fields that HTTP does not allow make a stream error. Not thread-safe; no I/O.
final class HeaderBlocks {
  /// Frames after the first that one block may come in. A block within its bound needs five.
  static final int MOST_CONTINUATIONS = 64;

  private static final int PRIORITY_BYTES = 5;

  private final DefaultHttp2HeadersDecoder decoder;
  private final int mostBytes;
  private int stream;
  private boolean endsStream;
  private boolean complete;
  private @Nullable ByteBuf block;
  private int continuations;

  /// @param maxHeaderListBytes size of a header list as RFC 9113 section 6.5.2 counts it; beyond it is a stream error
  HeaderBlocks(int maxHeaderListBytes) {
    this.decoder = new DefaultHttp2HeadersDecoder(true, maxHeaderListBytes);
    this.mostBytes = maxHeaderListBytes + maxHeaderListBytes / 4;
  }

  /// Whether a block has begun whose end has not come.
  boolean open() {
    return block != null && !complete;
  }

  /// Whether [#decode] may be called.
  boolean complete() {
    return complete;
  }

  int stream() {
    return stream;
  }

  boolean endsStream() {
    return endsStream;
  }

  /// HEADERS came.
  ///
  /// @param payload without padding; stays the caller's, and is read by [#decode] if the block is complete with it
  void begin(int id, int flags, ByteBuf payload) throws Http2Exception {
    if ((flags & Http2Frames.WITH_PRIORITY) != 0) {
      if (payload.readableBytes() < PRIORITY_BYTES) {
        throw Http2Exception.connectionError(
            Http2Error.FRAME_SIZE_ERROR, "expected a priority of 5 bytes, found fewer");
      }
      payload.skipBytes(PRIORITY_BYTES);
    }
    stream = id;
    endsStream = (flags & Http2Frames.END_STREAM) != 0;
    complete = (flags & Http2Frames.END_HEADERS) != 0;
    continuations = 0;
    block = complete ? payload.retain() : Unpooled.buffer(2 * payload.readableBytes());
    if (!complete) {
      append(payload);
    }
  }

  void continued(int id, ByteBuf payload, boolean last) throws Http2Exception {
    if (!open() || id != stream) {
      throw Http2Exception.connectionError(
          Http2Error.PROTOCOL_ERROR,
          "expected CONTINUATION of the header block that has begun, found one of stream %d",
          id);
    }
    if (++continuations > MOST_CONTINUATIONS) {
      throw tooLong();
    }
    append(payload);
    complete = last;
  }

  private void append(ByteBuf payload) throws Http2Exception {
    var to = block;
    if (to == null || to.readableBytes() + payload.readableBytes() > mostBytes) {
      throw tooLong();
    }
    to.writeBytes(payload);
  }

  private Http2Exception tooLong() {
    return Http2Exception.connectionError(
        Http2Error.ENHANCE_YOUR_CALM,
        "expected a header block of at most %d bytes in %d frames, found a longer one",
        mostBytes,
        MOST_CONTINUATIONS + 1);
  }

  /// Once for each complete block, in order.
  ///
  /// @throws Http2Exception a stream error, after which the next block can be decoded, or a connection error
  Http2Headers decode() throws Http2Exception {
    var encoded = block;
    if (!complete || encoded == null) {
      throw new IllegalStateException("the block is not complete");
    }
    block = null;
    complete = false;
    try {
      return decoder.decodeHeaders(stream, encoded);
    } finally {
      encoded.release();
    }
  }

  /// Lets go of what has been gathered.
  void release() {
    if (block != null) {
      block.release();
      block = null;
    }
  }
}
