package dev.buildplane.gateway;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import dev.buildplane.tunnel.TunnelTransport;
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpDecoderConfig;
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

/// Dials other replicas with this one's certificate: HTTP/2 for everything that HTTP can say, and a connection of its own for
/// each upgrade, which over HTTP/1.1 is plain bytes after the 101. Thread-safe; blocks nowhere.
final class PeerDialer {
  /// TCP, and again TLS.
  static final Duration CONNECT_LIMIT = Duration.ofSeconds(5);

  private static final int MAX_INITIAL_LINE_BYTES = 8 << 10;
  private static final int MAX_HEADER_BYTES = 64 << 10;
  private static final int MAX_CHUNK_BYTES = 64 << 10;

  private final MeshSettings.Credentials credentials;
  private final MeshSettings settings;

  // guarded by this
  private @Nullable Context current;

  private record Context(
      Identity identity, TrustBundle trust, SslContext http2, SslContext http1) {}

  PeerDialer(MeshSettings settings, MeshSettings.Credentials credentials) {
    this.settings = settings;
    this.credentials = credentials;
  }

  /// An HTTP/2 connection, on `loop`.
  Future<PeerConnection> connect(PeerAddress to, EventLoop loop) {
    Promise<PeerConnection> ready = loop.newPromise();
    dial(to, loop, true, channel -> ready.trySuccess(PeerConnection.install(channel, settings)))
        .addListener(done -> {
          if (!done.isSuccess()) {
            ready.tryFailure(done.cause());
          }
        });
    return ready;
  }

  /// A connection for one upgrade, on `loop`; it speaks Netty's HTTP/1.1 objects until a 101 has come, then bytes.
  Future<Channel> upgrade(PeerAddress to, EventLoop loop, ChannelHandler handler) {
    Promise<Channel> ready = loop.newPromise();
    dial(to, loop, false, channel -> {
          var upgrade = new PeerUpgrade();
          channel
              .pipeline()
              .addLast(new HttpClientCodec(
                  new HttpDecoderConfig()
                      .setMaxInitialLineLength(MAX_INITIAL_LINE_BYTES)
                      .setMaxHeaderSize(MAX_HEADER_BYTES)
                      .setMaxChunkSize(MAX_CHUNK_BYTES),
                  false,
                  false))
              .addLast(upgrade)
              .addLast(handler);
          ready.trySuccess(channel);
          channel
              .pipeline()
              .context(upgrade)
              .fireChannelActive(); // it was, before the handler came
        })
        .addListener(done -> {
          if (!done.isSuccess()) {
            ready.tryFailure(done.cause());
          }
        });
    return ready;
  }

  private Future<Void> dial(
      PeerAddress to, EventLoop loop, boolean http2, java.util.function.Consumer<Channel> secured) {
    Promise<Void> outcome = loop.newPromise();
    SslContext tls;
    try {
      tls = http2 ? context().http2() : context().http1();
    } catch (SSLException e) {
      return outcome.setFailure(e);
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
                .addLast(new AwaitTls(http2, secured, outcome));
          }
        })
        .connect(to.address())
        .addListener(connected -> {
          if (!connected.isSuccess()) {
            outcome.tryFailure(connected.cause());
          }
        });
    return outcome;
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
      current = new Context(
          identity,
          trust,
          build(identity, trust, ApplicationProtocolNames.HTTP_2),
          build(identity, trust, ApplicationProtocolNames.HTTP_1_1));
    }
    return current;
  }

  private static SslContext build(Identity identity, TrustBundle trust, String protocol)
      throws SSLException {
    return SslContextBuilder.forClient()
        .keyManager(identity.key(), identity.chain())
        .trustManager(trust.certificates())
        .protocols("TLSv1.3", "TLSv1.2")
        .applicationProtocolConfig(new ApplicationProtocolConfig(
            ApplicationProtocolConfig.Protocol.ALPN,
            ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
            ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
            protocol))
        .build();
  }

  /// Lets the connection be used once TLS is up and the protocol agreed.
  private static final class AwaitTls extends ChannelInboundHandlerAdapter {
    private final boolean http2;
    private final java.util.function.Consumer<Channel> secured;
    private final Promise<Void> outcome;

    AwaitTls(boolean http2, java.util.function.Consumer<Channel> secured, Promise<Void> outcome) {
      this.http2 = http2;
      this.secured = secured;
      this.outcome = outcome;
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
      if (event instanceof SslHandshakeCompletionEvent done) {
        ctx.pipeline().remove(this);
        var chosen = ctx.pipeline().get(SslHandler.class).applicationProtocol();
        if (!done.isSuccess()) {
          outcome.tryFailure(done.cause());
          ctx.close();
        } else if (http2 && !ApplicationProtocolNames.HTTP_2.equals(chosen)) {
          outcome.tryFailure(
              new IOException("expected a peer that speaks HTTP/2, found " + chosen));
          ctx.close();
        } else {
          secured.accept(ctx.channel());
          outcome.trySuccess(null);
        }
      }
      ctx.fireUserEventTriggered(event);
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      outcome.tryFailure(new IOException("the peer closed the connection during the handshake"));
      ctx.fireChannelInactive();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      outcome.tryFailure(cause);
      ctx.close();
    }
  }
}
