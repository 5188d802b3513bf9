package dev.buildplane.tunnel;

import java.util.Optional;

/// The agent's end of a tunnel, made by [TunnelDialer]: the HTTP/2 server, or the v0.17 JSON protocol's answering side. Each incoming stream is a channel on the tunnel's event
/// loop with the dialer's handler on it.
///
/// The stream channel speaks Netty's HTTP/1.1 objects, mirrored from [GatewayTunnel]:
/// - read one `HttpRequest` (`Host` is the target), `HttpContent`s, one `LastHttpContent`;
/// - write informational answers (`FullHttpResponse` with a 1xx status), one `HttpResponse`, `HttpContent`s, one `LastHttpContent`;
/// - **upgrade**: the request carries `Connection: Upgrade` and `Upgrade: websocket` or `SPDY/3.1` (a `LastHttpContent` follows at once). Writing an
///   `HttpResponse` with status 101 opens the raw pipe: from then on `ByteBuf`s both ways, [StreamEnd] for half close. Any other status is
///   an ordinary answer with a body; a 2xx is not possible there and fails the write;
/// - **cancel**: the gateway's reset shows as `exceptionCaught` with a [TunnelException] (code `CANCELLED`), then `channelInactive`;
/// - **abort**: writing [StreamAbort#INSTANCE] resets the stream, for an answer that broke off in the middle; `close()` before both
///   directions have ended resets it too.
public interface AgentTunnel extends Tunnel {
  /// Which replica of the gateway holds the other end: what it said in its 101 ([WebSocketHandshake#REPLICA_HEADER]). Empty when it
  /// said nothing, as a gateway of v0.17 does.
  default Optional<String> gatewayReplica() {
    return Optional.empty();
  }
}
