package dev.buildplane.testkit;

import dev.buildplane.pki.Identity;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/// A Kubernetes API server as far as `kubectl` needs it for one pod with one container: discovery, the pod, `logs`, `exec`, `attach` and
/// `port-forward`, over WebSocket and over SPDY/3.1. The container is the machine the test runs on: commands are real processes in
/// `folder`, ports are those of the loopback interface. TLS only; whoever asks may. Without `tty`.
public final class PodServer implements AutoCloseable {
  public static final String NAMESPACE = "default";
  public static final String POD = "workbench";
  public static final String CONTAINER = "main";

  private static final int MAX_BODY_BYTES = 1 << 20;

  private final EventLoopGroup loops;
  private final Channel listener;
  private final PodMain main;
  private final Path folder;
  private final Queue<String> requests = new ConcurrentLinkedQueue<>();
  private final AtomicInteger connections = new AtomicInteger();

  private PodServer(Identity identity, Path folder, List<String> command) throws IOException {
    var tls = SslContextBuilder.forServer(identity.key(), identity.chain()).build();
    this.folder = folder;
    this.main = PodMain.start(command, folder);
    this.loops = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    this.listener = new ServerBootstrap()
        .group(loops)
        .channel(NioServerSocketChannel.class)
        .childHandler(new ChannelInitializer<>() {
          @Override
          protected void initChannel(Channel channel) {
            assemble(channel, tls);
          }
        })
        .bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
        .syncUninterruptibly()
        .channel();
  }

  /// Starts it on a free port of the loopback interface.
  ///
  /// @param command the pod's own process, which `logs` and `attach` show
  public static PodServer start(Identity identity, Path folder, List<String> command)
      throws IOException {
    return new PodServer(identity, folder, command);
  }

  private void assemble(Channel channel, SslContext tls) {
    connections.incrementAndGet();
    channel.closeFuture().addListener(_ -> connections.decrementAndGet());
    channel
        .pipeline()
        .addLast(tls.newHandler(channel.alloc()))
        .addLast(new HttpServerCodec())
        .addLast(new HttpObjectAggregator(MAX_BODY_BYTES))
        .addLast(new PodRequests(this));
  }

  public int port() {
    return ((InetSocketAddress) listener.localAddress()).getPort();
  }

  /// What has been asked so far: method, path and query, and after a space the upgrade asked for, `-` for none.
  public Queue<String> requests() {
    return requests;
  }

  /// Connections open now.
  public int openConnections() {
    return connections.get();
  }

  /// Those who follow the pod's log or are attached to it.
  public int followers() {
    return main.followers();
  }

  PodMain pod() {
    return main;
  }

  PodSession exec(List<String> command, boolean withInput, PodProcess.Sink sink)
      throws IOException {
    var process = PodProcess.start(command, folder, withInput, sink);
    return new PodSession() {
      @Override
      public void input(byte[] bytes, Runnable taken) {
        process.input(bytes, taken);
      }

      @Override
      public void endInput() {
        process.endInput();
      }

      @Override
      public void close() {
        process.close();
      }
    };
  }

  @Override
  public void close() {
    main.close();
    listener.close().syncUninterruptibly();
    loops.shutdownGracefully(0, 2, TimeUnit.SECONDS).syncUninterruptibly();
  }
}
