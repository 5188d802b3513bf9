package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2FrameStream;
import io.netty.handler.codec.http2.Http2FrameStreamEvent;
import io.netty.handler.codec.http2.Http2Stream;
import java.util.HashMap;
import java.util.Map;
import java.util.function.IntConsumer;

/// Counts DATA against the [MemoryBudget] from the moment it comes in until its reader takes it, and
/// resets the stream that holds more than its share. Sits between the HTTP/2 codec and the stream multiplexer; one per tunnel.
final class BudgetHandler extends ChannelDuplexHandler {
  /// What a queued frame costs besides its payload: frame, buffer and queue objects, rounded up. Without it a peer
  /// could fill the heap with one-byte frames while keeping within the window.
  static final int FRAME_OVERHEAD_BYTES = 256;

  /// Smaller payloads are copied: a slice would keep the whole receive buffer (16 KiB and more) alive.
  static final int COPY_BELOW_BYTES = 2048;

  private final MemoryBudget budget;
  private final IntConsumer came;
  private final Map<Http2FrameStream, StreamShare> shares = new HashMap<>();

  /// @param came told of the bytes of every DATA frame
  BudgetHandler(MemoryBudget budget, IntConsumer came) {
    this.budget = budget;
    this.came = came;
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object msg) {
    if (!(msg instanceof Http2DataFrame frame)) {
      ctx.fireChannelRead(msg);
      return;
    }
    came.accept(frame.content().readableBytes());
    var stream = frame.stream();
    var share = shares.computeIfAbsent(stream, added -> new StreamShare(budget));
    int cost = frame.content().readableBytes() + FRAME_OVERHEAD_BYTES;
    if (share.mayTake(cost)) {
      ctx.fireChannelRead(new CountedData(frame, compact(ctx, frame.content()), share, cost));
    } else {
      frame.release();
      shed(ctx, stream);
    }
    forgetIfClosed(stream);
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
      shares.remove(stream);
    }
  }
}
