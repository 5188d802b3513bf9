package dev.buildplane.tunnel;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.security.SecureRandom;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;

/// Assembles the pipeline of a tunnel, and the two ends' faces on it:
/// `TLS -> WebSocketCodec -> Http2Link -> TunnelConnection`.
final class Http2Tunnel {
  /// Stream ids end at 2^30 per connection; a tunnel is drained, and so replaced, long before.
  static final int ROTATE_AFTER_STREAMS = 1 << 28;

  private static final SecureRandom SEEDS = new SecureRandom();

  private Http2Tunnel() {}

  static GatewayTunnel installGatewayEnd(
      Channel channel,
      HttpHeaders handshake,
      List<ChannelHandler> replaced,
      TunnelSettings settings) {
    var connection = new TunnelConnection(channel, settings, settings.gatewayPingAfter());
    var link = Http2Link.opening(connection);
    assemble(connection, replaced, WebSocketCodec.server(connection, masks()), link);
    return new GatewayEnd(connection, link, WebSocketHandshake.metadata(handshake));
  }

  static AgentTunnel installAgentEnd(
      Channel channel,
      List<ChannelHandler> replaced,
      TunnelSettings settings,
      ChannelHandler streams,
      Optional<String> gatewayReplica) {
    var connection = new TunnelConnection(channel, settings, settings.pingInterval());
    var link = Http2Link.accepting(connection, accepting -> {
      var stream = new AgentStream(connection, accepting);
      stream.channel().pipeline().addLast(streams);
      channel.eventLoop().register(stream.channel());
      return stream;
    });
    assemble(connection, replaced, WebSocketCodec.client(connection, masks()), link);
    return new AgentEnd(connection, gatewayReplica);
  }

  /// Ours go in before the HTTP handlers leave: what those had read ahead is handed to the next handler. The HTTP/2 preface, sent
  /// when the link is added, waits in the WebSocket codec until nothing is left to mistake it for HTTP.
  private static void assemble(
      TunnelConnection connection,
      List<ChannelHandler> replaced,
      WebSocketCodec webSocket,
      Http2Link link) {
    var pipeline = connection.channel().pipeline();
    connection.over(link);
    pipeline.addLast(webSocket, link, connection);
    replaced.forEach(pipeline::remove);
    webSocket.start();
  }

  private static SplittableRandom masks() {
    return new SplittableRandom(SEEDS.nextLong());
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
    private final Http2Link link;
    private final Map<String, String> metadata;
    private final AtomicInteger opened = new AtomicInteger();

    GatewayEnd(TunnelConnection connection, Http2Link link, Map<String, String> metadata) {
      super(connection);
      this.link = link;
      this.metadata = metadata;
    }

    @Override
    public Future<Channel> openStream(ChannelHandler handler) {
      Promise<Channel> opening = connection.channel().eventLoop().newPromise();
      if (connection.isClosed()) {
        return opening.setFailure(lost());
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
      if (!connection.budget().takesStreams()) {
        return opening.setFailure(
            new TunnelException(
                TunnelException.Code.OVERLOADED,
                "the memory budget of this agent's connection, or of all, is spent by readers that do not read; try again later"));
      }
      if (opened.incrementAndGet() == ROTATE_AFTER_STREAMS) {
        connection.drain();
      }
      open(handler, opening);
      return opening;
    }

    private void open(ChannelHandler handler, Promise<Channel> opening) {
      var loop = connection.channel().eventLoop();
      if (!loop.inEventLoop()) {
        try {
          loop.execute(() -> open(handler, opening));
        } catch (RejectedExecutionException loopIsGone) {
          opening.setFailure(lost());
        }
        return;
      }
      if (connection.isClosed()) {
        opening.setFailure(lost());
        return;
      }
      var stream = new GatewayStream(connection, link).channel();
      stream.pipeline().addLast(handler);
      loop.register(stream);
      opening.setSuccess(stream);
    }

    private TunnelException lost() {
      return new TunnelException(
          TunnelException.Code.CONNECTION_LOST, true, connection.reasonOrLost().detail());
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
