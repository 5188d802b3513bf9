package dev.buildplane.gateway;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.EventLoopGroup;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.ImmediateEventExecutor;
import io.netty.util.concurrent.Promise;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The connections over which requests go to one other replica: opened as needed, shared by as many streams as each takes.
/// Thread-safe.
final class PeerPool {
  /// Connections at a time, times [PeerConnection#MAX_STREAMS] streams.
  static final int MAX_CONNECTIONS = 16;

  /// Connections dialled for one stream: the first may be full, or gone, by the time it is used.
  private static final int MAX_DIALS = 3;

  private final PeerDialer dialer;
  private final PeerAddress address;
  private final EventLoopGroup loops;

  // guarded by this
  private final List<PeerConnection> connections = new ArrayList<>();
  private @Nullable Future<PeerConnection> dialling;
  private boolean closed;

  PeerPool(PeerDialer dialer, PeerAddress address, EventLoopGroup loops) {
    this.dialer = dialer;
    this.address = address;
    this.loops = loops;
  }

  PeerAddress address() {
    return address;
  }

  /// Opens a stream; fails before anything was sent.
  Future<Channel> openStream(ChannelHandler handler) {
    return open(connection -> connection.openStream(handler), MAX_DIALS);
  }

  /// Opens a stream for one upgrade; fails before anything was sent.
  Future<Channel> openPipe(ChannelHandler handler) {
    return open(connection -> connection.openPipe(handler), MAX_DIALS);
  }

  private Future<Channel> open(Function<PeerConnection, Future<Channel>> stream, int dialsLeft) {
    Future<PeerConnection> coming;
    synchronized (this) {
      connections.removeIf(connection -> !connection.isOpen());
      for (var connection : connections) {
        if (connection.takes()) {
          return stream.apply(connection);
        }
      }
      if (closed || dialsLeft == 0 || connections.size() >= MAX_CONNECTIONS) {
        return loops
            .next()
            .newFailedFuture(new IOException(
                closed
                    ? "this replica is closing"
                    : "every connection to " + address + " is full"));
      }
      coming = dialling == null ? dial() : dialling;
    }
    // Told on the stream's own loop: whoever waits must know of the stream before its first message.
    Promise<Channel> opening = ImmediateEventExecutor.INSTANCE.newPromise();
    coming.addListener((Future<PeerConnection> done) -> {
      if (done.isSuccess()) {
        open(stream, dialsLeft - 1).addListener((Future<Channel> opened) -> pass(opened, opening));
      } else {
        opening.setFailure(done.cause());
      }
    });
    return opening;
  }

  private static void pass(Future<Channel> opened, Promise<Channel> to) {
    if (opened.isSuccess()) {
      to.setSuccess(opened.getNow());
    } else {
      to.setFailure(opened.cause());
    }
  }

  private Future<PeerConnection> dial() {
    var coming = dialer.connect(address, loops.next());
    dialling = coming;
    coming.addListener((Future<PeerConnection> done) -> dialled(done));
    return coming;
  }

  private synchronized void dialled(Future<PeerConnection> done) {
    dialling = null;
    if (!done.isSuccess()) {
      return;
    }
    if (closed) {
      done.getNow().close();
    } else {
      connections.add(done.getNow());
    }
  }

  /// Closes all connections, and with them their streams.
  synchronized void close() {
    closed = true;
    connections.forEach(PeerConnection::close);
    connections.clear();
  }
}
