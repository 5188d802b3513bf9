package dev.buildplane.gateway;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import dev.buildplane.tunnel.TunnelTransport;
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolNames;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.io.IOException;
import java.time.Duration;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/// Dials other replicas with this one's certificate; they speak HTTP/2. Thread-safe; blocks nowhere.
final class PeerDialer {
  /// TCP, and again TLS.
  static final Duration CONNECT_LIMIT = Duration.ofSeconds(5);

  private final MeshSettings.Credentials credentials;
  private final MeshSettings settings;

  // guarded by this
  private @Nullable Context current;

  private record Context(Identity identity, TrustBundle trust, SslContext tls) {}

  PeerDialer(MeshSettings settings, MeshSettings.Credentials credentials) {
    this.settings = settings;
    this.credentials = credentials;
  }

  /// A connection on `loop`, once the peer has said what it takes.
  Future<PeerConnection> connect(PeerAddress to, EventLoop loop) {
    Promise<PeerConnection> ready = loop.newPromise();
    SslContext tls;
    try {
      tls = context().tls();
    } catch (SSLException e) {
      return ready.setFailure(e);
    }
    new Bootstrap()
        .group(loop)
        .channel(TunnelTransport.socketType())
        .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) CONNECT_LIMIT.toMillis())
        .option(ChannelOption.TCP_NODELAY, true)
        .handler(new ChannelInitializer<>() {
          @Override
          protected void initChannel(Channel channel) {
            channel
                .pipeline()
                .addLast(handler(tls, channel, to))
                .addLast(new AwaitTls(settings, ready));
          }
        })
        .connect(to.address())
        .addListener(connected -> {
          if (!connected.isSuccess()) {
            ready.tryFailure(connected.cause());
          }
        });
    return ready;
  }

  private static SslHandler handler(SslContext tls, Channel channel, PeerAddress to) {
    var handler = tls.newHandler(channel.alloc(), to.host(), to.address().getPort());
    var parameters = handler.engine().getSSLParameters();
    parameters.setEndpointIdentificationAlgorithm("HTTPS");
    handler.engine().setSSLParameters(parameters);
    handler.setHandshakeTimeout(CONNECT_LIMIT.toMillis(), MILLISECONDS);
    return handler;
  }

  private synchronized Context context() throws SSLException {
    var identity = credentials.identity().get();
    var trust = credentials.trust().get();
    if (current == null
        || !current.identity().equals(identity)
        || !current.trust().equals(trust)) {
      current = new Context(identity, trust, build(identity, trust));
    }
    return current;
  }

  private static SslContext build(Identity identity, TrustBundle trust) throws SSLException {
    return SslContextBuilder.forClient()
        .keyManager(identity.key(), identity.chain())
        .trustManager(trust.certificates())
        .protocols("TLSv1.3", "TLSv1.2")
        .applicationProtocolConfig(new ApplicationProtocolConfig(
            ApplicationProtocolConfig.Protocol.ALPN,
            ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
            ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
            ApplicationProtocolNames.HTTP_2))
        .build();
  }

  /// Lets the connection be used once TLS is up and the protocol agreed.
  private static final class AwaitTls extends ChannelInboundHandlerAdapter {
    private final MeshSettings settings;
    private final Promise<PeerConnection> ready;

    AwaitTls(MeshSettings settings, Promise<PeerConnection> ready) {
      this.settings = settings;
      this.ready = ready;
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
      if (event instanceof SslHandshakeCompletionEvent done) {
        ctx.pipeline().remove(this);
        var chosen = ctx.pipeline().get(SslHandler.class).applicationProtocol();
        if (!done.isSuccess()) {
          ready.tryFailure(done.cause());
          ctx.close();
        } else if (!ApplicationProtocolNames.HTTP_2.equals(chosen)) {
          ready.tryFailure(new IOException("expected a peer that speaks HTTP/2, found " + chosen));
          ctx.close();
        } else {
          PeerConnection.install(ctx.channel(), settings, ready);
        }
      }
      ctx.fireUserEventTriggered(event);
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      ready.tryFailure(new IOException("the peer closed the connection during the handshake"));
      ctx.fireChannelInactive();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      ready.tryFailure(cause);
      ctx.close();
    }
  }
}
