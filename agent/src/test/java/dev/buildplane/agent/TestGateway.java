package dev.buildplane.agent;

import dev.buildplane.pki.Identity;
import dev.buildplane.tunnel.GatewayTunnel;
import dev.buildplane.tunnel.TunnelSettings;
import dev.buildplane.tunnel.TunnelTransport;
import dev.buildplane.tunnel.WebSocketHandshake;
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
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/// The smallest gateway: accepts every agent, remembers its certificate.
final class TestGateway implements AutoCloseable {
  record Accepted(GatewayTunnel tunnel, String subject) {}

  final BlockingQueue<Accepted> accepted = new LinkedBlockingQueue<>();
  volatile String refusal = "";
  private final String replica;
  private final Channel listener;

  TestGateway(EventLoopGroup loops, Identity identity) throws Exception {
    this(loops, identity, 0, "");
  }

  /// @param replica what it calls itself in its answers; empty: nothing, as a gateway of v0.17
  TestGateway(EventLoopGroup loops, Identity identity, int port, String replica) throws Exception {
    this.replica = replica;
    var tls = SslContextBuilder.forServer(identity.key(), identity.chain())
        .trustManager(InsecureTrustManagerFactory.INSTANCE)
        .clientAuth(ClientAuth.OPTIONAL)
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
                .addLast(new HttpObjectAggregator(1024))
                .addLast(new Upgrade());
          }
        })
        .bind(new InetSocketAddress("127.0.0.1", port))
        .sync()
        .channel();
  }

  int port() {
    return ((InetSocketAddress) listener.localAddress()).getPort();
  }

  Accepted accept() throws InterruptedException {
    var next = accepted.poll(30, TimeUnit.SECONDS);
    if (next == null) {
      throw new AssertionError("no agent connected within 30 s");
    }
    return next;
  }

  @Override
  public void close() {
    listener.close().syncUninterruptibly();
  }

  private final class Upgrade extends SimpleChannelInboundHandler<FullHttpRequest> {
    @Override
    protected void channelRead0(ChannelHandlerContext ctx, FullHttpRequest request)
        throws Exception {
      if (!refusal.isEmpty()) {
        var body = Unpooled.copiedBuffer(refusal, StandardCharsets.UTF_8);
        var answer = new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1, HttpResponseStatus.UNAUTHORIZED, body);
        answer.headers().set("content-length", body.readableBytes());
        ctx.writeAndFlush(answer).addListener(ChannelFutureListener.CLOSE);
        return;
      }
      var session = ctx.pipeline().get(SslHandler.class).engine().getSession();
      var subject = ((X509Certificate) session.getPeerCertificates()[0])
          .getSubjectX500Principal()
          .getName();
      var answer = WebSocketHandshake.answer(request, true);
      if (!replica.isEmpty()) {
        answer.headers().set(WebSocketHandshake.REPLICA_HEADER, replica);
      }
      ctx.writeAndFlush(answer);
      var http = List.<ChannelHandler>of(
          ctx.pipeline().get(HttpServerCodec.class),
          ctx.pipeline().get(HttpObjectAggregator.class),
          this);
      var tunnel =
          GatewayTunnel.install(ctx.channel(), request.headers(), http, TunnelSettings.defaults());
      tunnel.up().thenRun(() -> accepted.add(new Accepted(tunnel, subject)));
    }
  }
}
