package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.buildplane.tunnel.MemoryBudget;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.handler.codec.http2.Http2StreamChannel;
import io.netty.handler.codec.http2.Http2StreamChannelBootstrap;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolNames;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.ResourceLeakDetector;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/// Many requests that their caller gives up at any moment: afterwards nothing of them is left at gateway, agent and target.
///
/// Runs `buildplane.cancels` cycles, 2,000 where that is not set. A caller may reset [#RESETS_PER_CONNECTION] streams in half a minute, so it takes
/// a new connection after as many.
class CancelLeakFault {
  private static final int CYCLES = Integer.getInteger("buildplane.cancels", 2_000);
  private static final int WARM_UP_CYCLES = 600;
  private static final int RESETS_PER_CONNECTION = 150;
  private static final int AT_A_TIME = 100;

  /// Sockets and files that come and go by themselves (a connection of the hub's client).
  private static final int SLACK = 4;

  @TempDir
  Path folder;

  final MemoryBudget atGateway = new MemoryBudget(64L << 20);
  final MemoryBudget atAgent = new MemoryBudget(64L << 20);
  final ListAppender<ILoggingEvent> leaks = new ListAppender<>();
  final EventLoopGroup loops = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
  TestHub hub;
  CannedTarget target;
  AgentChain chain;
  SslContext tls;

  @BeforeEach
  void start() throws Exception {
    leaks.start();
    ((Logger) LoggerFactory.getLogger(ResourceLeakDetector.class)).addAppender(leaks);
    hub = new TestHub(
        folder, settings -> settings.withTunnels(settings.tunnels().withBudget(atGateway)));
    target = CannedTarget.plain();
    target.behave("/hang", (_, from) -> untilItEnds(from));
    target.behave("/endless", (connection, _) -> flood(connection));
    target.behave("/upload", (_, from) -> untilItEnds(from));
    chain = AgentChain.start(
        hub,
        "cancels",
        folder.resolve("agent"),
        hub.gateway.agentPort(),
        target.port(),
        Optional.empty(),
        settings -> settings.withTunnel(settings.tunnel().withBudget(atAgent)));
    var operator = hub.ca.issueClient("operator", List.of("system:masters"), TestHub.YEAR);
    tls = SslContextBuilder.forClient()
        .keyManager(operator.key(), operator.chain())
        .trustManager(hub.ca.certificate())
        .applicationProtocolConfig(new ApplicationProtocolConfig(
            ApplicationProtocolConfig.Protocol.ALPN,
            ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
            ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
            ApplicationProtocolNames.HTTP_2))
        .build();
  }

  private static void untilItEnds(InputStream from) throws IOException {
    from.transferTo(java.io.OutputStream.nullOutputStream());
  }

  private static void flood(Socket connection) throws IOException {
    var out = connection.getOutputStream();
    out.write("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".getBytes(ISO_8859_1));
    while (true) {
      out.write(new byte[4096]);
    }
  }

  @AfterEach
  void stop() throws Exception {
    loops.shutdownGracefully(0, 2, TimeUnit.SECONDS).syncUninterruptibly();
    chain.close();
    target.close();
    hub.close();
    ((Logger) LoggerFactory.getLogger(ResourceLeakDetector.class)).detachAppender(leaks);
  }

  @Test
  void cancelledRequestsLeaveNothingBehind() throws Exception {
    var seed = System.nanoTime();
    System.out.println("seed " + seed);
    var random = new SplittableRandom(seed);
    cancel(WARM_UP_CYCLES, random);
    nothingIsLeft();
    int files = openFiles();
    var threads = threads();

    cancel(CYCLES, random);

    nothingIsLeft();
    Awaitility.await().atMost(TestHub.PATIENCE).until(() -> openFiles() <= files + SLACK);
    assertThat(threads()).as("platform threads").hasSizeLessThanOrEqualTo(threads.size() + SLACK);
    System.gc();
    cancel(RESETS_PER_CONNECTION, random); // the detector reports as further buffers are made
    assertThat(leaks.list).extracting(ILoggingEvent::getFormattedMessage).isEmpty();
  }

