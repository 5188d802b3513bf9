package dev.buildplane.tunnel;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.MILLISECONDS;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.util.ReferenceCountUtil;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// Turns a byte stream into binary WebSocket messages and back (or carries text messages, see [#text]), streaming: payload is handed up as it comes, and what is
/// written goes out as one frame per flush, or per [#FRAME_BYTES] when a flush is long in coming; a [BinaryFrame] is a frame of its own.
///
/// Answers pings (unless the channel cannot take more: the RFC lets only the latest be answered, and a ping flood must not
/// fill memory), answers a close, closes on violations with the RFC's code. Every write promise is completed. Runs on
/// the channel's event loop; sits right behind the TLS handler.
final class WebSocketCodec extends ChannelDuplexHandler implements WebSocketFrameReader.Sink {
  static final int FRAME_BYTES = 64 << 10;

  /// How long a refused peer of text messages has to read why.
  static final long LINGER_MILLIS = 1000;

  /// How long a peer may take to answer a close.
  private static final long CLOSE_PATIENCE_MILLIS = 1_000;

  private static final int NORMAL_CLOSURE = 1000;
  private static final int GOING_AWAY = 1001;
  private static final int NO_CODE = 1005;

  /// Told what concerns the whole connection.
  interface Owner {
    /// Bytes came from the peer.
    void heard();

    /// The connection is about to end; the first reason counts.
    void ending(CloseReason reason);

    /// The peer answered a ping.
    default void pong() {}
  }

  private record Pending(ByteBuf bytes, ChannelPromise promise) {}

  private final Owner owner;
  private final WebSocketFrameReader reader;
  private final WebSocketFrameWriter writer;
  private final ArrayDeque<Pending> pending = new ArrayDeque<>();
  private int pendingBytes;
  private boolean started;
  private boolean closing;
  private final boolean text;
  private byte @Nullable [] owedPong;
  private @Nullable ChannelHandlerContext context;

  static WebSocketCodec server(Owner owner, RandomGenerator masks) {
    return new WebSocketCodec(owner, false, masks, false, Long.MAX_VALUE);
  }

  static WebSocketCodec client(Owner owner, RandomGenerator masks) {
    return new WebSocketCodec(owner, true, masks, false, Long.MAX_VALUE);
  }

  /// For text messages: payload is handed up as it comes, followed by [TextFrame#END]; each [TextFrame] written is one frame.
  static WebSocketCodec text(
      Owner owner, boolean client, RandomGenerator masks, long maxMessageBytes) {
    return new WebSocketCodec(owner, client, masks, true, maxMessageBytes);
  }

  private WebSocketCodec(
      Owner owner, boolean client, RandomGenerator masks, boolean text, long maxMessageBytes) {
    this.owner = owner;
    this.text = text;
    this.reader = new WebSocketFrameReader(
        !client, text ? WebSocketFrameReader.TEXT : WebSocketFrameReader.BINARY, maxMessageBytes);
    this.writer = new WebSocketFrameWriter(client, masks);
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    context = ctx;
  }

  private ChannelHandlerContext ctx() {
    var ctx = context;
    if (ctx == null) {
      throw new IllegalStateException("not on a pipeline");
    }
    return ctx;
  }

