package dev.buildplane.http;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.handler.codec.http.HttpResponseEncoder;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.handler.codec.http2.Http2StreamFrameToHttpObjectCodec;
import io.netty.handler.flush.FlushConsolidationHandler;
import io.netty.handler.ssl.ApplicationProtocolNames;
import io.netty.handler.ssl.ApplicationProtocolNegotiationHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import java.nio.channels.ClosedChannelException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// How the pipelines of a server are made: read top to bottom.
final class Pipelines {
  private static final Logger log = LoggerFactory.getLogger(Pipelines.class);

  /// Flushes within one turn of the event loop become one, so that an answer's head and the first of its body share a TLS record and a
  /// system call; after this many they are not put off further.
  private static final int FLUSHES_TOGETHER = 256;

  private Pipelines() {}

  static void assemble(Channel channel, ServerCore core) {
    var identity = core.settings().tls();
    if (identity.isEmpty()) {
      http1(channel, core);
      return;
    }
    var ssl = identity.get().context().newHandler(channel.alloc());
    ssl.setHandshakeTimeoutMillis(core.limits().tlsHandshake().toMillis());
    channel.pipeline().addLast(ssl).addLast(new ByProtocol(core));
  }

  private static void http1(Channel channel, ServerCore core) {
    channel.config().setAutoRead(false);
    var deadline = new HeaderDeadline(core.limits().headerRead());
    channel
        .pipeline()
        .addLast(deadline)
        .addLast(new StrictRequestDecoder(core.limits()))
        .addLast(new HttpResponseEncoder())
        .addLast(new FlushConsolidationHandler(FLUSHES_TOGETHER, true))
        .addLast(new ExchangeHandler(core, false, deadline));
  }

  private static void http2(Channel channel, ServerCore core) {
    var limits = core.limits();
    boolean takesConnect = core.router().routes().stream().anyMatch(Route::pipes);
    var codec = CallerCodec.create(limits, takesConnect);
    var guard = new Http2Guard(codec, limits, channel.eventLoop());
    channel
        .pipeline()
        .addLast(codec)
        .addLast(new FlushConsolidationHandler(FLUSHES_TOGETHER, true))
        .addLast(new Http2MultiplexHandler(new ChannelInitializer<Channel>() {
          @Override
          protected void initChannel(Channel stream) {
            stream.config().setAutoRead(false);
            guard.opened(stream);
            stream
                .pipeline()
                .addLast(new StrictHttp2Heads(takesConnect))
                .addLast(new Http2StreamFrameToHttpObjectCodec(true))
                .addLast(new ExchangeHandler(core, true, null));
          }
        }))
        .addLast(guard);
  }

  /// Chooses by ALPN once the handshake is over.
  private static final class ByProtocol extends ApplicationProtocolNegotiationHandler {
    private final ServerCore core;
    private boolean stopping;

    ByProtocol(ServerCore core) {
      super(ApplicationProtocolNames.HTTP_1_1);
      this.core = core;
    }

    @Override
    protected void configurePipeline(ChannelHandlerContext ctx, String protocol) {
      if (protocol.equals(ApplicationProtocolNames.HTTP_2)) {
        http2(ctx.channel(), core);
      } else {
        http1(ctx.channel(), core);
      }
      if (stopping) {
        OpenConnections.stop(ctx.channel());
      }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) throws Exception {
      if (event instanceof SslHandshakeCompletionEvent done
          && !done.isSuccess()
          && !(done.cause() instanceof ClosedChannelException)) { // as probes of the bare port end
        core.handshakeFailures().increment();
      }
      stopping |= event == OpenConnections.ServerStopping.EVENT;
      super.userEventTriggered(ctx, event);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      log.debug(
          "{}: connection failed before its first request", core.settings().name(), cause);
      ctx.close();
    }

    @Override
    protected void handshakeFailure(ChannelHandlerContext ctx, Throwable cause) {
      log.debug(
          "{}: TLS handshake with {} failed",
          core.settings().name(),
          ctx.channel().remoteAddress(),
          cause);
      ctx.close();
    }
  }
}
