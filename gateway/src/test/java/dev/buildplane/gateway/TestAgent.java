package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import dev.buildplane.tunnel.AgentTunnel;
import dev.buildplane.tunnel.CloseReason;
import dev.buildplane.tunnel.TunnelDestination;
import dev.buildplane.tunnel.TunnelDialer;
import dev.buildplane.tunnel.TunnelSettings;
import dev.buildplane.tunnel.TunnelTransport;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.util.AttributeKey;
import io.netty.util.ReferenceCountUtil;
import java.net.URI;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/// The agent's end of a real tunnel with a target that records what reaches it.
final class TestAgent implements AutoCloseable {
  private static final EventLoopGroup LOOPS = TunnelTransport.eventLoops(1, "test-agents");

  final BlockingQueue<HttpRequest> requests = new LinkedBlockingQueue<>();
  final AtomicInteger open = new AtomicInteger();
  final AtomicLong sent = new AtomicLong();

  /// What `/ticker` says over and over.
  volatile String tick = "tick\n";

  /// All that callers have sent through upgraded streams.
  final StringBuffer heard = new StringBuffer();

  /// Refuses streams that are opened (RFC 9113 `REFUSED_STREAM`), having noted their request.
  volatile boolean refusing;

  /// With the next request it says GOAWAY for those after it (RFC 9113 section 6.8), without the grace a tunnel gives.
  volatile boolean leaving;

  private volatile int lastTaken = Integer.MAX_VALUE;

  private final AgentTunnel tunnel;

  private TestAgent(
      int port,
      String planeType,
      String planeID,
      SslContext tls,
      Map<String, String> metadata,
      TunnelSettings settings)
      throws Exception {
    tunnel = new TunnelDialer(LOOPS, settings, Duration.ofSeconds(30))
        .dial(
            new TunnelDestination(
                URI.create("wss://localhost:" + port + "/ws"), planeType, planeID),
            tls,
            metadata,
            new Streams())
        .toCompletableFuture()
        .get(60, TimeUnit.SECONDS);
  }

  static TestAgent dial(
      int port, String planeType, String planeID, Identity identity, TrustBundle server)
      throws Exception {
    return new TestAgent(
        port,
        planeType,
        planeID,
        tls(identity, server),
        Map.of("version", "9.9"),
        TunnelSettings.defaults());
  }

  /// One of several connections of the agent `instance` of a build plane.
  static TestAgent dialAs(
      String instance,
      int port,
      String planeID,
      Identity identity,
      TrustBundle server,
      TunnelSettings settings)
      throws Exception {
    return new TestAgent(
        port, "buildplane", planeID, tls(identity, server), Map.of("instance", instance), settings);
  }

  private static SslContext tls(Identity identity, TrustBundle server) throws Exception {
    return SslContextBuilder.forClient()
        .keyManager(identity.key(), identity.chain())
        .trustManager(server.certificates())
        .build();
  }

  AgentTunnel tunnel() {
    return tunnel;
  }

  boolean isGone() {
    return tunnel.closed().toCompletableFuture().isDone();
  }

  @Override
  public void close() {
    tunnel.close(new CloseReason(CloseReason.Code.CLOSED_HERE, "test is over"));
  }

  @ChannelHandler.Sharable
  private final class Streams extends ChannelInitializer<Channel> {
    @Override
    protected void initChannel(Channel stream) {
      stream.pipeline().addLast(new Target());
    }
  }

  /// Answers by path.
  private final class Target extends ChannelInboundHandlerAdapter {
    private static final AttributeKey<Integer> STREAMS = AttributeKey.valueOf("test.streams");

    private String path = "";

    /// A gateway takes 1, 3, 5 and so on.
    private int stream;

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
      var before = ctx.channel().parent().attr(STREAMS);
      stream = before.get() == null ? 1 : before.get() + 2;
      before.set(stream);
    }

    private static void frame(Channel connection, String hex) {
      connection.writeAndFlush(Unpooled.wrappedBuffer(HexFormat.of().parseHex(hex)));
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
      open.incrementAndGet();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      open.decrementAndGet();
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      try {
        switch (msg) {
          case HttpRequest request -> begin(ctx, request);
          case HttpContent content -> more(ctx, content);
          case ByteBuf bytes -> {
            heard.append(bytes.toString(UTF_8));
            ctx.writeAndFlush(bytes.retain());
          }
          default -> throw new AssertionError(msg);
        }
      } finally {
        ReferenceCountUtil.release(msg);
      }
    }

