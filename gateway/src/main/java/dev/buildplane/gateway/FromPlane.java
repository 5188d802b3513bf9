package dev.buildplane.gateway;

import dev.buildplane.tunnel.StreamEnd;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.util.ReferenceCountUtil;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;

/// The handler on the stream of a [ProxyCall]: sends the request as soon as the stream is there, then passes everything over to the caller's
/// loop, in order; what one read of the stream brought passes at once.
final class FromPlane extends ChannelInboundHandlerAdapter {
  private final ProxyCall call;
  private final EventLoop callersLoop;
  private final HttpRequest request;
  private List<Object> passing = new ArrayList<>(2);

  FromPlane(ProxyCall call, EventLoop callersLoop, HttpRequest request) {
    this.call = call;
    this.callersLoop = callersLoop;
    this.request = request;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    ctx.channel().config().setAutoRead(false);
  }

  @Override
  public void channelActive(ChannelHandlerContext ctx) {
    ctx.writeAndFlush(request);
    // From here, as the answer is: the future of the stream may be late, and what the caller sends after a 101 would be lost.
    pass(ctx, () -> call.opened(ctx.channel()));
    ctx.read();
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object msg) {
    if (callersLoop.inEventLoop()) {
      call.fromPlane(msg);
    } else {
      passing.add(msg);
    }
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    pass(ctx, call::planePaused);
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    if (ctx.channel().isWritable()) {
      pass(ctx, call::streamWritable);
    }
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event == StreamEnd.INSTANCE) {
      pass(ctx, call::planeEnded);
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    pass(ctx, () -> call.streamFailed(cause));
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    pass(ctx, call::streamGone);
  }

  private void pass(ChannelHandlerContext ctx, Runnable then) {
    if (callersLoop.inEventLoop()) {
      then.run();
      return;
    }
    var messages = passing;
    passing = new ArrayList<>(2);
    try {
      callersLoop.execute(() -> {
        messages.forEach(call::fromPlane);
        then.run();
      });
    } catch (RejectedExecutionException e) {
      messages.forEach(
          ReferenceCountUtil::release); // the caller's loop has ended, and the caller with it
      ctx.close();
    }
  }
}
