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
  private java.util.concurrent.@Nullable Future<?> timer;

  HeaderDeadline(Duration limit) {
    this.limit = limit;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    arm(ctx);
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object msg) {
    if (awaiting && timer == null) {
      arm(ctx);
    }
    ctx.fireChannelRead(msg);
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext ctx) {
    disarm();
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    disarm();
    ctx.fireChannelInactive();
  }

  /// The head is in.
  void headComplete() {
    awaiting = false;
    disarm();
  }

  /// The next head may begin. The part of it that came in one read with the request before it is not seen here; such a
  /// head is bounded by the idle limit.
  void awaitHead() {
    awaiting = true;
  }

  private void arm(ChannelHandlerContext ctx) {
    timer = ctx.executor()
        .schedule(() -> ctx.fireUserEventTriggered(EXPIRED), limit.toNanos(), TimeUnit.NANOSECONDS);
  }

  private void disarm() {
    if (timer != null) {
      timer.cancel(false);
      timer = null;
    }
  }
}
