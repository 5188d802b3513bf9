package dev.buildplane.tunnel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.local.LocalAddress;
import io.netty.channel.local.LocalChannel;
import io.netty.channel.local.LocalIoHandler;
import io.netty.channel.local.LocalServerChannel;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http2.Http2FrameCodec;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.handler.codec.http2.Http2Settings;
import io.netty.handler.codec.http2.Http2StreamChannelBootstrap;
import io.netty.handler.codec.http2.Http2StreamFrameToHttpObjectCodec;
import io.netty.util.ReferenceCountUtil;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Either end of ours speaks with Netty's HTTP/2, which is what the other end was before and what says whether we read the RFC alike. Bodies are
/// larger than every window.
class NettyHttp2Test {
  private static final int BODY_BYTES = 3 << 20;
  private static final int CALLS = 5;

  private static final LocalAddress ADDRESS = new LocalAddress("netty-http2");

  private final EventLoopGroup loops =
      new MultiThreadIoEventLoopGroup(2, LocalIoHandler.newFactory());
  private final Answers answers = new Answers();
  private Channel ours;
  private Channel theirs;

  @BeforeEach
  void connect() throws Exception {
    var accepted = new CompletableFuture<Channel>();
    var server = new ServerBootstrap()
        .group(loops)
        .channel(LocalServerChannel.class)
        .childOption(ChannelOption.AUTO_READ, false)
        .childHandler(new ChannelInitializer<>() {
          @Override
          protected void initChannel(Channel channel) {
            accepted.complete(channel);
          }
        })
        .bind(ADDRESS)
        .sync()
        .channel();
    ours = new Bootstrap()
        .group(loops)
        .channel(LocalChannel.class)
        .option(ChannelOption.AUTO_READ, false)
        .handler(new ChannelInboundHandlerAdapter())
        .connect(ADDRESS)
        .sync()
        .channel();
    theirs = accepted.get(30, TimeUnit.SECONDS);
    server.close().sync();
  }

  @AfterEach
  void nothingIsHeld() throws Exception {
    ours.close().sync();
    theirs.close().sync();
    await().until(() -> MemoryBudget.process().usedBytes() == 0);
    loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).sync();
  }

  /// Netty's, in a WebSocket.
  private void netty(WebSocketCodec envelope, Http2FrameCodec codec, ChannelHandler streams)
      throws Exception {
    theirs
        .eventLoop()
        .submit(() -> {
          theirs.pipeline().addLast(envelope, codec, new Http2MultiplexHandler(streams));
          envelope.start();
        })
        .get();
  }

  private static final WebSocketCodec.Owner NOBODY = new WebSocketCodec.Owner() {
    @Override
    public void heard() {
      // Nobody counts.
    }

    @Override
    public void ending(CloseReason reason) {
      // The channel's end is looked at.
    }
  };

  private static ByteBuf body(int seed) {
    var bytes = new byte[BODY_BYTES + seed];
    new java.util.Random(seed).nextBytes(bytes);
    return Unpooled.wrappedBuffer(bytes);
  }

  private static FullHttpRequest request(int seed) {
    var request = new DefaultFullHttpRequest(
        HttpVersion.HTTP_1_1, HttpMethod.POST, "/echo/" + seed, body(seed));
    request.headers().set("host", "k8s").set("x-seed", seed);
    request.headers().set("x-http2-scheme", "https");
    return request;
  }

  /// Sends back what came, after the last byte of it.
  private static final class Echo extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      var whole = (FullHttpRequest) msg;
      var answer =
          new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK, whole.content());
      answer.headers().set("x-seed", whole.headers().get("x-seed"));
      ctx.writeAndFlush(answer);
    }
  }

  private static final class Answers extends ChannelInboundHandlerAdapter {
    private final BlockingQueue<FullHttpResponse> came = new LinkedBlockingQueue<>();

    @Override
    public boolean isSharable() {
      return true;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      came.add((FullHttpResponse) msg);
    }
  }

  private static void addTo(Channel stream, ChannelHandler... handlers) {
    stream.pipeline().addLast(handlers);
  }

  private static ChannelInitializer<Channel> streams(java.util.function.Consumer<Channel> made) {
    return new ChannelInitializer<>() {
      @Override
      public boolean isSharable() {
        return true;
      }

      @Override
      protected void initChannel(Channel stream) {
        made.accept(stream);
      }
    };
  }

  private static ChannelHandler whole() {
    return new HttpObjectAggregator(2 * BODY_BYTES);
  }

  /// Both ends are there.
  private void begin(Tunnel tunnel) {
    ours.config().setAutoRead(true);
    theirs.config().setAutoRead(true);
    await().until(tunnel::isUp);
  }

  private void assertEchoed() throws Exception {
    for (int call = 0; call < CALLS; call++) {
      var answer = answers.came.poll(60, TimeUnit.SECONDS);
      assertThat(answer).isNotNull();
      var expected = body(Integer.parseInt(answer.headers().get("x-seed")));
      assertThat(answer.content().equals(expected)).isTrue();
      ReferenceCountUtil.release(answer);
    }
  }

  @Test
  void anAgentOfNettysEchoesThroughOurGateway() throws Exception {
    netty(
        WebSocketCodec.client(NOBODY, new SplittableRandom(1)),
        Http2FrameCodecBuilder.forServer().initialSettings(new Http2Settings()).build(),
        streams(stream ->
            addTo(stream, new Http2StreamFrameToHttpObjectCodec(true), whole(), new Echo())));
    var tunnel = ours.eventLoop()
        .submit(() -> GatewayTunnel.install(
            ours,
            new DefaultHttpHeaders(),
            List.of(ours.pipeline().first()),
            TunnelSettings.defaults()))
        .get();
    begin(tunnel);
    for (int call = 0; call < CALLS; call++) {
      int seed = call;
      tunnel.openStream(streams(stream -> {
        addTo(stream, whole(), answers);
        stream.eventLoop().execute(() -> stream.writeAndFlush(request(seed)));
      }));
    }
    assertEchoed();
    await().until(() -> tunnel.activeStreams() == 0);
  }

  @Test
  void aGatewayOfNettysIsEchoedByOurAgent() throws Exception {
    var tunnel = ours.eventLoop()
        .submit(() -> Http2Tunnel.installAgentEnd(
            ours,
            List.of(ours.pipeline().first()),
            TunnelSettings.defaults(),
            streams(stream -> addTo(stream, whole(), new Echo())),
            Optional.empty()))
        .get();
    netty(
        WebSocketCodec.server(NOBODY, new SplittableRandom(1)),
        Http2FrameCodecBuilder.forClient()
            .initialSettings(new Http2Settings().pushEnabled(false))
            .build(),
        streams(Channel::close));
    begin(tunnel);
    for (int call = 0; call < CALLS; call++) {
      int seed = call;
      new Http2StreamChannelBootstrap(theirs)
          .handler(streams(stream -> {
            addTo(stream, new Http2StreamFrameToHttpObjectCodec(false), whole(), answers);
            stream.eventLoop().execute(() -> stream.writeAndFlush(request(seed)));
          }))
          .open();
    }
    assertEchoed();
    await().until(() -> tunnel.activeStreams() == 0);
  }
}
