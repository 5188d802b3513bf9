package dev.buildplane.tunnel;

import static java.util.Objects.requireNonNull;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.util.collection.IntObjectHashMap;
import io.netty.util.collection.IntObjectMap;
import java.util.ArrayDeque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The frames and streams of one tunnel (RFC 9113), either end. Of Netty's HTTP/2 only HPACK and the rules of header fields are used here: per
/// stream the rest costs a channel with its codec, listeners of the connection and promises of every frame (docs/adr/0009).
///
/// - The connection's window is refilled as bytes come, so that only streams' windows hold senders back: with a shared one a dozen
///   stalled readers freeze the tunnel. [MemoryBudget] bounds what that lets in.
/// - Only the gateway opens streams, and it is trusted to cancel them: there is no limit on its resets, which would end the tunnel. The agent may
///   reset [#MOST_RESETS] within [#RESETS_NANOS].
///
/// Lives on the connection's event loop.
final class Http2Link extends ChannelDuplexHandler implements Http2FrameInput.Sink {
  /// Window of the connection, in bytes. It protects nothing; a small one only bounds what all streams together have under way in a round trip. This
  /// much is 640 MiB/s at 100 ms.
  private static final int CONNECTION_WINDOW_BYTES = 64 << 20;

  private static final int MOST_RESETS = 10_000;
  private static final long RESETS_NANOS = 30_000_000_000L;

  private final TunnelConnection connection;
  private final TunnelSettings settings;
  private final boolean opensStreams;
  private final @Nullable Accepting accepting;
  private final Http2FrameInput input;
  private final HeaderBlocks blocks;
  private final Http2Control control;
  private final IntObjectMap<Http2Stream> streams = new IntObjectHashMap<>();
  private final ArrayDeque<Http2Stream> reached = new ArrayDeque<>();
  private @Nullable ChannelHandlerContext context;
  private @Nullable Http2Output output;
  private @Nullable SendTurns turns;
  private boolean ended;
  private int nextStream = 1;
  private int lastStream;
  private int peerWindowBytes = Http2Frames.INITIAL_WINDOW_BYTES;
  private int receiveWindowBytes = CONNECTION_WINDOW_BYTES;
  private @Nullable Http2Stream receiving;
  private int resets;
  private long resetsSinceNanos;

  /// Makes the streams that the peer opens.
  @FunctionalInterface
  interface Accepting {
    Http2Stream accept(Http2Link link);
  }

  private Http2Link(TunnelConnection connection, @Nullable Accepting accepting) {
    this.connection = connection;
    this.settings = connection.settings();
    this.accepting = accepting;
    this.opensStreams = accepting == null;
    this.input = new Http2FrameInput(!opensStreams);
    this.blocks = new HeaderBlocks(settings.maxHeaderListBytes());
    this.control = new Http2Control(connection, this);
  }

  /// The gateway's end, which opens streams: the HTTP/2 client.
  static Http2Link opening(TunnelConnection connection) {
    return new Http2Link(connection, null);
  }

  /// The agent's end, which takes them: the HTTP/2 server.
  static Http2Link accepting(TunnelConnection connection, Accepting accepting) {
    return new Http2Link(connection, accepting);
  }

  private ChannelHandlerContext context() {
    var ctx = context;
    if (ctx == null) {
      throw new IllegalStateException("not on a pipeline");
    }
    return ctx;
  }

  Channel channel() {
    return context().channel();
  }

  /// What streams write to.
  Http2Output output() {
    return requireNonNull(output, "not on a pipeline");
  }

  /// When streams may send payload.
  SendTurns turns() {
    return requireNonNull(turns, "not on a pipeline");
  }

  // ---- the beginning

