package dev.buildplane.http;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One listener: TLS (or plain text), HTTP/2 and HTTP/1.1 by ALPN, routes by policy. Thread-safe.
public final class HttpServer implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(HttpServer.class);

  /// Connections waiting to be accepted, as the kernel counts them.
  private static final int BACKLOG = 1024;

  /// How long the event loops may take to end.
  private static final Duration LOOP_SHUTDOWN = Duration.ofSeconds(5);

  private final ServerCore core;
  private final EventLoopGroup loops;
  private final Channel listener;
  private final OpenConnections connections;

  private HttpServer(
      ServerCore core, EventLoopGroup loops, Channel listener, OpenConnections connections) {
    this.core = core;
    this.loops = loops;
    this.listener = listener;
    this.connections = connections;
  }

  /// Listens and serves.
  ///
  /// @throws IOException when the address cannot be bound
  public static HttpServer start(HttpServerSettings settings, Router router) throws IOException {
    var core = new ServerCore(
        settings,
        router,
        Executors.newThreadPerTaskExecutor(
            Thread.ofVirtual().name(settings.name() + "-request-", 0).factory()),
        new Semaphore(settings.limits().requestsInFlight()));
    var connections = new OpenConnections(settings.limits());
    var loops = new MultiThreadIoEventLoopGroup(
        settings.eventLoops(),
        new DefaultThreadFactory(settings.name() + "-loop", true),
        ioHandler());
    var bound = new ServerBootstrap()
        .group(loops)
        .channel(serverChannel())
        .option(ChannelOption.SO_BACKLOG, BACKLOG)
        .option(ChannelOption.SO_REUSEADDR, true)
        .childOption(ChannelOption.TCP_NODELAY, true)
        .childOption(ChannelOption.SO_KEEPALIVE, true)
        .childHandler(new ChannelInitializer<Channel>() {
          @Override
          protected void initChannel(Channel channel) {
            if (connections.admit(channel)) {
              Pipelines.assemble(channel, core);
            } else {
              channel.close();
            }
          }
        })
        .bind(settings.bind())
        .awaitUninterruptibly();
    if (!bound.isSuccess()) {
      loops.shutdownGracefully(0, LOOP_SHUTDOWN.toMillis(), TimeUnit.MILLISECONDS);
      core.handlers().shutdownNow();
      throw new IOException(
          settings.name() + ": expected to listen on " + settings.bind()
              + ", found it taken or not ours; choose another",
          bound.cause());
    }
    log.info("{}: listening on {}", settings.name(), bound.channel().localAddress());
    return new HttpServer(core, loops, bound.channel(), connections);
  }

  /// The port it listens on.
  public int port() {
    return address().getPort();
  }

  /// The address it listens on.
  public InetSocketAddress address() {
    return (InetSocketAddress) listener.localAddress();
  }

  public Router router() {
    return core.router();
  }

  /// Stops accepting, tells callers to go (`connection: close`, GOAWAY), lets requests finish for
  /// [HttpLimits#drain], then cuts what is left. A repeat does nothing.
  @Override
  public void close() {
    listener.close().awaitUninterruptibly();
    connections.drain();
    if (!connections.awaitNone(core.limits().drain())) {
      connections.cut();
      connections.awaitNone(LOOP_SHUTDOWN);
    }
    core.handlers().shutdownNow();
    loops
        .shutdownGracefully(0, LOOP_SHUTDOWN.toMillis(), TimeUnit.MILLISECONDS)
        .awaitUninterruptibly();
  }

  private static IoHandlerFactory ioHandler() {
    return Epoll.isAvailable() ? EpollIoHandler.newFactory() : NioIoHandler.newFactory();
  }

  private static Class<? extends ServerChannel> serverChannel() {
    return Epoll.isAvailable() ? EpollServerSocketChannel.class : NioServerSocketChannel.class;
  }
}
