package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.buildplane.agent.AgentSettings;
import dev.buildplane.testkit.RawWebSocket;
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
import io.netty.handler.codec.http2.Http2Headers;
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
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import javax.net.ssl.SSLContext;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/// Many requests that their caller gives up at any moment, pipes among them, at the replica that holds the agent and at one that does not, to an
/// agent of today and to one that speaks the protocol of v0.17: afterwards nothing of them is left at gateways, agents and target.
///
/// Runs `buildplane.cancels` cycles, 2,000 where that is not set. A caller may reset [#RESETS_PER_CONNECTION] streams in half a minute, so it takes
/// a new connection after as many.
class CancelLeakFault {
  private static final int CYCLES = Integer.getInteger("buildplane.cancels", 2_000);
  private static final int WARM_UP_CYCLES = 600;
  private static final int RESETS_PER_CONNECTION = 150;
  private static final int AT_A_TIME = 100;

  /// Over HTTP/1.1, beside those over HTTP/2.
  private static final int PIPES_PER_CONNECTION = 5;

  /// Sockets and files that come and go by themselves (a connection of the hub's client).
  private static final int SLACK = 4;

  @TempDir
  Path folder;

  final MemoryBudget atGateways = new MemoryBudget(64L << 20);
  final MemoryBudget atAgents = new MemoryBudget(64L << 20);
  final ListAppender<ILoggingEvent> leaks = new ListAppender<>();
  final EventLoopGroup loops = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
  TestHub hub;
  CannedTarget target;
  TestReplicas replicas;
  AgentChain fresh;
  AgentChain old;
  SslContext tls;
  SSLContext pipes;

