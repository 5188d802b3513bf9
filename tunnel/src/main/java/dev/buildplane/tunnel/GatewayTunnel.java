package dev.buildplane.tunnel;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.util.concurrent.Future;
import java.util.List;
import java.util.Map;

/// The gateway's end of a tunnel, which opens streams: the HTTP/2 client, or [#installJson].
///
/// **What a stream looks like.** The stream channel speaks Netty's HTTP/1.1 objects, so that it can be
/// bridged to an `HttpServerCodec` without translation:
/// - write one `HttpRequest` (`Host` names the target, for example `k8s`), then `HttpContent`s, then a
///   `LastHttpContent` (trailers travel). A `FullHttpRequest` is fine. `content-length` and
///   `transfer-encoding` need no care: hop-by-hop fields are dropped on the way in and added on the
///   way out.
/// - read zero or more informational answers (`FullHttpResponse` with a 1xx status), one
///   `HttpResponse`, `HttpContent`s, one `LastHttpContent`. After the last, and once the request has
///   ended too, the channel closes by itself.
/// - **upgrade**: a request with an `Upgrade` field naming `websocket` or `spdy/3.1` travels as extended CONNECT (RFC 8441).
///   Only when the target answered 101 comes an `HttpResponse` with status 101 (with `Connection` and
///   `Upgrade` fields, not followed by a `LastHttpContent`); from then on both directions carry plain
///   `ByteBuf`s. Any other status comes as an ordinary response with a body. Until the 101 has been read write nothing but the
///   request: no `LastHttpContent` is needed (one is ignored).
/// - **half close of an upgraded stream**: write [StreamEnd#INSTANCE] (or use it to see the peer's: it is fired as a
///   user event). `close()` after both sides have ended sends nothing; before, it cancels.
/// - **cancel**: `close()` the stream channel; the peer gets RST_STREAM `CANCEL`.
/// - **failure**: `exceptionCaught` with one [TunnelException], then `channelInactive`. A channel that becomes inactive before its
///   `LastHttpContent` (or before [StreamEnd] when upgraded) always fires it first, unless this end closed it.
/// - **backpressure**: inbound by `config().setAutoRead(false)` and `read()`; outbound by `isWritable()` and
///   `channelWritabilityChanged`. A stream whose owner does not read stalls alone.
///
/// Stream channels run on the tunnel's event loop; `write`, `close`, `setAutoRead` may be called from other threads. Every
/// object read is owned by the reader (reference counted).
public interface GatewayTunnel extends Tunnel {
  /// Puts a tunnel on an accepted connection. Call it on the channel's event loop, right after the 101 has been written
  /// and flushed, with the HTTP handlers (codec, router, ...) that have to go; the TLS handler stays. Bytes they had
  /// read ahead reach the tunnel.
  ///
  /// @param handshake headers of the handshake request, from which [#agentMetadata] is read
  /// @param replaced handlers of the pipeline to remove
  static GatewayTunnel install(
      Channel channel,
      HttpHeaders handshake,
      List<ChannelHandler> replaced,
      TunnelSettings settings) {
    return Http2Tunnel.installGatewayEnd(channel, handshake, replaced, settings);
  }

  /// As [#install], for an agent that offered no sub-protocol: the JSON messages of OpenChoreo v0.17. Its streams look the same, within
  /// [JsonSettings]: a request's body is gathered before it is sent (413 beyond the bound), upgrades and trailers are not carried, and what
  /// the agent could not do is answered with a Kubernetes `Status` holding its message.
  static GatewayTunnel installJson(
      Channel channel,
      HttpHeaders handshake,
      List<ChannelHandler> replaced,
      TunnelSettings settings) {
    return JsonGatewayEnd.install(channel, handshake, replaced, settings);
  }

  /// Opens a stream. The future fails with a [TunnelException] (codes `CONNECTION_LOST`, `DRAINING`, `TOO_MANY_STREAMS`,
  /// `OVERLOADED`), always before anything was sent, so another tunnel may be tried.
  ///
  /// @param handler put on the new channel, behind the tunnel's own codec
  Future<Channel> openStream(ChannelHandler handler);

  /// Whether its streams run on `loop`, so that whoever runs there as well passes nothing between threads.
  default boolean runsOn(EventLoop loop) {
    return false;
  }

  /// What the agent said about itself in the handshake (`x-buildplane-agent-<key>` headers), keys in lower case, at most
  /// [WebSocketHandshake#MAX_METADATA_ENTRIES] of them.
  Map<String, String> agentMetadata();
}
