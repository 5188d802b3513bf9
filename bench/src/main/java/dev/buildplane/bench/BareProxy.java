package dev.buildplane.bench;

import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.flush.FlushConsolidationHandler;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import io.netty.util.ReferenceCountUtil;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.TimeUnit;

/// What a reverse proxy costs at the least that is made of the gateway's Netty and BoringSSL: it decodes and encodes HTTP/1.1 over TLS 1.3 and
/// does nothing else, with a connection of its own to the target for each caller's, on one event loop.
final class BareProxy implements AutoCloseable {
  private static final int FLUSHES_TOGETHER = 256;

  private final EventLoopGroup loops;
  private final Channel listener;

  private BareProxy(EventLoopGroup loops, Channel listener) {
    this.loops = loops;
    this.listener = listener;
  }

  static BareProxy start(Identity identity, TrustBundle trust, int upstream) throws Exception {
    var provider = OpenSsl.isAvailable() ? SslProvider.OPENSSL : SslProvider.JDK;
    var near = SslContextBuilder.forServer(identity.key(), identity.chain())
        .sslProvider(provider)
        .protocols("TLSv1.3")
        .build();
    var far = SslContextBuilder.forClient()
        .sslProvider(provider)
        .protocols("TLSv1.3")
        .trustManager(trust.certificates())
        .build();
    var loops = new MultiThreadIoEventLoopGroup(EpollIoHandler.newFactory());
    var listener = new ServerBootstrap()
        .group(loops)
        .channel(EpollServerSocketChannel.class)
        .option(ChannelOption.SO_BACKLOG, 4096)
        .childOption(ChannelOption.TCP_NODELAY, true)
        .childHandler(new ChannelInitializer<Channel>() {
          @Override
          protected void initChannel(Channel caller) {
            caller.config().setAutoRead(false);
            caller
                .pipeline()
                .addLast(near.newHandler(caller.alloc()))
                .addLast(new HttpServerCodec());
            connect(caller, far, upstream);
          }
        })
        .bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
        .sync()
        .channel();
    return new BareProxy(loops, listener);
  }

  private static void connect(Channel caller, SslContext tls, int upstream) {
    new Bootstrap()
        .group(caller.eventLoop())
        .channel(EpollSocketChannel.class)
        .option(ChannelOption.TCP_NODELAY, true)
        .handler(new ChannelInitializer<Channel>() {
          @Override
          protected void initChannel(Channel target) {
            target
                .pipeline()
                .addLast(tls.newHandler(target.alloc(), "localhost", upstream))
                .addLast(new HttpClientCodec());
            join(caller, target);
            join(target, caller);
          }
        })
        .connect(InetAddress.getLoopbackAddress(), upstream)
        .addListener(connected -> {
          if (connected.isSuccess()) {
            caller.config().setAutoRead(true);
          } else {
            caller.close();
          }
        });
  }

  private static void join(Channel from, Channel to) {
    from.pipeline()
        .addLast(new FlushConsolidationHandler(FLUSHES_TOGETHER, true))
        .addLast(new PassOn(to));
  }

  int port() {
    return ((InetSocketAddress) listener.localAddress()).getPort();
  }

  @Override
  public void close() {
    listener.close();
    loops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
  }

  /// One direction; read no faster than the other side takes.
  private static final class PassOn extends ChannelInboundHandlerAdapter {
    private final Channel to;

    PassOn(Channel to) {
      this.to = to;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      if (to.isActive()) {
        to.write(message);
      } else {
        ReferenceCountUtil.release(message);
      }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
      to.flush();
      ctx.channel().config().setAutoRead(to.isWritable());
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
      to.config().setAutoRead(ctx.channel().isWritable());
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      to.close();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      ctx.close();
    }
  }
}
