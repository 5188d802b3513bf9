package dev.buildplane.tunnel;

import dev.buildplane.pki.Identity;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;

/// The smallest gateway: TLS, the WebSocket handshake, and a tunnel per connection.
final class TestGateway implements AutoCloseable {
  /// Answers instead of the handshake.
  record Refusal(int status, String body) {}

  private final Channel listener;
  private final BlockingQueue<GatewayTunnel> tunnels = new LinkedBlockingQueue<>();
  final BlockingQueue<String> requestTargets = new LinkedBlockingQueue<>();
  volatile Refusal refusal;

  TestGateway(EventLoopGroup loops, Identity identity, TunnelSettings settings) throws Exception {
    var tls = serverTls(identity);
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
                .addLast(new HttpObjectAggregator(1024))
                .addLast(new Upgrade(settings));
          }
        })
        .bind(new InetSocketAddress("127.0.0.1", 0))
        .sync()
        .channel();
  }

  private static SslContext serverTls(Identity identity) throws SSLException {
    return SslContextBuilder.forServer(identity.key(), identity.chain())
        .trustManager(InsecureTrustManagerFactory.INSTANCE)
        .clientAuth(ClientAuth.OPTIONAL)
        .build();
  }

  int port() {
    return ((InetSocketAddress) listener.localAddress()).getPort();
  }

  /// The next tunnel an agent has opened.
  GatewayTunnel accept() throws InterruptedException {
    var tunnel = tunnels.poll(30, TimeUnit.SECONDS);
    if (tunnel == null) {
      throw new AssertionError("no agent connected within 30 s");
    }
    return tunnel;
  }

  @Override
  public void close() {
    listener.close().syncUninterruptibly();
  }

  private final class Upgrade extends SimpleChannelInboundHandler<FullHttpRequest> {
    private final TunnelSettings settings;

    Upgrade(TunnelSettings settings) {
      this.settings = settings;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext ctx, FullHttpRequest request) {
      requestTargets.add(request.uri());
      var refused = refusal;
      if (refused != null) {
        var answer = new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1,
            HttpResponseStatus.valueOf(refused.status()),
            Unpooled.copiedBuffer(refused.body(), StandardCharsets.UTF_8));
        answer.headers().set("content-length", answer.content().readableBytes());
        ctx.writeAndFlush(answer).addListener(ChannelFutureListener.CLOSE);
        return;
      }
      var fault = WebSocketHandshake.fault(request);
      if (fault.isPresent()) {
        throw new AssertionError(fault.get());
      }
      ctx.writeAndFlush(
          WebSocketHandshake.answer(request, WebSocketHandshake.offersH2(request.headers())));
      var pipeline = ctx.pipeline();
      var http = List.<ChannelHandler>of(
          pipeline.get(HttpServerCodec.class), pipeline.get(HttpObjectAggregator.class), this);
      var tunnel = GatewayTunnel.install(ctx.channel(), request.headers(), http, settings);
      tunnel.up().thenRun(() -> tunnels.add(tunnel));
    }
  }
}
