package dev.buildplane.tunnel;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.io.InputStream;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The agent's end of a connection to a v0.17 gateway: each request becomes a channel with the dialer's handler on it, as a stream of the
/// HTTP/2 protocol does.
///
/// Such a gateway can be told nothing but answers, so a drain serves what comes until there is a moment without any request.
final class JsonAgentEnd extends JsonConnection<JsonRequest> implements AgentTunnel {
  private static final Logger LOG = LoggerFactory.getLogger(JsonAgentEnd.class);

  private final ChannelHandler handler;
  private final Set<JsonAgentStream> streams = new HashSet<>();
  private final AtomicInteger active = new AtomicInteger();

  private JsonAgentEnd(Channel channel, TunnelSettings settings, ChannelHandler handler) {
    super(channel, settings, true);
    this.handler = handler;
  }

  static AgentTunnel install(
      Channel channel,
      List<ChannelHandler> replaced,
      TunnelSettings settings,
      ChannelHandler streams) {
    var end = new JsonAgentEnd(channel, settings, streams);
    end.install(replaced);
    return end;
  }

  @Override
  JsonRequest decode(InputStream in) throws MalformedMessage {
    return JsonReader.request(in);
  }

  @Override
  void received(JsonRequest request, StreamShare held) {
    var stream = new JsonAgentStream(this, request, held);
    streams.add(stream);
    active.incrementAndGet();
    if (streams.size() > settings().maxConcurrentStreams()) {
      stream.refuse(
          HttpResponseStatus.SERVICE_UNAVAILABLE,
          "at most " + settings().maxConcurrentStreams()
              + " requests may be under way at this agent, and are");
    } else {
      stream.begin(handler);
    }
  }

  /// The stream has been answered, or will not be.
  void gone(JsonAgentStream stream) {
    if (streams.remove(stream)) {
      active.decrementAndGet();
      closeIfDrained();
    }
  }

  @Override
  void unusable(String requestId, String why) {
    if (requestId.isEmpty()) {
      return;
    }
    LOG.debug("a request of {} cannot be served: {}", remoteAddress(), why);
    JsonAgentStream.refusal(
        this,
        requestId,
        HttpResponseStatus.INTERNAL_SERVER_ERROR,
        "failed to create request: " + why);
  }

  @Override
  void lost(CloseReason why) {
    List.copyOf(streams).forEach(JsonAgentStream::lost);
  }

  @Override
  boolean idle() {
    return streams.isEmpty();
  }

  @Override
  boolean pings() {
    return false;
  }

  @Override
  public int activeStreams() {
    return active.get();
  }
}
