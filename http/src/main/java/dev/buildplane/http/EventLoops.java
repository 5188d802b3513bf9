package dev.buildplane.http;

import io.netty.channel.EventLoopGroup;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/// The threads that move the bytes of one or several servers. Servers that hand bytes to each other share them: on one loop nothing has to
/// be passed between threads. Thread-safe.
public final class EventLoops implements AutoCloseable {
  /// How long the loops may take to end.
  static final Duration SHUTDOWN = Duration.ofSeconds(5);

  private final EventLoopGroup group;

  private EventLoops(EventLoopGroup group) {
    this.group = group;
  }

  /// Starts `threads` daemon threads, 1 to 256, named after `name`.
  public static EventLoops start(int threads, String name) {
    return new EventLoops(
        new SpreadingGroup(threads, new DefaultThreadFactory(name + "-loop", true), ioHandler()));
  }

  EventLoopGroup group() {
    return group;
  }

  static Class<? extends ServerChannel> serverChannel() {
    return Epoll.isAvailable() ? EpollServerSocketChannel.class : NioServerSocketChannel.class;
  }

  private static IoHandlerFactory ioHandler() {
    return Epoll.isAvailable() ? EpollIoHandler.newFactory() : NioIoHandler.newFactory();
  }

  /// Ends the threads, after what they have at hand; waits for at most [#SHUTDOWN]. A repeat does nothing.
  @Override
  public void close() {
    group
        .shutdownGracefully(0, SHUTDOWN.toMillis(), TimeUnit.MILLISECONDS)
        .awaitUninterruptibly(SHUTDOWN.toMillis());
  }
}