  private void nothingIsLeft() {
    Awaitility.await().atMost(TestHub.PATIENCE).untilAsserted(() -> {
      var session = hub.gateway.sessions().all().iterator().next();
      assertThat(session.calls()).as("calls at the gateway").isZero();
      assertThat(session.tunnel().activeStreams()).as("streams of the tunnel").isZero();
      assertThat(atGateway.usedBytes()).as("bytes held at the gateway").isZero();
      assertThat(atAgent.usedBytes()).as("bytes held at the agent").isZero();
      assertThat(target.open.get()).as("connections at the target").isZero();
    });
    assertThat(target.seen).isNotEmpty();
    target.seen.clear();
  }

  private static int openFiles() throws IOException {
    try (var open = Files.list(Path.of("/proc/self/fd"))) {
      return (int) open.count();
    }
  }

  private static List<String> threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .map(Thread::getName)
        .filter(name -> !name.startsWith("ForkJoinPool"))
        .collect(Collectors.toList());
  }

  private void cancel(int cycles, SplittableRandom random) throws Exception {
    var places = new Semaphore(AT_A_TIME);
    for (int done = 0; done < cycles; done += RESETS_PER_CONNECTION) {
      var connection = connect();
      for (int i = 0; i < Math.min(RESETS_PER_CONNECTION, cycles - done); i++) {
        assertThat(places.tryAcquire(60, TimeUnit.SECONDS))
            .as("a stream to end within 60 s of its reset")
            .isTrue();
        var stream = new Http2StreamChannelBootstrap(connection)
            .handler(new Leaver(random.nextInt(4), random.nextInt(1, 30)))
            .open()
            .sync()
            .getNow();
        stream.closeFuture().addListener(_ -> places.release());
      }
      assertThat(places.tryAcquire(AT_A_TIME, 60, TimeUnit.SECONDS)).isTrue();
      places.release(AT_A_TIME);
      connection.close().sync();
    }
  }

  private Channel connect() throws Exception {
    var connection = new Bootstrap()
        .group(loops)
        .channel(NioSocketChannel.class)
        .handler(new ChannelInitializer<Channel>() {
          @Override
          protected void initChannel(Channel channel) {
            channel
                .pipeline()
                .addLast(tls.newHandler(channel.alloc(), "localhost", hub.gateway.callerPort()))
                .addLast(Http2FrameCodecBuilder.forClient()
                    .encoderEnforceMaxRstFramesPerWindow(0, 0)
                    .build())
                .addLast(new Http2MultiplexHandler(new ChannelInboundHandlerAdapter()));
          }
        })
        .connect(InetAddress.getLoopbackAddress(), hub.gateway.callerPort())
        .sync()
        .channel();
    connection.pipeline().get(SslHandler.class).handshakeFuture().sync();
    return connection;
  }

  /// Asks, and leaves: at once, after the first piece of the answer, in the middle of its own body, or a little later.
  private final class Leaver extends ChannelInboundHandlerAdapter {
    private final int way;
    private final int millis;

    Leaver(int way, int millis) {
      this.way = way;
      this.millis = millis;
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
      switch (way) {
        case 0 -> {
          ask(ctx, "GET", "/hang", true);
          leave(ctx);
        }
        case 1 -> ask(ctx, "GET", "/endless", true);
        case 2 -> {
          ask(ctx, "POST", "/upload", false);
          ctx.writeAndFlush(new DefaultHttp2DataFrame(Unpooled.wrappedBuffer(new byte[20_000])));
          ctx.executor().schedule(() -> leave(ctx), millis, TimeUnit.MILLISECONDS);
        }
        default -> {
          ask(ctx, "GET", "/hang", true);
          ctx.executor().schedule(() -> leave(ctx), millis, TimeUnit.MILLISECONDS);
        }
      }
    }

    private void ask(ChannelHandlerContext ctx, String method, String path, boolean whole) {
      ctx.writeAndFlush(new DefaultHttp2HeadersFrame(
          new DefaultHttp2Headers()
              .method(method)
              .scheme("https")
              .authority("localhost")
              .path(chain.path() + path),
          whole));
    }

    private void leave(ChannelHandlerContext ctx) {
      if (ctx.channel() instanceof Http2StreamChannel && ctx.channel().isActive()) {
        ctx.writeAndFlush(new DefaultHttp2ResetFrame(Http2Error.CANCEL))
            .addListener(_ -> ctx.close());
      }
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      boolean data = msg instanceof Http2DataFrame;
      ReferenceCountUtil.release(msg);
      if (way == 1 && data) {
        leave(ctx);
      }
    }
  }
}
