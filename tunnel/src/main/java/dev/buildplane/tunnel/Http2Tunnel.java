package dev.buildplane.tunnel;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.List;

/// Both ends of a tunnel on a Netty pipeline.
final class Http2Tunnel {
  private Http2Tunnel() {}

  static GatewayTunnel installGatewayEnd(
      Channel channel,
      HttpHeaders handshake,
      List<ChannelHandler> replaced,
      TunnelSettings settings) {
    java.util.Objects.requireNonNull(channel);
    throw new UnsupportedOperationException("lands with the next commits");
  }
}
