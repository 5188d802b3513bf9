package dev.buildplane.tunnel;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoop;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http2.Http2Connection;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2FrameCodec;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.handler.codec.http2.Http2StreamChannel;
import io.netty.handler.codec.http2.Http2StreamChannelBootstrap;
import io.netty.handler.flush.FlushConsolidationHandler;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.security.SecureRandom;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;

/// Assembles the pipeline of a tunnel, and the two ends' faces on it:
/// `TLS -> WebSocketCodec -> HTTP/2 codec -> BudgetHandler -> FlushConsolidationHandler -> multiplexer -> TunnelConnection`.
final class Http2Tunnel {
  /// Stream ids end at 2^30 per connection; a tunnel is drained, and so replaced, long before.
  static final int ROTATE_AFTER_STREAMS = 1 << 28;

  /// Flushes of streams within one turn of the event loop become one, so that they share a WebSocket frame, a TLS record and a system call; after
  /// this many it is not put off further.
  private static final int FLUSHES_TOGETHER = 256;

  /// Window of the connection. It is refilled whatever readers do ([TunnelCodecBuilder]), so it protects nothing; a small one only bounds what
  /// all streams together have under way in a round trip. This much is 640 MiB/s at 100 ms.
  private static final int CONNECTION_WINDOW_BYTES = 64 << 20;

  private static final SecureRandom SEEDS = new SecureRandom();

  private Http2Tunnel() {}

  static GatewayTunnel installGatewayEnd(
      Channel channel,
      HttpHeaders handshake,
      List<ChannelHandler> replaced,
      TunnelSettings settings) {
    var connection = new TunnelConnection(channel, settings, settings.gatewayPingAfter());
    var codec = TunnelCodecBuilder.gatewayEnd(settings).build();
    codec.connection().addListener(connection.streamCounter());
    var multiplexer = new Http2MultiplexHandler(new RefuseStreams(connection));
    assemble(connection, replaced, WebSocketCodec.server(connection, masks()), codec, multiplexer);
    return new GatewayEnd(connection, WebSocketHandshake.metadata(handshake));
  }

  static AgentTunnel installAgentEnd(
      Channel channel,
      List<ChannelHandler> replaced,
      TunnelSettings settings,
      ChannelHandler streams,
      Optional<String> gatewayReplica) {
    var connection = new TunnelConnection(channel, settings, settings.pingInterval());
    var codec = TunnelCodecBuilder.agentEnd(settings).build();
    codec.connection().addListener(connection.streamCounter());
    // Requests of a lost tunnel have nobody to answer. The channel of one whose body is not read would wait for that.
    var open = new DefaultChannelGroup(channel.eventLoop());
    connection.closed().thenRun(() -> open.forEach(stream -> stream.unsafe().closeForcibly()));
    var multiplexer = new Http2MultiplexHandler(new ChannelInitializer<Http2StreamChannel>() {
      @Override
      protected void initChannel(Http2StreamChannel stream) {
        open.add(stream);
        stream.pipeline().addLast(new AgentStreamCodec(connection), streams);
      }
    });
    assemble(connection, replaced, WebSocketCodec.client(connection, masks()), codec, multiplexer);
    return new AgentEnd(connection, gatewayReplica);
  }

  /// Ours go in before the HTTP handlers leave: what those had read ahead is handed to the next handler. The HTTP/2 preface, sent
  /// when its codec is added, waits in the WebSocket codec for the flush, by when nothing is left to mistake it for HTTP.
  private static void assemble(
      TunnelConnection connection,
      List<ChannelHandler> replaced,
      WebSocketCodec webSocket,
      Http2FrameCodec codec,
      Http2MultiplexHandler multiplexer) {
    var pipeline = connection.channel().pipeline();
    pipeline.addLast(webSocket);
    pipeline.addLast(codec);
    openConnectionWindow(codec.connection());
    pipeline.addLast(new BudgetHandler(connection, codec.connection()));
    pipeline.addLast(new FlushConsolidationHandler(FLUSHES_TOGETHER, true));
    pipeline.addLast(multiplexer);
    pipeline.addLast(connection);
    replaced.forEach(pipeline::remove);
    webSocket.start();
  }

