package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import org.jspecify.annotations.Nullable;

/// Reads HTTP/2 frames (RFC 9113 section 4) from bytes that come in pieces. Payload of DATA is handed through as it comes, so that a body is
/// never copied to put a frame together; any other frame is gathered, [Http2Frames#PAYLOAD_BYTES] at most.
///
/// What a frame means is the sink's business, but for padding, which is taken off here. Not thread-safe; no I/O.
final class Http2FrameInput {
  /// Takes what is found. An [Http2Exception] that it throws ends the reading.
  interface Sink {
    /// A DATA frame begins.
    ///
    /// @param length of its payload with padding, in bytes, which flow control counts
    /// @param padding bytes of it that are not handed over, with the one that holds their number
    void dataBegins(int stream, int length, int padding) throws Http2Exception;

    /// The next piece of a DATA frame, owned by the sink. One without payload is handed over as an empty piece.
    ///
    /// @param endStream whether this is the frame's last piece and the frame the stream's last
    void data(int stream, ByteBuf piece, boolean endStream) throws Http2Exception;

    /// Any other frame.
    ///
    /// @param payload stays the reader's
    void frame(int type, int flags, int stream, ByteBuf payload) throws Http2Exception;
  }

  private enum State {
    PREFACE,
    HEAD,
    PAD_LENGTH,
    DATA,
    PADDING,
    PAYLOAD
  }

  private final ByteBuf head =
      Unpooled.buffer(Http2Frames.PREFACE.length(), Http2Frames.PREFACE.length());
  private State state;
  private int type;
  private int flags;
  private int stream;
  private int remaining;
  private int padding;
  private @Nullable ByteBuf gathered;

  /// @param afterPreface whether the peer is a client, whose first bytes are the preface
  Http2FrameInput(boolean afterPreface) {
    this.state = afterPreface ? State.PREFACE : State.HEAD;
  }

  /// Reads all of `in`, which stays the caller's.
  ///
  /// @throws Http2Exception when what came is not HTTP/2, or the sink says so; nothing may be read afterwards
  void read(ByteBuf in, Sink sink) throws Http2Exception {
    while (step(in, sink)) {
      // one part of a frame a step
    }
  }

  /// Lets go of what has been gathered.
  void release() {
    if (gathered != null) {
      gathered.release();
      gathered = null;
    }
  }

  private boolean step(ByteBuf in, Sink sink) throws Http2Exception {
    return switch (state) {
      case PREFACE -> preface(in);
      case HEAD -> head(in, sink);
      case PAD_LENGTH -> padLength(in, sink);
      case DATA -> data(in, sink);
      case PADDING -> padding(in);
      case PAYLOAD -> payload(in, sink);
    };
  }

  private boolean preface(ByteBuf in) throws Http2Exception {
    if (!gatherHead(in, Http2Frames.PREFACE.length())) {
      return false;
    }
    for (int i = 0; i < Http2Frames.PREFACE.length(); i++) {
      if (head.getByte(i) != Http2Frames.PREFACE.byteAt(i)) {
        throw Http2Exception.connectionError(
            Http2Error.PROTOCOL_ERROR, "expected the preface of HTTP/2, found something else");
      }
    }
    head.clear();
    state = State.HEAD;
    return true;
  }

  private boolean gatherHead(ByteBuf in, int bytes) {
    in.readBytes(head, Math.min(in.readableBytes(), bytes - head.writerIndex()));
    return head.writerIndex() == bytes;
  }

  private boolean head(ByteBuf in, Sink sink) throws Http2Exception {
    ByteBuf from = head;
    if (head.writerIndex() == 0 && in.readableBytes() >= Http2Frames.HEAD_BYTES) {
      from = in;
    } else if (!gatherHead(in, Http2Frames.HEAD_BYTES)) {
      return false;
    }
    int length = from.readUnsignedMedium();
    type = from.readByte();
    flags = from.readUnsignedByte();
    stream = from.readInt() & Http2Frames.STREAM_ID;
    head.clear();
    if (length > Http2Frames.PAYLOAD_BYTES) {
      throw Http2Exception.connectionError(
          Http2Error.FRAME_SIZE_ERROR,
          "expected a frame of at most %d bytes, found one of %d",
          Http2Frames.PAYLOAD_BYTES,
          length);
    }
    remaining = length;
    begin(sink);
    return true;
  }

  private void begin(Sink sink) throws Http2Exception {
    if (type != Http2Frames.DATA) {
      state = State.PAYLOAD;
    } else if ((flags & Http2Frames.PADDED) == 0) {
      padding = 0;
      sink.dataBegins(stream, remaining, 0);
      state = State.DATA;
    } else if (remaining == 0) {
      throw Http2Exception.connectionError(
          Http2Error.FRAME_SIZE_ERROR, "expected the length of the padding, found nothing");
    } else {
      state = State.PAD_LENGTH;
    }
  }

  private boolean padLength(ByteBuf in, Sink sink) throws Http2Exception {
    if (!in.isReadable()) {
      return false;
    }
    int length = remaining;
    padding = in.readUnsignedByte();
    remaining -= 1 + padding;
    if (remaining < 0) {
      throw paddingTooLong();
    }
    sink.dataBegins(stream, length, 1 + padding);
    state = State.DATA;
    return true;
  }

  private static Http2Exception paddingTooLong() {
    return Http2Exception.connectionError(
        Http2Error.PROTOCOL_ERROR, "expected padding within the frame, found more of it");
  }

  private boolean data(ByteBuf in, Sink sink) throws Http2Exception {
    if (remaining > 0 && !in.isReadable()) {
      return false;
    }
    int bytes = Math.min(remaining, in.readableBytes());
    remaining -= bytes;
    boolean whole = remaining == 0;
    if (whole) {
      remaining = padding;
      state = padding > 0 ? State.PADDING : State.HEAD;
    }
    sink.data(
        stream,
        bytes > 0 ? in.readRetainedSlice(bytes) : Unpooled.EMPTY_BUFFER,
        whole && (flags & Http2Frames.END_STREAM) != 0);
    return true;
  }

  private boolean padding(ByteBuf in) {
    int bytes = Math.min(remaining, in.readableBytes());
    in.skipBytes(bytes);
    remaining -= bytes;
    if (remaining > 0) {
      return false;
    }
    state = State.HEAD;
    return true;
  }

  private boolean payload(ByteBuf in, Sink sink) throws Http2Exception {
    if (gathered == null && in.readableBytes() >= remaining) {
      int end = in.readerIndex() + remaining;
      state = State.HEAD;
      hand(in.slice(in.readerIndex(), remaining), sink);
      in.readerIndex(end);
      return true;
    }
    if (gathered == null) {
      gathered = in.alloc().buffer(remaining, remaining);
    }
    int bytes = Math.min(remaining, in.readableBytes());
    gathered.writeBytes(in, bytes);
    remaining -= bytes;
    if (remaining > 0) {
      return false;
    }
    state = State.HEAD;
    var whole = gathered;
    gathered = null;
    try {
      hand(whole, sink);
    } finally {
      whole.release();
    }
    return true;
  }

  private void hand(ByteBuf payload, Sink sink) throws Http2Exception {
    if (type == Http2Frames.HEADERS && (flags & Http2Frames.PADDED) != 0) {
      int pad = payload.isReadable() ? payload.readUnsignedByte() : Integer.MAX_VALUE;
      if (pad > payload.readableBytes()) {
        throw paddingTooLong();
      }
      payload.writerIndex(payload.writerIndex() - pad);
    }
    sink.frame(type, flags, stream, payload);
  }
}
