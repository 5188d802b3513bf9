package dev.buildplane.tunnel;

import java.net.SocketAddress;
import java.time.Instant;
import java.util.concurrent.CompletionStage;

/// One connection inside one WebSocket, seen from either end. All methods may be called from
/// any thread and none blocks.
public interface Tunnel {
  /// True from the moment both ends have exchanged their SETTINGS until the connection is closed.
  boolean isUp();

  /// What is spoken on it.
  TunnelProtocol protocol();

  /// Completes when the tunnel is up: the peer has shown that it speaks HTTP/2. Exceptionally with a [TunnelException] when the connection
  /// ends before that.
  CompletionStage<Void> up();

  /// True once either end has said (GOAWAY) that no new stream shall be opened. Open streams go on.
  boolean isDraining();

  /// When the last byte came from the peer.
  Instant lastSeen();

  /// Streams open now, both directions of which have not ended.
  int activeStreams();

  /// The peer's socket address, for logs.
  SocketAddress remoteAddress();

  /// Says GOAWAY; streams that are open go on. Closes with [CloseReason.Code#DRAINED] when the last
  /// has ended, at the latest after [TunnelSettings#drainLimit]. Calling it again does nothing.
  void drain();

  /// Closes at once; every open stream fails with `reason`'s detail. Calling it again does nothing.
  void close(CloseReason reason);

  /// Completes, never exceptionally, once the connection is gone; on the tunnel's event loop.
  CompletionStage<CloseReason> closed();

  /// Completes, never exceptionally, once [#isDraining] turns true or the connection is gone.
  CompletionStage<Void> draining();
}
