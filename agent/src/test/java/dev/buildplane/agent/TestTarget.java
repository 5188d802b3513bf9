package dev.buildplane.agent;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.buildplane.pki.Identity;
import dev.buildplane.tunnel.TunnelTransport;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.net.InetSocketAddress;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.SSLPeerUnverifiedException;

/// A backend with TLS that records what reaches it and answers by path.
final class TestTarget implements AutoCloseable {
  /// @param client subject of the client's certificate; empty without one
  record Seen(
      String method,
      String uri,
      java.util.Map<String, String> headers,
      String body,
      String client) {}

  final BlockingQueue<Seen> seen = new LinkedBlockingQueue<>();
  /// Reviews of the agent's own permissions; not among `seen` and `connections`.
  final BlockingQueue<String> reviews = new LinkedBlockingQueue<>();

  /// A review that contains one of these is answered with no.
  final java.util.Set<String> denied = java.util.concurrent.ConcurrentHashMap.newKeySet();

  final AtomicInteger connections = new AtomicInteger();
  final AtomicInteger open = new AtomicInteger();
  private final Channel listener;

  TestTarget(EventLoopGroup loops, Identity identity) throws Exception {
    var tls = SslContextBuilder.forServer(identity.key(), identity.chain())
        .clientAuth(ClientAuth.OPTIONAL)
        .trustManager(InsecureTrustManagerFactory.INSTANCE)
        .build();
    listener = new ServerBootstrap()
        .group(loops)
        .channel(TunnelTransport.serverSocketType())
        .childHandler(new ChannelInitializer<>() {
          @Override
          protected void initChannel(Channel channel) {
            channel
                .pipeline()
                .addLast(tls.newHandler(channel.alloc()))
                .addLast(new HttpServerCodec())
                .addLast(new HttpObjectAggregator(1 << 20))
                .addLast(new Answers());
          }
        })
        .bind(new InetSocketAddress("127.0.0.1", 0))
        .sync()
        .channel();
  }

  int port() {
    return ((InetSocketAddress) listener.localAddress()).getPort();
  }

  @Override
  public void close() {
    listener.close().syncUninterruptibly();
  }

  private final class Answers extends ChannelInboundHandlerAdapter {
    private boolean counted;

    private void count() {
      if (!counted) {
        counted = true;
        connections.incrementAndGet();
        open.incrementAndGet();
      }
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      if (counted) {
        open.decrementAndGet();
      }
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      if (msg instanceof ByteBuf raw) {
        ctx.writeAndFlush(raw);
        return;
      }
      var request = (FullHttpRequest) msg;
      if (request.uri().endsWith("/selfsubjectaccessreviews")) {
        var asked = request.content().toString(UTF_8);
        request.release();
        reviews.add(asked);
        boolean allowed = denied.stream().noneMatch(asked::contains);
        answer(ctx, 201, "{\"status\":{\"allowed\":" + allowed + "}}");
        return;
      }
      count();
      var headers = new java.util.HashMap<String, String>();
      request
          .headers()
          .forEach(e -> headers.put(e.getKey().toLowerCase(java.util.Locale.ROOT), e.getValue()));
      seen.add(new Seen(
          request.method().name(),
          request.uri(),
          headers,
          request.content().toString(UTF_8),
          client(ctx)));
      var path = request.uri();
      var body = new byte[request.content().readableBytes()];
      request.content().readBytes(body);
      request.release();
      if (path.startsWith("/bytes/")) {
        answer(ctx, 200, new byte[Integer.parseInt(path.substring(7))]);
        return;
      }
      switch (path) {
        case "/watch" -> {
          var head = new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
          head.headers().set("transfer-encoding", "chunked");
          ctx.write(head);
          ctx.writeAndFlush(new DefaultHttpContent(Unpooled.copiedBuffer("event\n", UTF_8)));
        }
        case "/upgrade" -> {
          var switching = new DefaultFullHttpResponse(
              HttpVersion.HTTP_1_1, HttpResponseStatus.SWITCHING_PROTOCOLS);
          switching.headers().set("connection", "Upgrade").set("upgrade", "websocket");
          ctx.writeAndFlush(switching);
          ctx.pipeline().remove(HttpObjectAggregator.class);
          ctx.pipeline().remove(HttpServerCodec.class);
        }
        case "/hangup" -> ctx.close();
        case "/break" -> {
          var head = new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
          head.headers().set("content-length", 100);
          ctx.write(head);
          ctx.writeAndFlush(new DefaultHttpContent(Unpooled.copiedBuffer("part", UTF_8)))
              .addListener(io.netty.channel.ChannelFutureListener.CLOSE);
        }
        case "/long-head" -> {
          var head = new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
          head.headers().set("content-length", 0).set("x-long", "x".repeat(50_000));
          ctx.writeAndFlush(head);
        }
        case "/echo" -> answer(ctx, 201, body);
        case "/redirect" -> answer(ctx, 302, "elsewhere");
        default -> answer(ctx, 200, "hello");
      }
    }

    private static String client(ChannelHandlerContext ctx) {
      try {
        return ctx.pipeline()
            .get(SslHandler.class)
            .engine()
            .getSession()
            .getPeerPrincipal()
            .getName();
      } catch (SSLPeerUnverifiedException none) {
        return "";
      }
    }

    private void answer(ChannelHandlerContext ctx, int status, String text) {
      answer(ctx, status, text.getBytes(UTF_8));
    }

    private void answer(ChannelHandlerContext ctx, int status, byte[] body) {
      var response = new DefaultFullHttpResponse(
          HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(status), Unpooled.wrappedBuffer(body));
      response.headers().set("content-length", response.content().readableBytes());
      if (status == 302) {
        response.headers().set("location", "http://169.254.169.254/");
      }
      ctx.writeAndFlush(response);
    }
  }
}
