package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2Connection;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2FrameStream;
import io.netty.handler.codec.http2.Http2FrameStreamEvent;
import io.netty.handler.codec.http2.Http2Stream;
import java.util.HashMap;
import java.util.Map;

/// Counts DATA against the [MemoryBudget] from the moment it comes in until its reader takes it, and
/// resets the stream that holds more than its share; widens the windows of streams that are read as fast as the link brings them. Sits between the HTTP/2 codec and the stream multiplexer; one per tunnel.
final class BudgetHandler extends ChannelDuplexHandler {
  /// What a queued frame costs besides its payload: frame, buffer and queue objects, rounded up. Without it a peer
  /// could fill the heap with one-byte frames while keeping within the window.
  static final int FRAME_OVERHEAD_BYTES = 256;

  /// Smaller payloads are copied: a slice would keep the whole receive buffer (16 KiB and more) alive.
  static final int COPY_BELOW_BYTES = 2048;

  private final TunnelConnection connection;
  private final Http2Connection http2;
  private final Map<Http2FrameStream, Inbound> streams = new HashMap<>();

  /// One stream's.
  private record Inbound(StreamShare share, StreamWindow window) {}

  /// @param http2 of the codec before this handler
  BudgetHandler(TunnelConnection connection, Http2Connection http2) {
    this.connection = connection;
    this.http2 = http2;
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object msg) {
    if (!(msg instanceof Http2DataFrame frame)) {
      ctx.fireChannelRead(msg);
      return;
    }
    connection.dataCame();
    var stream = frame.stream();
    var inbound = streams.computeIfAbsent(stream, added -> inbound(ctx, added));
    int bytes = frame.content().readableBytes();
    int cost = bytes + FRAME_OVERHEAD_BYTES;
    inbound.window().came(bytes);
    if (inbound.share().mayTake(cost)) {
      ctx.fireChannelRead(new CountedData(
          frame, compact(ctx, frame.content()), inbound.share(), cost, inbound.window()::read));
    } else {
      frame.release();
      shed(ctx, stream);
    }
    forgetIfClosed(stream);
  }

  private Inbound inbound(ChannelHandlerContext ctx, Http2FrameStream stream) {
    var budget = connection.settings().budget();
    return new Inbound(
        new StreamShare(budget),
        new StreamWindow(budget, connection.newWindow(), bytes -> widen(ctx, stream, bytes)));
  }

  /// Raises what the stream's window is filled up to, and fills it.
  private void widen(ChannelHandlerContext ctx, Http2FrameStream stream, int bytes) {
    var open = http2.stream(stream.id());
    if (open == null) {
      return;
    }
    try {
      http2.local().flowController().incrementWindowSize(open, bytes);
    } catch (Http2Exception e) {
      throw new IllegalStateException("windows stay far below what HTTP/2 allows", e);
    }
    ctx.flush();
  }

  private static ByteBuf compact(ChannelHandlerContext ctx, ByteBuf content) {
    int bytes = content.readableBytes();
    if (bytes == 0 || bytes >= COPY_BELOW_BYTES) {
      return content;
    }
    try {
      return ctx.alloc().buffer(bytes).writeBytes(content, content.readerIndex(), bytes);
    } finally {
      content.release();
    }
  }

  /// To the peer a reset; to our own side the same frame, as if the peer had sent it.
  private static void shed(ChannelHandlerContext ctx, Http2FrameStream stream) {
    ctx.fireChannelRead(new DefaultHttp2ResetFrame(Http2Error.ENHANCE_YOUR_CALM).stream(stream));
    ctx.writeAndFlush(new DefaultHttp2ResetFrame(Http2Error.ENHANCE_YOUR_CALM).stream(stream));
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event instanceof Http2FrameStreamEvent change
        && change.type() == Http2FrameStreamEvent.Type.State) {
      forgetIfClosed(change.stream());
    }
    ctx.fireUserEventTriggered(event);
  }

  /// Frames still queued keep the share they were counted in.
  private void forgetIfClosed(Http2FrameStream stream) {
    if (stream.state() == Http2Stream.State.CLOSED) {
      var ended = streams.remove(stream);
      if (ended != null) {
        ended.window().end();
      }
    }
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext ctx) {
    streams.values().forEach(inbound -> inbound.window().end());
    streams.clear();
  }
}
