package dev.buildplane.agent;

import dev.buildplane.tunnel.TunnelDestination;
import java.net.InetSocketAddress;

/// One place where the gateway may be reached.
///
/// @param destination whose host name the server's certificate must bear
/// @param address one of those the name resolves to; unresolved when it resolves to none
record GatewayAddress(TunnelDestination destination, InetSocketAddress address) {
  @Override
  public String toString() {
    return destination.serverUrl() + " at " + address;
  }
}
