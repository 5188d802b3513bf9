package dev.buildplane.tunnel;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.io.InputStream;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The gateway's end of a connection to a v0.17 agent. An answer is taken only for an id this very connection is waiting for (`bound-reply`);
/// all others are dropped.
final class JsonGatewayEnd extends JsonConnection<JsonAnswer> implements GatewayTunnel {
  private static final Logger LOG = LoggerFactory.getLogger(JsonGatewayEnd.class);

  private final Map<String, String> metadata;
  private final Map<String, JsonGatewayStream> awaiting = new HashMap<>();
  private final Set<JsonGatewayStream> unanswered = new HashSet<>();
  private final AtomicInteger open = new AtomicInteger();
  private long abandoned;

  private JsonGatewayEnd(Channel channel, TunnelSettings settings, Map<String, String> metadata) {
    super(channel, settings, false);
    this.metadata = metadata;
  }

  static GatewayTunnel install(
      Channel channel,
      HttpHeaders handshake,
      List<ChannelHandler> replaced,
      TunnelSettings settings) {
    var end = new JsonGatewayEnd(channel, settings, WebSocketHandshake.metadata(handshake));
    end.install(replaced);
    return end;
  }

  @Override
  public Future<Channel> openStream(ChannelHandler handler) {
    Promise<Channel> opening = channel().eventLoop().newPromise();
    var obstacle = obstacle();
    if (obstacle != null) {
      return opening.setFailure(obstacle);
    }
    open.incrementAndGet();
    try {
      channel().eventLoop().execute(() -> open(handler, opening));
    } catch (RejectedExecutionException loopIsGone) {
      open.decrementAndGet();
      opening.setFailure(lostBefore());
    }
    return opening;
  }

  private @Nullable TunnelException obstacle() {
    if (isClosed()) {
      return lostBefore();
    }
    if (isDraining()) {
      return new TunnelException(
          TunnelException.Code.DRAINING, "this connection is draining; use another");
    }
    if (open.get() >= settings().maxConcurrentStreams()) {
      return new TunnelException(
          TunnelException.Code.TOO_MANY_STREAMS,
          "at most " + settings().maxConcurrentStreams()
              + " requests may be under way to one agent, and are");
    }
    if (!json().budget().takesStreams()) {
      return new TunnelException(
          TunnelException.Code.OVERLOADED,
          "the memory for messages of agents without streaming is spent; try again later");
    }
    return null;
  }

  private TunnelException lostBefore() {
    return new TunnelException(
        TunnelException.Code.CONNECTION_LOST, true, reasonOrLost().detail());
  }

  private void open(ChannelHandler handler, Promise<Channel> opening) {
    if (isClosed()) {
      open.decrementAndGet();
      opening.setFailure(lostBefore());
      return;
    }
    var stream = new JsonGatewayStream(this);
    var channel = new StreamChannel(channel(), stream);
    stream.on(channel);
    unanswered.add(stream);
    channel.pipeline().addLast(new ChannelInitializer<Channel>() {
      @Override
      protected void initChannel(Channel added) {
        added.pipeline().addLast(handler);
      }
    });
    channel().eventLoop().register(channel).addListener(registered -> {
      if (registered.isSuccess()) {
        opening.setSuccess(channel);
      } else {
        opening.setFailure(lostBefore());
      }
    });
  }

  // ---- called by streams, on the loop

  void awaits(String requestId, JsonGatewayStream stream) {
    awaiting.put(requestId, stream);
  }

  void answered(JsonGatewayStream stream) {
    unanswered.remove(stream);
    closeIfDrained();
  }

  /// The caller left, or its deadline came: an answer may still be on its way, and means nothing.
  void gone(JsonGatewayStream stream, String requestId) {
    if (awaiting.remove(requestId, stream)) {
      abandoned++;
    }
    unanswered.remove(stream);
    open.decrementAndGet();
    closeIfDrained();
  }

  // ---- what comes

  @Override
  JsonAnswer decode(InputStream in) throws MalformedMessage {
    return JsonReader.answer(in);
  }

  @Override
  void received(JsonAnswer answer, StreamShare held) {
    var stream = awaiting.remove(answer.requestId());
    if (stream == null) {
      held.giveBack((int) held.heldBytes());
      unasked();
    } else {
      stream.answered(answer, held);
    }
  }

  private void unasked() {
    if (abandoned > 0) {
      abandoned--;
      LOG.debug("an answer of {} came too late, or was not asked for", remoteAddress());
    } else {
      fault("dropped an answer to a request that was not sent on this connection, or was answered");
    }
  }

  @Override
  void unusable(String requestId, String why) {
    var stream = awaiting.remove(requestId);
    if (stream != null) {
      stream.unusable(why);
    }
  }

  @Override
  void lost(CloseReason why) {
    awaiting.clear();
    for (var stream : List.copyOf(unanswered)) {
      stream.lost(why);
    }
  }

  @Override
  boolean idle() {
    return unanswered.isEmpty();
  }

  @Override
  boolean pings() {
    return true;
  }

  @Override
  public boolean runsOn(EventLoop loop) {
    return channel().eventLoop() == loop;
  }

  @Override
  public int activeStreams() {
    return open.get();
  }

  @Override
  public Map<String, String> agentMetadata() {
    return metadata;
  }
}
