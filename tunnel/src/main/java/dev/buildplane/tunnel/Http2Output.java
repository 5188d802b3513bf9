package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http2.DefaultHttp2HeadersEncoder;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2Headers;
import org.jspecify.annotations.Nullable;

/// The frames one end writes, gathered until the end of the event loop's turn, or of the read that made it write, so that streams share a WebSocket
/// frame, a TLS record and a system call. On the connection's event loop.
final class Http2Output {
  /// Larger payload is passed on as it is; smaller is copied behind its head.
  private static final int COPY_BELOW_BYTES = 2048;

  /// What is gathered leaves before the turn ends when it has come to so many bytes.
  private static final int FLUSH_BYTES = 64 << 10;

  /// First size of what frames are gathered in, in bytes.
  private static final int GATHER_BYTES = 4096;

  private static final int TYPE_AT = 3;
  private static final int FLAGS_AT = 4;
  private static final int STREAM_AT = 5;

  private final ChannelHandlerContext ctx;
  private final DefaultHttp2HeadersEncoder encoder = new DefaultHttp2HeadersEncoder();
  private @Nullable ByteBuf gathering;
  private int unflushedBytes;
  private boolean dirty;
  private boolean reading;
  private boolean flushScheduled;
  private boolean ended;

  /// @param ctx of the handler that writes
  Http2Output(ChannelHandlerContext ctx) {
    this.ctx = ctx;
  }

  // ---- frames

  /// A client's first bytes.
  void preface() {
    gathering().writeBytes(Http2Frames.PREFACE.array());
    written();
  }

  /// @param pairs of name and value
  void settings(int... pairs) {
    var to = gathering();
    Http2Frames.head(to, pairs.length / 2 * Http2Frames.SETTING_BYTES, Http2Frames.SETTINGS, 0, 0);
    for (int i = 0; i < pairs.length; i += 2) {
      Http2Frames.setting(to, pairs[i], pairs[i + 1]);
    }
    written();
  }

  void settingsAcknowledged() {
    Http2Frames.head(gathering(), 0, Http2Frames.SETTINGS, Http2Frames.ACK, 0);
    written();
  }

  /// HEADERS, and CONTINUATION for what does not fit in one frame.
  ///
  /// @throws TunnelException when the peer takes no list as long as this; nothing has been written then
  void headers(int stream, Http2Headers headers, boolean end) throws TunnelException {
    var to = gathering();
    int begin = to.writerIndex();
    to.ensureWritable(Http2Frames.HEAD_BYTES).writerIndex(begin + Http2Frames.HEAD_BYTES);
    try {
      encoder.encodeHeaders(stream, headers, to);
    } catch (Http2Exception.HeaderListSizeException tooLong) {
      to.writerIndex(begin);
      throw new TunnelException(
          TunnelException.Code.HEADERS_TOO_LARGE,
          "the header list is larger than the tunnel takes");
    } catch (Http2Exception broken) {
      throw new IllegalStateException("expected header fields that HPACK can encode", broken);
    }
    int length = to.writerIndex() - begin - Http2Frames.HEAD_BYTES;
    int first = Math.min(length, Http2Frames.PAYLOAD_BYTES);
    int flags =
        (end ? Http2Frames.END_STREAM : 0) | (first == length ? Http2Frames.END_HEADERS : 0);
    to.setMedium(begin, first)
        .setByte(begin + TYPE_AT, Http2Frames.HEADERS)
        .setByte(begin + FLAGS_AT, flags)
        .setInt(begin + STREAM_AT, stream);
    if (first < length) {
      continuations(to, stream, begin + Http2Frames.HEAD_BYTES + first);
    }
    written();
  }

  /// What is gathered from `begin` on becomes CONTINUATION frames.
  private static void continuations(ByteBuf to, int stream, int begin) {
    var rest = to.copy(begin, to.writerIndex() - begin);
    to.writerIndex(begin);
    while (rest.isReadable()) {
      int bytes = Math.min(rest.readableBytes(), Http2Frames.PAYLOAD_BYTES);
      int flags = bytes == rest.readableBytes() ? Http2Frames.END_HEADERS : 0;
      Http2Frames.head(to, bytes, Http2Frames.CONTINUATION, flags, stream);
      to.writeBytes(rest, bytes);
    }
    rest.release();
  }

  /// @param from what is sent of it is read, and stays the caller's
  void data(int stream, ByteBuf from, int bytes, boolean end) {
    var to = gathering();
    Http2Frames.head(to, bytes, Http2Frames.DATA, end ? Http2Frames.END_STREAM : 0, stream);
    if (bytes < COPY_BELOW_BYTES) {
      to.writeBytes(from, bytes);
    } else {
      emit();
      unflushedBytes += bytes;
      ctx.write(from.readRetainedSlice(bytes), ctx.voidPromise());
    }
    written();
  }

  void reset(int stream, Http2Error code) {
    if (!ended) {
      Http2Frames.reset(gathering(), stream, code.code());
      written();
    }
  }

  void windowUpdate(int stream, int bytes) {
    if (!ended) {
      Http2Frames.windowUpdate(gathering(), stream, bytes);
      written();
    }
  }

  void ping(boolean ack, long content) {
    if (!ended) {
      Http2Frames.ping(gathering(), ack, content);
      written();
    }
  }

  void goAway(int lastStreamTaken, Http2Error code) {
    if (!ended) {
      Http2Frames.goAway(gathering(), lastStreamTaken, code.code());
      written();
    }
  }

  /// What the peer says of header blocks: how much our encoder may remember, and how long a list may be.
  DefaultHttp2HeadersEncoder encoder() {
    return encoder;
  }

  // ---- when they leave

  private ByteBuf gathering() {
    var to = gathering;
    if (to == null) {
      to = ctx.alloc().directBuffer(GATHER_BYTES);
      gathering = to;
    }
    return to;
  }

  private void written() {
    if (dirty) {
      return;
    }
    dirty = true;
    if (!reading && !flushScheduled) {
      flushScheduled = true;
      ctx.executor().execute(this::flushOfTurn);
    }
  }

  private void flushOfTurn() {
    flushScheduled = false;
    if (!reading) {
      flush();
    }
  }

  /// What is written from now on leaves with [#readEnds].
  void readBegins() {
    reading = true;
  }

  void readEnds() {
    reading = false;
    flush();
  }

  void flush() {
    if (dirty) {
      dirty = false;
      emit();
      unflushedBytes = 0;
      ctx.flush();
    }
  }

  /// Passes on what has been gathered.
  void emit() {
    var gathered = gathering;
    if (gathered != null) {
      gathering = null;
      unflushedBytes += gathered.readableBytes();
      ctx.write(gathered, ctx.voidPromise());
    }
  }

  /// Whether the connection takes payload now. May write, and so let others write.
  boolean takesMore() {
    if (unflushedBytes >= FLUSH_BYTES) {
      flush();
    }
    return ctx.channel().isWritable();
  }

  /// Nothing can be written any more.
  void end() {
    ended = true;
    encoder.close();
    if (gathering != null) {
      gathering.release();
      gathering = null;
    }
  }
}