    private void begin(ChannelHandlerContext ctx, HttpRequest request) {
      if (stream > lastTaken) {
        return; // it has said that it does nothing with it
      }
      path = request.uri();
      requests.add(request);
      if (leaving) {
        leaving = false;
        lastTaken = stream;
        // Length 8, GOAWAY, no flags, stream 0; the last stream taken, NO_ERROR.
        frame(ctx.channel().parent(), "000008070000000000" + "%08x00000000".formatted(stream));
      }
      if (refusing) {
        // Past the stream, which refuses for want of memory only: length 4, RST_STREAM, no flags; REFUSED_STREAM.
        frame(ctx.channel().parent(), "0000040300%08x00000007".formatted(stream));
        ctx.close();
        return;
      }
      if (path.equals("/reset")) {
        // Length 4, RST_STREAM, no flags; INTERNAL_ERROR.
        frame(ctx.channel().parent(), "0000040300%08x00000002".formatted(stream));
        ctx.close();
        return;
      }
      if (path.equals("/no-status")) {
        // Length 5, HEADERS, END_HEADERS and END_STREAM; `:status` 9x9.
        frame(ctx.channel().parent(), "0000050105%08x0803397839".formatted(stream));
        return;
      }
      if (path.startsWith("/watch")) {
        ctx.write(head(200));
        ctx.writeAndFlush(text("first\n"));
      } else if (path.equals("/ticker")) {
        ctx.write(head(200));
        ticking(ctx);
      } else if (path.equals("/endless")) {
        ctx.write(head(200));
        flood(ctx);
      } else if (path.equals("/exec")) {
        var switching = head(101);
        switching
            .headers()
            .set("connection", "Upgrade")
            .set("upgrade", request.headers().get("upgrade"));
        ctx.writeAndFlush(switching);
      } else if (path.equals("/no-exec")) {
        ctx.write(head(403));
        ctx.write(text("no shell for you"));
        ctx.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT);
      } else if (path.startsWith("/echo")) {
        ctx.writeAndFlush(head(200));
      } else if (path.equals("/early")) {
        var early = new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(103), Unpooled.EMPTY_BUFFER);
        early.headers().set("link", "</style.css>");
        ctx.writeAndFlush(early);
        ctx.write(head(200));
        ctx.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT);
      } else if (path.equals("/trailers")) {
        var last = new DefaultLastHttpContent();
        last.trailingHeaders().set("x-checksum", "42");
        ctx.write(head(200));
        ctx.write(text("body"));
        ctx.writeAndFlush(last);
      }
    }

    private void more(ChannelHandlerContext ctx, HttpContent content) {
      if (path.startsWith("/echo")) {
        ctx.writeAndFlush(content.retain());
      } else if (path.startsWith("/hello") && content instanceof LastHttpContent) {
        var response = new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1, HttpResponseStatus.OK, Unpooled.copiedBuffer("hello", UTF_8));
        response
            .headers()
            .set("content-length", 5)
            .set("x-from", "target")
            .set("connection", "x-secret")
            .set("x-secret", "1");
        ctx.writeAndFlush(response);
      }
    }

    private void ticking(ChannelHandlerContext ctx) {
      if (!ctx.channel().isActive()) {
        return;
      }
      if (ctx.channel().isWritable()) {
        ctx.writeAndFlush(text(tick));
      }
      ctx.executor().schedule(() -> ticking(ctx), 1, TimeUnit.MILLISECONDS);
    }

    private void flood(ChannelHandlerContext ctx) {
      while (ctx.channel().isWritable() && ctx.channel().isActive()) {
        var piece = new byte[16 * 1024];
        sent.addAndGet(piece.length);
        ctx.writeAndFlush(new DefaultHttpContent(Unpooled.wrappedBuffer(piece)));
      }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
      if (path.equals("/endless")) {
        flood(ctx);
      }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      ctx.close();
    }

    private static DefaultHttpResponse head(int status) {
      return new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(status));
    }

    private static HttpContent text(String text) {
      return new DefaultHttpContent(Unpooled.copiedBuffer(text, UTF_8));
    }
  }
}
