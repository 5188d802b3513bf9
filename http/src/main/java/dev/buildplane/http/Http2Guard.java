package dev.buildplane.http;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http2.Http2FrameCodec;
import io.netty.handler.codec.http2.Http2SettingsFrame;
import io.netty.util.ReferenceCountUtil;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Watches one HTTP/2 connection as a whole: its preface must come in time, and it may not rest without streams for
/// ever. Swallows the connection's own frames, which the codec has dealt with. Event loop only.
final class Http2Guard extends ChannelInboundHandlerAdapter {
  private static final Logger log = LoggerFactory.getLogger(Http2Guard.class);

  private final Http2FrameCodec codec;
  private final HttpLimits limits;
  private @Nullable Future<?> preface;
  private @Nullable Future<?> idle;
  private boolean restedLastTime;

  Http2Guard(Http2FrameCodec codec, HttpLimits limits) {
    this.codec = codec;
    this.limits = limits;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    preface = ctx.executor()
        .schedule(() -> ctx.close(), limits.headerRead().toNanos(), TimeUnit.NANOSECONDS);
    long period = Math.max(1, limits.idle().toMillis());
    idle = ctx.executor()
        .scheduleWithFixedDelay(() -> checkIdle(ctx), period, period, TimeUnit.MILLISECONDS);
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object msg) {
    if (msg instanceof Http2SettingsFrame && preface != null) {
      preface.cancel(false);
    }
    restedLastTime = false;
    ReferenceCountUtil.release(msg);
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    cancel();
    ctx.fireChannelInactive();
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext ctx) {
    cancel();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    log.debug("HTTP/2 connection of {} failed", ctx.channel().remoteAddress(), cause);
    ctx.close();
  }

  private void checkIdle(ChannelHandlerContext ctx) {
    boolean resting = codec.connection().numActiveStreams() == 0;
    if (resting && restedLastTime) {
      ctx.close();
    }
    restedLastTime = resting;
  }

  private void cancel() {
    if (preface != null) {
      preface.cancel(false);
    }
    if (idle != null) {
      idle.cancel(false);
    }
  }
}