  // ---- in

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object msg) {
    if (!(msg instanceof ByteBuf in)) {
      ctx.fireChannelRead(msg);
      return;
    }
    try {
      owner.heard();
      if (!closing) {
        reader.read(in, this);
      }
    } catch (WebSocketViolation violation) {
      refuse(violation);
    } finally {
      in.release();
    }
  }

  /// Tells the peer what it did wrong and ends the connection.
  void refuse(WebSocketViolation violation) {
    if (closing) {
      return;
    }
    var ctx = ctx();
    owner.ending(
        new CloseReason(CloseReason.Code.PROTOCOL_ERROR, "WebSocket: " + violation.text()));
    sendClose(ctx, violation.closeCode(), violation.text());
    if (text) {
      // Closing now, with the rest of a message unread, would be a TCP reset, and that the end of the close frame on its way.
      ctx.executor().schedule((Runnable) ctx::close, LINGER_MILLIS, MILLISECONDS);
    } else {
      ctx.close();
    }
  }

  @Override
  public void data(ByteBuf part) {
    if (closing) {
      part.release();
    } else {
      ctx().fireChannelRead(part);
    }
  }

  @Override
  public void messageEnd() {
    // Binary messages are only the envelope of a byte stream; their edges mean nothing.
    if (text && !closing) {
      ctx().fireChannelRead(TextFrame.END);
    }
  }

  @Override
  public void control(int opcode, byte[] payload) {
    if (closing) {
      return;
    }
    switch (opcode) {
      case WebSocketFrameReader.PING -> pong(payload);
      case WebSocketFrameReader.CLOSE -> closedByPeer(payload);
      default -> owner.pong();
    }
  }

  private void pong(byte[] payload) {
    var ctx = ctx();
    if (ctx.channel().isWritable()) {
      emit(ctx);
      ctx.writeAndFlush(writer.frame(ctx.alloc(), WebSocketFrameReader.PONG, payload));
    } else if (text) {
      owedPong = payload; // the peer counts pongs: it goes out before the next frame
    }
  }

  /// Answers the ping that came while the channel could take no more, if any.
  void payPong() {
    var payload = owedPong;
    if (payload != null && !closing) {
      owedPong = null;
      var ctx = ctx();
      ctx.write(writer.frame(ctx.alloc(), WebSocketFrameReader.PONG, payload));
    }
  }

  /// Sends a ping without payload.
  void ping() {
    var ctx = ctx();
    if (!closing) {
      ctx.writeAndFlush(writer.frame(ctx.alloc(), WebSocketFrameReader.PING, new byte[0]));
    }
  }

  private void closedByPeer(byte[] payload) {
    int code = payload.length >= 2 ? ByteBuffer.wrap(payload).getShort() & 0xffff : NO_CODE;
    boolean valid =
        payload.length != 1 && (code == NO_CODE ? payload.length == 0 : isCloseCode(code));
    var text = payload.length > 2 ? new String(payload, 2, payload.length - 2, UTF_8) : "";
    owner.ending(new CloseReason(
        valid ? CloseReason.Code.CLOSED_BY_PEER : CloseReason.Code.PROTOCOL_ERROR,
        "the peer closed the WebSocket with code " + code
            + (text.isEmpty() ? "" : " (" + oneLine(text) + ")")));
    var ctx = ctx();
    sendClose(
        ctx,
        !valid ? WebSocketViolation.PROTOCOL_ERROR : code == NO_CODE ? NORMAL_CLOSURE : code,
        "");
    ctx.close();
  }

  /// Codes an endpoint may send (RFC 6455 section 7.4).
  private static boolean isCloseCode(int code) {
    return (code >= 1000 && code <= 1014 && code != 1004 && code != NO_CODE && code != 1006)
        || (code >= 3000 && code <= 4999);
  }

  private static String oneLine(String text) {
    return text.replaceAll("\\p{Cntrl}", " ");
  }

  // ---- out

  @Override
  public void write(ChannelHandlerContext ctx, Object msg, ChannelPromise promise) {
    if (msg instanceof BinaryFrame frame) {
      if (started && !closing && pending.isEmpty() && frame.content().isReadable()) {
        writeFrame(ctx, frame.content(), promise);
      } else {
        write(ctx, frame.content(), promise);
      }
    } else if (!(msg instanceof ByteBuf bytes)) {
      writeOther(ctx, msg, promise);
    } else if (closing) {
      bytes.release();
      complete(
          promise,
          new TunnelException(TunnelException.Code.CONNECTION_LOST, "the WebSocket is closing"));
    } else {
      pending.add(new Pending(bytes, promise));
      pendingBytes += bytes.readableBytes();
      if (pendingBytes >= FRAME_BYTES) {
        emit(ctx);
      }
    }
  }

  private void writeFrame(ChannelHandlerContext ctx, ByteBuf frame, ChannelPromise promise) {
    int from = frame.readerIndex();
    int mask = writer.headBefore(frame, WebSocketFrameReader.BINARY);
    WebSocketMask.apply(frame, from, frame.writerIndex(), mask, 0);
    ctx.write(frame, promise);
  }

  private void writeOther(ChannelHandlerContext ctx, Object msg, ChannelPromise promise) {
    if (!(msg instanceof TextFrame frame)) {
      ctx.write(msg, promise);
      return;
    }
    if (closing) {
      promise.tryFailure(
          new TunnelException(TunnelException.Code.CONNECTION_LOST, "the WebSocket is closing"));
      return;
    }
    payPong();
    var head = ctx.alloc().buffer(WebSocketFrameWriter.MAX_HEAD_BYTES);
    int mask = writer.fragmentHead(head, frame.firstByte(), frame.payload().length);
    var payload = Unpooled.wrappedBuffer(frame.payload());
    if (mask != 0) {
      WebSocketMask.apply(payload, 0, payload.writerIndex(), mask, 0);
    }
    ctx.write(head);
    ctx.write(payload, promise);
  }

  /// Lets written bytes out. Until then they wait, as the HTTP handlers of the handshake may still be in the way.
  void start() {
    started = true;
    flush(ctx());
  }

  @Override
  public void flush(ChannelHandlerContext ctx) {
    emit(ctx);
    ctx.flush();
  }

  private void emit(ChannelHandlerContext ctx) {
    if (pending.isEmpty() || !started) {
      return;
    }
    var parts = List.copyOf(pending);
    int bytes = pendingBytes;
    pending.clear();
    pendingBytes = 0;
    // Copied together, as TLS would do otherwise, and to be masked: payload is not ours to change.
    var out = ctx.alloc().directBuffer(WebSocketFrameWriter.MAX_HEAD_BYTES + bytes);
    int mask = bytes > 0 ? writer.head(out, WebSocketFrameReader.BINARY, bytes) : 0;
    int from = out.writerIndex();
    for (var part : parts) {
      out.writeBytes(part.bytes());
      part.bytes().release();
    }
    WebSocketMask.apply(out, from, out.writerIndex(), mask, 0);
    ctx.write(out).addListener(written -> {
      for (var part : parts) {
        complete(part.promise(), written.cause());
      }
    });
  }

  private static void complete(ChannelPromise promise, @Nullable Throwable cause) {
    if (promise.isVoid()) {
      return; // the void promise of a channel reports failures by itself
    }
    if (cause == null) {
      promise.trySuccess();
    } else {
      promise.tryFailure(cause);
    }
  }

  // ---- the end

  @Override
  public void close(ChannelHandlerContext ctx, ChannelPromise promise) {
    if (closing) {
      ctx.close(promise);
      return;
    }
    sendClose(ctx, GOING_AWAY, "");
    // The socket stays until the peer has closed its end (RFC 6455 section 7.1.1): closed with bytes still coming it would send a reset, and
    // the peer might never read why.
    var patience = ctx.executor().schedule(() -> ctx.close(), CLOSE_PATIENCE_MILLIS, MILLISECONDS);
    ctx.channel().closeFuture().addListener(_ -> {
      patience.cancel(false);
      complete(promise, null);
    });
  }

  private void sendClose(ChannelHandlerContext ctx, int code, String text) {
    started = true;
    emit(ctx);
    closing = true;
    var reason = text.getBytes(UTF_8);
    var payload = ByteBuffer.allocate(
        2 + Math.min(reason.length, WebSocketFrameReader.MAX_CONTROL_BYTES - 2));
    payload.putShort((short) code).put(reason, 0, payload.remaining());
    ctx.writeAndFlush(writer.frame(ctx.alloc(), WebSocketFrameReader.CLOSE, payload.array()));
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    closing = true;
    failPending();
    ctx.fireChannelInactive();
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext ctx) {
    failPending();
  }

  private void failPending() {
    var unsent = new ArrayList<>(pending);
    pending.clear();
    pendingBytes = 0;
    for (var part : unsent) {
      ReferenceCountUtil.release(part.bytes());
      complete(
          part.promise(),
          new TunnelException(
              TunnelException.Code.CONNECTION_LOST, "the connection ended before this was sent"));
    }
  }

  @Override
  public String toString() {
    return "WebSocketCodec" + Arrays.asList(reader, "closing=" + closing);
  }
}
