package dev.buildplane.testkit;

import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.util.ReferenceCountUtil;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/// A TCP relay on the loopback interface that can drop what it reads without closing, in one direction or both, as a
/// network does that loses packets and a firewall that forgets connections. Thread-safe.
public final class BlackHole implements AutoCloseable {
  private final EventLoopGroup loops =
      new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
  private final AtomicBoolean swallowUp = new AtomicBoolean();
  private final AtomicBoolean swallowDown = new AtomicBoolean();
  private final Channel listener;

  private BlackHole(int target) throws InterruptedException {
    listener = new ServerBootstrap()
        .group(loops)
        .channel(NioServerSocketChannel.class)
        .childOption(ChannelOption.AUTO_READ, false)
        .childHandler(new ChannelInitializer<>() {
          @Override
          protected void initChannel(Channel near) {
            var far = new Bootstrap()
                .group(near.eventLoop())
                .channel(NioSocketChannel.class)
                .handler(new Relay(near, swallowDown))
                .connect(InetAddress.getLoopbackAddress(), target);
            near.pipeline().addLast(new Relay(far.channel(), swallowUp));
            far.addListener(connected -> {
              if (connected.isSuccess()) {
                near.config().setAutoRead(true);
              } else {
                near.close();
              }
            });
          }
        })
        .bind(InetAddress.getLoopbackAddress(), 0)
        .sync()
        .channel();
  }

  /// Listens, for connections to `target` of the loopback interface.
  public static BlackHole before(int target) throws InterruptedException {
    return new BlackHole(target);
  }

  public int port() {
    return ((InetSocketAddress) listener.localAddress()).getPort();
  }

  /// Whether what those who connect here send is lost from now on, the end of their connections included.
  public void swallowUp(boolean lost) {
    swallowUp.set(lost);
  }

  /// Whether what the target sends is lost from now on, the end of its connections included.
  public void swallowDown(boolean lost) {
    swallowDown.set(lost);
  }

  @Override
  public void close() {
    listener.close().syncUninterruptibly();
    loops.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
  }

  private static final class Relay extends ChannelInboundHandlerAdapter {
    private final Channel to;
    private final AtomicBoolean swallow;

    Relay(Channel to, AtomicBoolean swallow) {
      this.to = to;
      this.swallow = swallow;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      if (swallow.get()) {
        ReferenceCountUtil.release(msg);
      } else {
        to.writeAndFlush(msg);
      }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      if (!swallow.get()) {
        to.close();
      }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable reset) {
      ctx.close();
    }
  }
}