  @BeforeEach
  void start() throws Exception {
    leaks.start();
    ((Logger) LoggerFactory.getLogger(ResourceLeakDetector.class)).addAppender(leaks);
    hub = new TestHub(folder);
    replicas = new TestReplicas(
        hub, 2, settings -> settings.withTunnels(settings.tunnels().withBudget(atGateways)));
    target = CannedTarget.plain();
    target.behave("/hang", (_, from) -> untilItEnds(from));
    target.behave("/endless", (connection, _) -> flood(connection));
    target.behave("/upload", (_, from) -> untilItEnds(from));
    target.answer(
        "/brief",
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok".getBytes(ISO_8859_1));
    target.converse("/pipe", CancelLeakFault::pipe);
    fresh = agent("fresh", UnaryOperator.identity());
    old = agent("old", settings -> settings.withJsonOnly(true));
    pipes = CallerSocket.operator(hub);
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

  /// At the first replica.
  private AgentChain agent(String plane, UnaryOperator<AgentSettings> more) throws Exception {
    var chain = AgentChain.start(
        hub,
        plane,
        folder.resolve(plane),
        replicas.gateways.getFirst().agentPort(),
        target.port(),
        Optional.empty(),
        settings -> more.apply(settings.withTunnel(settings.tunnel().withBudget(atAgents))));
    try (var caller = hub.caller(HttpClient.Version.HTTP_1_1)) {
      for (int replica = 0; replica < replicas.gateways.size(); replica++) {
        var brief =
            HttpRequest.newBuilder(replicas.proxied(replica, plane, "/brief")).build();
        Awaitility.await()
            .atMost(TestHub.PATIENCE)
            .until(() -> caller.send(brief, BodyHandlers.discarding()).statusCode() == 200);
      }
    }
    return chain;
  }

  /// Opens it, says something and listens.
  private static void pipe(String head, Socket connection, InputStream from) throws IOException {
    var answer = new StringBuilder("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n");
    head.lines().forEach(line -> {
      var field = line.split(": ", 2);
      if (field[0].equalsIgnoreCase("upgrade")) {
        answer.append("Upgrade: ").append(field[1]).append("\r\n");
      } else if (field[0].equalsIgnoreCase("sec-websocket-key")) {
        answer
            .append("Sec-WebSocket-Accept: ")
            .append(RawWebSocket.accept(field[1]))
            .append("\r\n");
      }
    });
    connection.getOutputStream().write(answer.append("\r\nhello").toString().getBytes(ISO_8859_1));
    connection.getOutputStream().flush();
    untilItEnds(from);
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
    fresh.close();
    old.close();
    replicas.close();
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
      var sessions = replicas.gateways.getFirst().sessions().all();
      assertThat(sessions).hasSize(4); // two of each agent
      assertThat(sessions).as("calls at the gateway").allMatch(one -> one.calls() == 0);
      assertThat(sessions)
          .as("streams of the tunnels")
          .allMatch(one -> one.tunnel().activeStreams() == 0);
      assertThat(atGateways.usedBytes()).as("bytes held at the gateways").isZero();
      assertThat(atAgents.usedBytes()).as("bytes held at the agents").isZero();
      assertThat(target.open.get()).as("connections at the target").isZero();
    });
    assertThat(target.seen)
        .extracting(CannedTarget.Seen::path)
        .contains("/hang", "/endless", "/upload", "/pipe", "/brief");
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
      var connection = connect(random.nextInt(replicas.gateways.size()));
      for (int i = 0; i < Math.min(RESETS_PER_CONNECTION, cycles - done); i++) {
        assertThat(places.tryAcquire(60, TimeUnit.SECONDS))
            .as("a stream to end within 60 s of its reset")
            .isTrue();
        var stream = new Http2StreamChannelBootstrap(connection)
            .handler(leaver(random))
            .open()
            .sync()
            .getNow();
        stream.closeFuture().addListener(_ -> places.release());
      }
      assertThat(places.tryAcquire(AT_A_TIME, 60, TimeUnit.SECONDS)).isTrue();
      places.release(AT_A_TIME);
      connection.close().sync();
      for (int i = 0; i < PIPES_PER_CONNECTION; i++) {
        leavePipe(random.nextInt(replicas.gateways.size()), random.nextBoolean());
      }
    }
  }

  private Leaver leaver(SplittableRandom random) {
    int millis = random.nextInt(1, 30);
    return random.nextInt(4) == 0
        ? new Leaver(old, "/brief", OLD_WAYS.get(random.nextInt(OLD_WAYS.size())), millis)
        : new Leaver(fresh, "/hang", WAYS.get(random.nextInt(WAYS.size())), millis);
  }

  /// Over HTTP/1.1, where to give up is to hang up: before the 101 or in the middle of the pipe.
  private void leavePipe(int replica, boolean open) throws IOException {
    try (var pipe = CallerSocket.open(pipes, replicas.gateways.get(replica).callerPort())) {
      pipe.send(
          "POST " + fresh.path()
              + "/pipe HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nContent-Length: 0\r\n\r\n");
      if (open) {
        assertThat(pipe.upTo("\r\n\r\n")).startsWith("HTTP/1.1 101 ");
        pipe.send("half a fra");
      }
    }
  }

  private Channel connect(int replica) throws Exception {
    int port = replicas.gateways.get(replica).callerPort();
    var connection = new Bootstrap()
        .group(loops)
        .channel(NioSocketChannel.class)
        .handler(new ChannelInitializer<Channel>() {
          @Override
          protected void initChannel(Channel channel) {
            channel
                .pipeline()
                .addLast(tls.newHandler(channel.alloc(), "localhost", port))
                .addLast(Http2FrameCodecBuilder.forClient()
                    .encoderEnforceMaxRstFramesPerWindow(0, 0)
                    .build())
                .addLast(new Http2MultiplexHandler(new ChannelInboundHandlerAdapter()));
          }
        })
        .connect(InetAddress.getLoopbackAddress(), port)
        .sync()
        .channel();
    connection.pipeline().get(SslHandler.class).handshakeFuture().sync();
    return connection;
  }

  /// When a caller leaves.
  private enum Way {
    AT_ONCE,
    A_LITTLE_LATER,
    AFTER_THE_FIRST_PIECE_OF_THE_ANSWER,
    IN_THE_MIDDLE_OF_ITS_BODY,
    IN_THE_MIDDLE_OF_A_WEB_SOCKET,
    IN_THE_MIDDLE_OF_SPDY
  }

  private static final List<Way> WAYS = List.of(Way.values());

  /// The protocol of v0.17 carries no pipe and no answer without end.
  private static final List<Way> OLD_WAYS =
      List.of(Way.AT_ONCE, Way.A_LITTLE_LATER, Way.IN_THE_MIDDLE_OF_ITS_BODY);

  /// Asks, and leaves.
  private final class Leaver extends ChannelInboundHandlerAdapter {
    private final AgentChain chain;
    private final String slow;
    private final Way way;
    private final int millis;

    /// @param slow path that is asked by whoever leaves before the answer
    Leaver(AgentChain chain, String slow, Way way, int millis) {
      this.chain = chain;
      this.slow = slow;
      this.way = way;
      this.millis = millis;
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
      switch (way) {
        case AT_ONCE -> {
          ask(ctx, "GET", slow, true);
          leave(ctx);
        }
        case A_LITTLE_LATER -> {
          ask(ctx, "GET", slow, true);
          leaveLater(ctx);
        }
        case AFTER_THE_FIRST_PIECE_OF_THE_ANSWER -> ask(ctx, "GET", "/endless", true);
        case IN_THE_MIDDLE_OF_ITS_BODY -> {
          ask(ctx, "POST", "/upload", false);
          ctx.writeAndFlush(new DefaultHttp2DataFrame(Unpooled.wrappedBuffer(new byte[20_000])));
          leaveLater(ctx);
        }
        case IN_THE_MIDDLE_OF_A_WEB_SOCKET -> {
          open(ctx, "websocket");
          leaveLater(ctx);
        }
        case IN_THE_MIDDLE_OF_SPDY -> {
          open(ctx, "spdy/3.1");
          leaveLater(ctx);
        }
      }
    }

    private void ask(ChannelHandlerContext ctx, String method, String path, boolean whole) {
      ctx.writeAndFlush(new DefaultHttp2HeadersFrame(head(method, path), whole));
    }

    private void open(ChannelHandlerContext ctx, String protocol) {
      ctx.writeAndFlush(new DefaultHttp2HeadersFrame(
          head("CONNECT", "/pipe").set(Http2Headers.PseudoHeaderName.PROTOCOL.value(), protocol)));
    }

    private Http2Headers head(String method, String path) {
      return new DefaultHttp2Headers()
          .method(method)
          .scheme("https")
          .authority("localhost")
          .path(chain.path() + path);
    }

    private void leaveLater(ChannelHandlerContext ctx) {
      ctx.executor().schedule(() -> leave(ctx), millis, TimeUnit.MILLISECONDS);
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
      if (way == Way.AFTER_THE_FIRST_PIECE_OF_THE_ANSWER && data) {
        leave(ctx);
      }
    }
  }
}
