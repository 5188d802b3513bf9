package dev.buildplane.tunnel;

import java.net.SocketAddress;
import java.time.Instant;
import java.util.concurrent.CompletionStage;

/// What both ends have in common.
abstract class TunnelEnd implements Tunnel {
  final TunnelConnection connection;

  TunnelEnd(TunnelConnection connection) {
    this.connection = connection;
  }

  @Override
  public boolean isUp() {
    return connection.isUp();
  }

  @Override
  public TunnelProtocol protocol() {
    return TunnelProtocol.H2;
  }

  @Override
  public CompletionStage<Void> up() {
    return connection.up();
  }

  @Override
  public boolean isDraining() {
    return connection.isDraining();
  }

  @Override
  public Instant lastSeen() {
    return connection.lastSeen();
  }

  @Override
  public int activeStreams() {
    return connection.activeStreams();
  }

  @Override
  public SocketAddress remoteAddress() {
    return connection.remoteAddress();
  }

  @Override
  public void drain() {
    connection.drain();
  }

  @Override
  public void close(CloseReason reason) {
    connection.close(reason);
  }

  @Override
  public CompletionStage<CloseReason> closed() {
    return connection.closed().minimalCompletionStage();
  }

  @Override
  public CompletionStage<Void> draining() {
    return connection.draining().minimalCompletionStage();
  }
}