  /// What is said first waits in the WebSocket codec until that is started.
  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    context = ctx;
    var out = new Http2Output(ctx);
    output = out;
    turns = new SendTurns(out);
    if (opensStreams) {
      out.preface();
      out.settings(
          Http2Frames.INITIAL_WINDOW_SIZE,
          settings.streamWindowBytes(),
          Http2Frames.MAX_HEADER_LIST_SIZE,
          settings.maxHeaderListBytes(),
          Http2Frames.ENABLE_PUSH,
          0);
    } else {
      out.settings(
          Http2Frames.INITIAL_WINDOW_SIZE,
          settings.streamWindowBytes(),
          Http2Frames.MAX_HEADER_LIST_SIZE,
          settings.maxHeaderListBytes(),
          Http2Frames.MAX_CONCURRENT_STREAMS,
          settings.maxConcurrentStreams(),
          Http2Frames.ENABLE_CONNECT_PROTOCOL,
          1);
    }
    out.windowUpdate(0, CONNECTION_WINDOW_BYTES - Http2Frames.INITIAL_WINDOW_BYTES);
  }

  // ---- streams

  /// Sends a header block. The stream's first one, at the gateway's end, opens it.
  ///
  /// @throws TunnelException when it may not be sent, and was not
  void headers(Http2Stream stream, Http2Headers headers, boolean end) throws TunnelException {
    boolean opens = stream.id() == 0;
    if (ended) {
      throw new TunnelException(
          TunnelException.Code.CONNECTION_LOST, opens, connection.reasonOrLost().detail());
    }
    if (opens && streams.size() >= connection.peerMaxStreams()) {
      throw new TunnelException(
          TunnelException.Code.TOO_MANY_STREAMS,
          "the agent takes at most " + connection.peerMaxStreams()
              + " streams at a time, and has them");
    }
    output().headers(opens ? nextStream : stream.id(), headers, end);
    if (opens) {
      lastStream = nextStream;
      nextStream += 2;
      added(stream, lastStream);
    }
  }

  private void added(Http2Stream stream, int id) {
    streams.put(id, stream);
    stream.opened(id, peerWindowBytes);
    connection.streamBegan();
  }

  /// The stream is over for the peer as well.
  void forget(Http2Stream stream) {
    if (stream.id() != 0 && streams.remove(stream.id()) != null) {
      connection.streamEnded();
    }
    turns().forget(stream);
  }

  // ---- out

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    if (ctx.channel().isWritable()) {
      control.peerReads();
      turns().resume();
    }
    ctx.fireChannelWritabilityChanged();
  }

  /// What others write here is already framed.
  @Override
  public void write(ChannelHandlerContext ctx, Object msg, ChannelPromise promise) {
    output().emit();
    ctx.write(msg, promise);
  }

  @Override
  public void close(ChannelHandlerContext ctx, ChannelPromise promise) {
    output().flush();
    ctx.close(promise);
  }

  // ---- in

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object msg) {
    if (!(msg instanceof ByteBuf bytes)) {
      ctx.fireChannelRead(msg);
      return;
    }
    output().readBegins();
    try {
      if (!ended) {
        input.read(bytes, this);
      }
    } catch (Http2Exception violation) {
      violated(violation);
    } finally {
      bytes.release();
    }
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    for (var stream = reached.poll(); stream != null; stream = reached.poll()) {
      stream.readComplete();
    }
    output().readEnds();
    ctx.fireChannelReadComplete();
  }

  /// Tells the peer, and ends the connection.
  private void violated(Http2Exception violation) {
    if (ended) {
      return;
    }
    connection.ending(
        new CloseReason(CloseReason.Code.PROTOCOL_ERROR, "HTTP/2: " + violation.getMessage()));
    output().goAway(lastStream, violation.error());
    output().flush();
    ended = true;
    context().close();
  }

  static Http2Exception violation(String expectedAndFound) {
    return Http2Exception.connectionError(Http2Error.PROTOCOL_ERROR, expectedAndFound);
  }

  /// The stream will be told when what is being read has been passed on.
  void reached(Http2Stream stream) {
    reached.add(stream);
  }

  @Override
  public void dataBegins(int id, int length, int padding) throws Http2Exception {
    requireNoOpenBlock();
    receiveWindowBytes -= length;
    if (receiveWindowBytes < 0) {
      throw Http2Exception.connectionError(
          Http2Error.FLOW_CONTROL_ERROR,
          "expected data within the connection's window, found more");
    }
    if (receiveWindowBytes < CONNECTION_WINDOW_BYTES / 2) {
      output().windowUpdate(0, CONNECTION_WINDOW_BYTES - receiveWindowBytes);
      receiveWindowBytes = CONNECTION_WINDOW_BYTES;
    }
    receiving = stream(id, "data");
    if (receiving != null) {
      receiving.dataBegins(length, padding);
    }
  }

  @Override
  public void data(int id, ByteBuf piece, boolean end) throws Http2Exception {
    var stream = receiving;
    if (stream == null || stream.over()) {
      piece.release(); // of a stream that has ended here
    } else if (piece.isReadable() || end) {
      stream.dataCame(piece, end);
    } else {
      piece.release();
      control.count();
    }
  }

  /// An open stream; null for one that has been.
  private @Nullable Http2Stream stream(int id, String what) throws Http2Exception {
    var open = streams.get(id);
    if (open == null && idle(id)) {
      throw violation("expected " + what + " on a stream that has been opened, found stream " + id);
    }
    return open;
  }

  private boolean idle(int id) {
    return id == 0 || (id & 1) == 0 || id > lastStream;
  }

  private void requireNoOpenBlock() throws Http2Exception {
    if (blocks.open()) {
      throw violation("expected the rest of a header block, found another frame");
    }
  }

  @Override
  public void frame(int type, int flags, int id, ByteBuf payload) throws Http2Exception {
    if (!control.settled() && (type != Http2Frames.SETTINGS || (flags & Http2Frames.ACK) != 0)) {
      throw violation("expected SETTINGS as the first frame, found another");
    }
    if (type == Http2Frames.CONTINUATION) {
      blocks.continued(id, payload, (flags & Http2Frames.END_HEADERS) != 0);
      deliverBlock();
      return;
    }
    requireNoOpenBlock();
    switch (type) {
      case Http2Frames.HEADERS -> {
        blocks.begin(id, flags, payload);
        deliverBlock();
      }
      case Http2Frames.RST_STREAM -> resetCame(id, payload);
      case Http2Frames.WINDOW_UPDATE -> windowUpdateCame(id, payload);
      case Http2Frames.PUSH_PROMISE ->
        throw violation("expected no PUSH_PROMISE, which is switched off, found one");
      default -> control.frame(type, flags, id, payload);
    }
  }

  // ---- in: streams

  private void deliverBlock() throws Http2Exception {
    if (!blocks.complete()) {
      return;
    }
    int id = blocks.stream();
    var open = streams.get(id);
    if (open == null) {
      open = begin(id);
    }
    try {
      var headers = blocks.decode(); // of a stream that has ended as well: it is in the table
      if (open != null) {
        open.headersCame(headers, blocks.endsStream());
      }
    } catch (Http2Exception malformed) {
      if (!Http2Exception.isStreamError(malformed)) {
        throw malformed;
      }
      if (open != null) {
        countReset();
        open.violated(
            Http2Error.PROTOCOL_ERROR,
            malformed instanceof Http2Exception.HeaderListSizeException
                ? new TunnelException(
                    TunnelException.Code.HEADERS_TOO_LARGE,
                    "the header list is larger than the tunnel takes")
                : new TunnelException(
                    TunnelException.Code.PROTOCOL,
                    "the peer sent invalid header fields: " + malformed.getMessage()));
      }
    }
  }

  /// A header block came on a stream that is not open.
  ///
  /// @return null where nobody is to be told of it
  private @Nullable Http2Stream begin(int id) throws Http2Exception {
    if (!idle(id)) {
      return null;
    }
    if (accepting == null) {
      throw violation("the agent opened a stream, which only the gateway may");
    }
    if (id == 0 || (id & 1) == 0) {
      throw violation("expected an odd stream, found " + id);
    }
    lastStream = id;
    if (streams.size() >= settings.maxConcurrentStreams()) {
      output().reset(id, Http2Error.REFUSED_STREAM);
      return null;
    }
    var stream = accepting.accept(this);
    added(stream, id);
    return stream;
  }

  private void resetCame(int id, ByteBuf payload) throws Http2Exception {
    Http2Control.requireBytes(payload, Integer.BYTES);
    var open = stream(id, "RST_STREAM");
    if (opensStreams) {
      countReset();
    }
    if (open != null) {
      open.resetCame(payload.readUnsignedInt());
    }
  }

  private void countReset() throws Http2Exception {
    long now = connection.nanoTime();
    if (now - resetsSinceNanos > RESETS_NANOS) {
      resetsSinceNanos = now;
      resets = 0;
    }
    if (++resets > MOST_RESETS) {
      throw Http2Exception.connectionError(
          Http2Error.ENHANCE_YOUR_CALM,
          "expected at most %d streams broken off within %d s, found more",
          MOST_RESETS,
          RESETS_NANOS / 1_000_000_000L);
    }
  }

  private void windowUpdateCame(int id, ByteBuf payload) throws Http2Exception {
    Http2Control.requireBytes(payload, Integer.BYTES);
    int bytes = payload.readInt() & Http2Frames.STREAM_ID;
    if (id == 0) {
      if (bytes == 0) {
        throw violation("expected a window to grow, found WINDOW_UPDATE of 0");
      }
      turns().windowGrew(bytes);
      return;
    }
    var open = stream(id, "WINDOW_UPDATE");
    if (open != null) {
      open.windowGrew(bytes);
    }
  }

  /// The peer's streams may begin with another window; those that are open have it as well.
  void peerWindow(int bytes) throws Http2Exception {
    int change = bytes - peerWindowBytes;
    peerWindowBytes = bytes;
    for (var stream : List.copyOf(streams.values())) {
      stream.initialWindowChanged(change);
    }
  }

  /// The peer goes away and has taken streams up to this one only.
  void leftOutBeyond(int lastTaken) {
    if (opensStreams) {
      for (var stream : List.copyOf(streams.values())) {
        if (stream.id() > lastTaken) {
          stream.leftOut();
        }
      }
    }
  }

  // ---- the end

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    end();
    var lost = new TunnelException(
        TunnelException.Code.CONNECTION_LOST, connection.reasonOrLost().detail());
    for (var stream : List.copyOf(streams.values())) {
      stream.lost(lost);
    }
    ctx.fireChannelInactive();
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext ctx) {
    end();
  }

  private void end() {
    ended = true;
    input.release();
    blocks.release();
    turns().end();
    output().end();
  }
}
