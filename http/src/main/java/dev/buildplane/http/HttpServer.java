package dev.buildplane.http;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One listener: TLS (or plain text), HTTP/2 and HTTP/1.1 by ALPN, routes by policy. Thread-safe.
public final class HttpServer implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(HttpServer.class);

  /// Connections waiting to be accepted, as the kernel counts them.
  private static final int BACKLOG = 1024;

  private final ServerCore core;
  private final Runnable closeLoops;
  private final Channel listener;
  private final OpenConnections connections;

  private HttpServer(
      ServerCore core, Runnable closeLoops, Channel listener, OpenConnections connections) {
    this.core = core;
    this.closeLoops = closeLoops;
    this.listener = listener;
    this.connections = connections;
  }

  /// Listens and serves, on event loops of its own.
  ///
  /// @throws IOException when the address cannot be bound
  public static HttpServer start(HttpServerSettings settings, Router router) throws IOException {
    var loops = EventLoops.start(settings.eventLoops(), settings.name());
    try {
      return start(settings, router, loops, loops::close);
    } catch (IOException | RuntimeException e) {
      loops.close();
      throw e;
    }
  }

  /// As above, on `loops`, which stay the caller's; [HttpServerSettings#eventLoops] says nothing then.
  public static HttpServer start(HttpServerSettings settings, Router router, EventLoops loops)
      throws IOException {
    return start(settings, router, loops, () -> {});
  }

  private static HttpServer start(
      HttpServerSettings settings, Router router, EventLoops loops, Runnable closeLoops)
      throws IOException {
    var core = new ServerCore(
        settings,
        router,
        Executors.newThreadPerTaskExecutor(
            Thread.ofVirtual().name(settings.name() + "-request-", 0).factory()),
        new Semaphore(settings.limits().requestsInFlight()),
        new LongAdder());
    var connections = new OpenConnections(settings.limits());
    var bound = new ServerBootstrap()
        .group(loops.group())
        .channel(EventLoops.serverChannel())
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
      core.handlers().shutdownNow();
      throw new IOException(
          settings.name() + ": expected to listen on " + settings.bind()
              + ", found it taken or not ours; choose another",
          bound.cause());
    }
    log.info("{}: listening on {}", settings.name(), bound.channel().localAddress());
    return new HttpServer(core, closeLoops, bound.channel(), connections);
  }

  /// The port it listens on.
  public int port() {
    return address().getPort();
  }

  /// The address it listens on.
  public InetSocketAddress address() {
    return (InetSocketAddress) listener.localAddress();
  }

  /// TLS handshakes that failed since the start; peers that left without one are not among them.
  public long tlsHandshakeFailures() {
    return core.handshakeFailures().sum();
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
      connections.awaitNone(EventLoops.SHUTDOWN);
    }
    core.handlers().shutdownNow();
    closeLoops.run();
  }
}
