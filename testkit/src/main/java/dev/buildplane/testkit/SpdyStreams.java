package dev.buildplane.testkit;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.spdy.DefaultSpdyDataFrame;
import io.netty.handler.codec.spdy.DefaultSpdySynReplyFrame;
import io.netty.handler.codec.spdy.SpdyDataFrame;
import io.netty.handler.codec.spdy.SpdyFrame;
import io.netty.handler.codec.spdy.SpdyPingFrame;
import io.netty.handler.codec.spdy.SpdySynStreamFrame;
import org.jspecify.annotations.Nullable;

/// The server's side of a SPDY/3.1 connection as Kubernetes uses it: the caller opens streams that say in a header what they
/// are; there are no stream windows (the clients know none).
abstract class SpdyStreams extends SimpleChannelInboundHandler<SpdyFrame> {
  private @Nullable ChannelHandlerContext ctx;

  /// The caller opened a stream.
  ///
  /// @param type `error`, `data`, `stdin`, `stdout`, `stderr` or `resize`
  abstract void opened(int stream, String type, SpdySynStreamFrame frame);

  /// Bytes on a stream; the frame's content is released afterwards.
  abstract void data(int stream, ByteBuf bytes);

  /// The caller has ended its direction of a stream.
  abstract void ended(int stream);

  @Override
  public void handlerAdded(ChannelHandlerContext context) {
    ctx = context;
  }

  @Override
  protected void channelRead0(ChannelHandlerContext context, SpdyFrame frame) {
    switch (frame) {
      case SpdySynStreamFrame syn -> {
        context.writeAndFlush(accepted(syn.streamId()));
        opened(syn.streamId(), header(syn, "streamtype"), syn);
        if (syn.isLast()) {
          ended(syn.streamId());
        }
      }
      case SpdyDataFrame data -> {
        if (data.content().isReadable()) {
          data(data.streamId(), data.content());
        }
        if (data.isLast()) {
          ended(data.streamId());
        }
      }
      case SpdyPingFrame ping -> context.writeAndFlush(ping);
      default -> {
        // Settings, windows, resets and farewells ask for nothing here: the connection's end tells.
      }
    }
  }

  /// With a header, as Netty writes no block at all for none, and the callers cannot read that.
  private static DefaultSpdySynReplyFrame accepted(int stream) {
    var reply = new DefaultSpdySynReplyFrame(stream);
    reply.headers().set("accepted", "true");
    return reply;
  }

  static String header(SpdySynStreamFrame frame, String name) {
    return frame.headers().getAsString(name);
  }

  final ChannelFuture send(int stream, ByteBuf bytes) {
    return context().writeAndFlush(new DefaultSpdyDataFrame(stream, bytes));
  }

  final ChannelFuture end(int stream) {
    return context().writeAndFlush(new DefaultSpdyDataFrame(stream).setLast(true));
  }

  final ChannelHandlerContext context() {
    if (ctx == null) {
      throw new IllegalStateException("used before the handler was added");
    }
    return ctx;
  }
}
