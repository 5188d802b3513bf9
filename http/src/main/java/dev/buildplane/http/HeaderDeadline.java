package dev.buildplane.http;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Bounds the time a caller takes for a request head (slowloris). Sits before the HTTP/1.1 decoder; runs from accept
/// for the first head, from the first byte for later ones. Fires [#EXPIRED] down the pipeline, closes nothing.
final class HeaderDeadline extends ChannelInboundHandlerAdapter {
  /// The event: the head did not come in time.
  static final Object EXPIRED = new Object() {
    @Override
    public String toString() {
      return "HeaderDeadline.EXPIRED";
    }
  };

  private final Duration limit;
  private boolean awaiting = true;
  private boolean running;
  private long deadlineNanos;
  private java.util.concurrent.@Nullable Future<?> timer;

  HeaderDeadline(Duration limit) {
    this.limit = limit;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    start(ctx);
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object msg) {
    if (awaiting && !running) {
      start(ctx);
    }
    ctx.fireChannelRead(msg);
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext ctx) {
    cancel();
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    cancel();
    ctx.fireChannelInactive();
  }

  /// The head is in.
  void headComplete() {
    awaiting = false;
    running = false;
  }

  /// The next head may begin. The part of it that came in one read with the request before it is not seen here; such a
  /// head is bounded by the idle limit.
  void awaitHead() {
    awaiting = true;
  }

  /// The timer is not touched by each request: one that fires early is set again for the rest.
  private void start(ChannelHandlerContext ctx) {
    running = true;
    deadlineNanos = ctx.channel().eventLoop().ticker().nanoTime() + limit.toNanos();
    if (timer == null) {
      schedule(ctx, limit.toNanos());
    }
  }

  private void schedule(ChannelHandlerContext ctx, long nanos) {
    timer = ctx.executor().schedule(() -> fired(ctx), nanos, TimeUnit.NANOSECONDS);
  }

  private void fired(ChannelHandlerContext ctx) {
    timer = null;
    long left = deadlineNanos - ctx.channel().eventLoop().ticker().nanoTime();
    if (running && left > 0) {
      schedule(ctx, left);
    } else if (running) {
      ctx.fireUserEventTriggered(EXPIRED);
    }
  }

  private void cancel() {
    if (timer != null) {
      timer.cancel(false);
      timer = null;
    }
  }
}
