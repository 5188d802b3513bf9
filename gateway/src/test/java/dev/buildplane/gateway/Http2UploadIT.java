package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

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
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.handler.codec.http2.Http2ResetFrame;
import io.netty.handler.codec.http2.Http2StreamChannel;
import io.netty.handler.codec.http2.Http2StreamChannelBootstrap;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolNames;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.io.TempDir;

/// Uploads without `content-length` by a caller that speaks HTTP/2 with Netty's codec, which fills every window it is given.
class Http2UploadIT {
  private static final int BLOCK_BYTES = 64 * 1024;
  private static final long BODY_BYTES = 64L << 20;

  /// Blocks handed to the codec and not yet on the wire.
  private static final int AHEAD = 4;

  @TempDir
  static Path folder;

  static TestHub hub;
  static CannedTarget target;
  static AgentChain chain;
  static EventLoopGroup loop;

  @BeforeAll
  static void start() throws Exception {
    hub = new TestHub(folder);
    target = CannedTarget.plain();
    chain = AgentChain.start(
        hub,
        "uploads",
        folder.resolve("agent"),
        hub.gateway.agentPort(),
        target.port(),
        Optional.empty(),
        UnaryOperator.identity());
    loop = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
  }

  @AfterAll
  static void stop() throws Exception {
    loop.shutdownGracefully(0, 10, TimeUnit.SECONDS).sync();
    chain.close();
    target.close();
    hub.close();
  }

  /// The status of an answer, or why there is none.
  private static final class Status extends ChannelInboundHandlerAdapter {
    final CompletableFuture<Integer> status = new CompletableFuture<>();

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      if (msg instanceof Http2HeadersFrame head) {
        status.complete(Integer.valueOf(String.valueOf(head.headers().status())));
      }
      ReferenceCountUtil.release(msg);
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
      if (event instanceof Http2ResetFrame reset) {
        status.completeExceptionally(new IOException("reset with code " + reset.errorCode()));
      }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      status.completeExceptionally(new IOException("the stream ended before its answer"));
    }
  }

  private static Channel connect() throws Exception {
    var operator = hub.ca.issueClient("operator", List.of("system:masters"), TestHub.YEAR);
    var tls = SslContextBuilder.forClient()
        .trustManager(hub.ca.trust().certificates())
        .keyManager(operator.key(), operator.chain())
        .applicationProtocolConfig(new ApplicationProtocolConfig(
            ApplicationProtocolConfig.Protocol.ALPN,
            ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
            ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
            ApplicationProtocolNames.HTTP_2))
        .build();
    var port = hub.gateway.callerPort();
    var connection = new Bootstrap()
        .group(loop)
        .channel(NioSocketChannel.class)
        .handler(new ChannelInitializer<Channel>() {
          @Override
          protected void initChannel(Channel channel) {
            channel
                .pipeline()
                .addLast(tls.newHandler(channel.alloc(), "localhost", port))
                .addLast(Http2FrameCodecBuilder.forClient().build())
                .addLast(new Http2MultiplexHandler(new ChannelInboundHandlerAdapter()));
          }
        })
        .connect("localhost", port)
        .sync()
        .channel();
    connection.pipeline().get(SslHandler.class).handshakeFuture().sync();
    return connection;
  }

  private static void upload(Http2StreamChannel stream, MessageDigest digest) throws Exception {
    stream.writeAndFlush(new DefaultHttp2HeadersFrame(
        new DefaultHttp2Headers()
            .method("POST")
            .scheme("https")
            .authority("localhost")
            .path(chain.path() + "/sink"),
        false));
    var random = new Random(7);
    var block = new byte[BLOCK_BYTES];
    var free = new Semaphore(AHEAD);
    for (long sent = 0; sent < BODY_BYTES; sent += BLOCK_BYTES) {
      random.nextBytes(block);
      digest.update(block);
      if (!free.tryAcquire(TestHub.PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
        throw new AssertionError("the upload stands still after " + sent + " bytes");
      }
      stream
          .writeAndFlush(new DefaultHttp2DataFrame(
              Unpooled.copiedBuffer(block), sent + BLOCK_BYTES == BODY_BYTES))
          .addListener(written -> {
            if (written.isSuccess()) {
              free.release();
            }
          });
    }
  }

  /// Takes in a chunked body.
  private static long read(InputStream from, MessageDigest digest) throws IOException {
    long came = 0;
    for (int size = chunk(from); size > 0; size = chunk(from)) {
      digest.update(from.readNBytes(size));
      came += size;
      from.skipNBytes(2);
    }
    return came;
  }

  private static int chunk(InputStream from) throws IOException {
    var size = new StringBuilder();
    for (int next = from.read(); next != '\n'; next = from.read()) {
      size.append((char) next);
    }
    return Integer.parseInt(size.toString().strip(), 16);
  }

  private static String hex(MessageDigest digest) {
    return HexFormat.of().formatHex(digest.digest());
  }

  @RepeatedTest(2)
  void anUploadOverHttp2ArrivesWhole() throws Exception {
    var sent = MessageDigest.getInstance("SHA-256");
    var came = MessageDigest.getInstance("SHA-256");
    var counted = new CompletableFuture<Long>();
    target.behave("/sink", (connection, from) -> {
      counted.complete(read(from, came));
      connection
          .getOutputStream()
          .write("HTTP/1.1 201 Created\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
              .getBytes(ISO_8859_1));
    });
    var connection = connect();
    try {
      var status = new Status();
      var stream = new Http2StreamChannelBootstrap(connection)
          .handler(status)
          .open()
          .sync()
          .getNow();
      upload(stream, sent);
      assertThat(status.status.get(TestHub.PATIENCE.toSeconds(), TimeUnit.SECONDS))
          .isEqualTo(201);
      assertThat(counted.get(TestHub.PATIENCE.toSeconds(), TimeUnit.SECONDS)).isEqualTo(BODY_BYTES);
      assertThat(hex(came)).isEqualTo(hex(sent));
    } finally {
      connection.close().sync();
    }
  }
}
