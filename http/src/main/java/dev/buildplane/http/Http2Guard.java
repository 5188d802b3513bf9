package dev.buildplane.http;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.handler.codec.http2.DefaultHttp2GoAwayFrame;
import io.netty.handler.codec.http2.DefaultHttp2PingFrame;
import io.netty.handler.codec.http2.Http2CodecUtil;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2FrameCodec;
import io.netty.handler.codec.http2.Http2PingFrame;
import io.netty.handler.codec.http2.Http2SettingsFrame;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.EventExecutor;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Watches one HTTP/2 connection as a whole: its preface must come in time, it may not rest without streams for ever, it may
/// not flood us with frames that only we have work with, and it does not say how much our encoder remembers. When it is gone its
/// streams are: those whose body nobody reads would otherwise stay, with what came of it. Swallows the connection's own frames,
/// which the codec has dealt with. Event loop only.
final class Http2Guard extends ChannelInboundHandlerAdapter {
  private static final Logger log = LoggerFactory.getLogger(Http2Guard.class);
  private static final LogBudget CUT = new LogBudget(log);

  private static final long GOAWAY_PING = 0x62_70_6c_65_61_76_65L;

  private final Http2FrameCodec codec;
  private final HttpLimits limits;
  private @Nullable ChannelHandlerContext context;
  private @Nullable Future<?> leaving;
  private final ChannelGroup streams;
  private @Nullable Future<?> preface;
  private @Nullable Future<?> idle;
  private boolean restedLastTime;
  private long windowBeganNanos;
  private int controlFrames;
  private boolean cut;

  Http2Guard(Http2FrameCodec codec, HttpLimits limits, EventExecutor loop) {
    this.codec = codec;
    this.limits = limits;
    this.streams = new DefaultChannelGroup(loop);
  }

  /// One more stream, until it is closed.
  void opened(Channel stream) {
    streams.add(stream);
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    context = ctx;
    preface = ctx.executor()
        .schedule(() -> ctx.close(), limits.headerRead().toNanos(), TimeUnit.NANOSECONDS);
    long period = Math.max(1, limits.idle().toMillis());
    idle = ctx.executor()
        .scheduleWithFixedDelay(() -> checkIdle(ctx), period, period, TimeUnit.MILLISECONDS);
  }

  /// Tells the caller to go, in the two steps of RFC 9113 section 6.8: the first GOAWAY leaves out no request that is on its way; when the PING
  /// behind it is answered, all of those have come, and the connection ends with the last of them. On the event loop.
  void stop() {
    var ctx = context;
    if (ctx == null || leaving != null) {
      return;
    }
    leaving = ctx.executor()
        .schedule(() -> leave(ctx), limits.farewell().toMillis(), TimeUnit.MILLISECONDS);
    ctx.write(
        new DefaultHttp2GoAwayFrame(Http2Error.NO_ERROR).setExtraStreamIds(Integer.MAX_VALUE));
    ctx.writeAndFlush(new DefaultHttp2PingFrame(GOAWAY_PING));
  }

  private static void leave(ChannelHandlerContext ctx) {
    ctx.write(new DefaultHttp2GoAwayFrame(Http2Error.NO_ERROR));
    ctx.close(); // waits for the streams
  }

  private void answered(ChannelHandlerContext ctx, Http2PingFrame ping) {
    if (ping.ack() && ping.content() == GOAWAY_PING && leaving != null && leaving.cancel(false)) {
      leave(ctx);
    }
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object msg) {
    if (msg instanceof Http2PingFrame ping) {
      answered(ctx, ping);
    }
    ReferenceCountUtil.release(msg);
    restedLastTime = false;
    if (msg instanceof Http2SettingsFrame) {
      if (preface != null) {
        preface.cancel(false);
      }
      boundEncoderTable();
    }
    if (flooded(ctx) && !cut) {
      cut = true;
      CUT.info(
          "HTTP/2 connection of {} cut: too many control frames", ctx.channel().remoteAddress());
      codec.onError(
          ctx.pipeline().context(codec),
          false,
          Http2Exception.connectionError(Http2Error.ENHANCE_YOUR_CALM, "too many control frames"));
    }
  }

  /// A peer may let our encoder remember up to 4 GiB of header fields (RFC 9113 section 6.5.2); what it remembers is our
  /// memory, for as long as the connection lasts.
  private void boundEncoderTable() {
    var table = codec.encoder().configuration().headersConfiguration();
    try {
      table.maxHeaderTableSize(
          Math.min(table.maxHeaderTableSize(), HttpLimits.ENCODER_TABLE_BYTES));
    } catch (Http2Exception e) {
      throw new IllegalStateException("a smaller table is always allowed", e);
    }
  }

  /// PING, SETTINGS, PRIORITY and unknown frames: each costs us work and often an answer, and none is a request.
  private boolean flooded(ChannelHandlerContext ctx) {
    long now = ctx.executor().ticker().nanoTime();
    if (now - windowBeganNanos > HttpLimits.CONTROL_FRAME_WINDOW.toNanos()) {
      windowBeganNanos = now;
      controlFrames = 0;
    }
    return ++controlFrames > HttpLimits.CONTROL_FRAMES_PER_WINDOW;
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    cancel();
    streams.close();
    ctx.fireChannelInactive();
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext ctx) {
    cancel();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    log.debug("HTTP/2 connection of {} failed", ctx.channel().remoteAddress(), cause);
    if (Http2CodecUtil.getEmbeddedHttp2Exception(cause) == null) {
      ctx.close();
    } // else the codec closes, after a GOAWAY that says why; ours would go out before, with no
    // error
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
    if (leaving != null) {
      leaving.cancel(false);
    }
  }
}
