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
///
/// Payload is copied, once: TLS would do it otherwise, to put its records together, and takes a buffer that holds whole ones as it is. DATA frames
/// end where records end, so that the peer finds each in one piece; what a stream sends on goes into its last frame as long as that is not
/// full.
final class Http2Output {
  /// First size of what frames are gathered in, in bytes.
  private static final int GATHER_BYTES = 4096;

  /// Plaintext of a full TLS record (RFC 8446 section 5.1), in bytes.
  private static final int RECORD_BYTES = 16 << 10;

  /// What is gathered is passed on when it has come to so many bytes: records without a rest.
  private static final int FULL_BYTES = 4 * RECORD_BYTES;

  /// Passed on so many times it leaves before the turn ends. More than once: a turn that began with a read of 64 KiB has a little more to
  /// write, which is to go along.
  private static final int MOST_UNFLUSHED = 2;

  /// A DATA frame of less payload is not begun just to end with its record.
  private static final int LEAST_PAYLOAD_BYTES = 1024;

  private static final int TYPE_AT = 3;
  private static final int FLAGS_AT = 4;
  private static final int STREAM_AT = 5;

  private final ChannelHandlerContext ctx;
  private final DefaultHttp2HeadersEncoder encoder = new DefaultHttp2HeadersEncoder();
  private @Nullable ByteBuf gathering;
  private int dataStream;
  private int dataHeadAt;
  private int unflushed;
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

  /// How many bytes the DATA frame may take that is written next: to the end of its record.
  int payloadRoom(int stream) {
    var to = gathering;
    int rest = to == null ? 0 : restOfFrame(to, stream);
    if (rest > 0) {
      return rest;
    }
    int size = to == null ? BinaryFrame.LIKELY_HEAD_BYTES : size(to);
    int room = restOfRecord(size) - Http2Frames.HEAD_BYTES;
    return Math.min(
        Http2Frames.PAYLOAD_BYTES, room < LEAST_PAYLOAD_BYTES ? room + RECORD_BYTES : room);
  }

  /// A DATA frame, or the rest of the stream's last one.
  ///
  /// @param from what is sent of it is read, and stays the caller's
  /// @param bytes at most [#payloadRoom]
  void data(int stream, ByteBuf from, int bytes, boolean end) {
    var to = roomFor(Http2Frames.HEAD_BYTES + bytes);
    if (restOfFrame(to, stream) == 0) {
      dataStream = stream;
      dataHeadAt = to.writerIndex();
      Http2Frames.head(to, 0, Http2Frames.DATA, 0, stream);
    }
    to.writeBytes(from, bytes)
        .setMedium(dataHeadAt, to.writerIndex() - dataHeadAt - Http2Frames.HEAD_BYTES)
        .setByte(dataHeadAt + FLAGS_AT, end ? Http2Frames.END_STREAM : 0);
    if (end) {
      dataStream = 0;
    }
    if (size(to) > FULL_BYTES - Http2Frames.HEAD_BYTES - LEAST_PAYLOAD_BYTES) {
      emit();
      unflushed++;
    }
    written();
  }

  private ByteBuf roomFor(int bytes) {
    var to = gathering;
    if (to == null) {
      return begin(bytes < RECORD_BYTES / 2 ? GATHER_BYTES + bytes : FULL_BYTES);
    }
    if (to.writableBytes() < bytes) {
      to.ensureWritable(Math.max(bytes, FULL_BYTES - size(to)));
    }
    return to;
  }

  /// What the frame written last may take yet, if it is DATA of the stream.
  private int restOfFrame(ByteBuf to, int stream) {
    if (dataStream != stream) {
      return 0;
    }
    int length = to.writerIndex() - dataHeadAt - Http2Frames.HEAD_BYTES;
    return size(to) % RECORD_BYTES == 0
        ? 0
        : Math.min(restOfRecord(size(to)), Http2Frames.PAYLOAD_BYTES - length);
  }

  private static int restOfRecord(int size) {
    return RECORD_BYTES - size % RECORD_BYTES;
  }

  /// Of what is gathered, with the head of its WebSocket frame.
  private static int size(ByteBuf gathered) {
    return gathered.readableBytes() + BinaryFrame.LIKELY_HEAD_BYTES;
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

  /// For anything but DATA.
  private ByteBuf gathering() {
    dataStream = 0;
    var to = gathering;
    return to == null ? begin(GATHER_BYTES) : to;
  }

  private ByteBuf begin(int bytes) {
    var to = BinaryFrame.buffer(ctx.alloc(), bytes);
    gathering = to;
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
      unflushed = 0;
      ctx.flush();
    }
  }

  /// Passes on what has been gathered.
  void emit() {
    var gathered = gathering;
    if (gathered != null) {
      gathering = null;
      dataStream = 0;
      ctx.write(new BinaryFrame(gathered), ctx.voidPromise());
    }
  }

  /// Whether the connection takes payload now. May write, and so let others write.
  boolean takesMore() {
    if (unflushed >= MOST_UNFLUSHED) {
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