  private static void openConnectionWindow(Http2Connection http2) {
    var flow = http2.local().flowController();
    var all = http2.connectionStream();
    try {
      flow.incrementWindowSize(all, CONNECTION_WINDOW_BYTES - flow.initialWindowSize(all));
    } catch (Http2Exception e) {
      throw new IllegalStateException("expected a window that HTTP/2 allows", e);
    }
  }

  private static SplittableRandom masks() {
    return new SplittableRandom(SEEDS.nextLong());
  }

  /// Only the gateway opens streams (RFC 9113 section 5.1.1; push is off): an agent that does loses its tunnel, and not one stream
  /// after the other, of which there is no end.
  @ChannelHandler.Sharable
  private static final class RefuseStreams extends ChannelInitializer<Channel> {
    private final TunnelConnection connection;

    RefuseStreams(TunnelConnection connection) {
      this.connection = connection;
    }

    @Override
    protected void initChannel(Channel stream) {
      stream.close();
      connection.close(new CloseReason(
          CloseReason.Code.PROTOCOL_ERROR,
          "the agent opened a stream, which only the gateway may"));
    }
  }

  private static final class AgentEnd extends TunnelEnd implements AgentTunnel {
    private final Optional<String> gatewayReplica;

    AgentEnd(TunnelConnection connection, Optional<String> gatewayReplica) {
      super(connection);
      this.gatewayReplica = gatewayReplica;
    }

    @Override
    public Optional<String> gatewayReplica() {
      return gatewayReplica;
    }
  }

  private static final class GatewayEnd extends TunnelEnd implements GatewayTunnel {
    private final Map<String, String> metadata;
    private final AtomicInteger opened = new AtomicInteger();

    GatewayEnd(TunnelConnection connection, Map<String, String> metadata) {
      super(connection);
      this.metadata = metadata;
    }

    @Override
    public Future<Channel> openStream(ChannelHandler handler) {
      Promise<Channel> opening = connection.channel().eventLoop().newPromise();
      if (connection.isClosed()) {
        return opening.setFailure(new TunnelException(
            TunnelException.Code.CONNECTION_LOST,
            true,
            connection.reasonOrLost().detail()));
      }
      if (connection.isDraining()) {
        return opening.setFailure(new TunnelException(
            TunnelException.Code.DRAINING, "this tunnel is draining; use another"));
      }
      if (connection.activeStreams() >= connection.peerMaxStreams()) {
        return opening.setFailure(new TunnelException(
            TunnelException.Code.TOO_MANY_STREAMS,
            "the agent takes at most " + connection.peerMaxStreams()
                + " streams at a time, and has them"));
      }
      if (!connection.settings().budget().takesStreams()) {
        return opening.setFailure(new TunnelException(
            TunnelException.Code.OVERLOADED,
            "the memory budget for tunnels is spent by readers that do not read; try again later"));
      }
      if (opened.incrementAndGet() == ROTATE_AFTER_STREAMS) {
        connection.drain();
      }
      open(handler, opening);
      return opening;
    }

    private void open(ChannelHandler handler, Promise<Channel> opening) {
      new Http2StreamChannelBootstrap(connection.channel())
          .handler(new ChannelInitializer<Http2StreamChannel>() {
            @Override
            protected void initChannel(Http2StreamChannel stream) {
              stream.pipeline().addLast(new GatewayStreamCodec(connection), handler);
            }
          })
          .open()
          .addListener((Future<Http2StreamChannel> done) -> {
            if (done.isSuccess()) {
              opening.setSuccess(done.getNow());
            } else {
              opening.setFailure(new TunnelException(
                  TunnelException.Code.CONNECTION_LOST,
                  true,
                  connection.reasonOrLost().detail()));
            }
          });
    }

    @Override
    public boolean runsOn(EventLoop loop) {
      return connection.channel().eventLoop() == loop;
    }

    @Override
    public Map<String, String> agentMetadata() {
      return metadata;
    }
  }
}
