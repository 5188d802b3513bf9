package dev.buildplane.http;

import io.netty.channel.Channel;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// The connections of one server, counted in total and by address. All fields are guarded by `lock`.
final class OpenConnections {
  private final HttpLimits limits;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition none = lock.newCondition();
  private final Set<Channel> open = new HashSet<>();
  private final Map<InetAddress, Integer> perAddress = new HashMap<>();
  private boolean draining;

  OpenConnections(HttpLimits limits) {
    this.limits = limits;
  }

  /// Counts a new connection in; false when there are too many.
  boolean admit(Channel channel) {
    var address = ((InetSocketAddress) channel.remoteAddress()).getAddress();
    lock.lock();
    try {
      int same = perAddress.getOrDefault(address, 0);
      if (draining
          || open.size() >= limits.connections()
          || same >= limits.connectionsPerAddress()) {
        return false;
      }
      open.add(channel);
      perAddress.put(address, same + 1);
    } finally {
      lock.unlock();
    }
    channel.closeFuture().addListener(_ -> remove(channel, address));
    return true;
  }

  private void remove(Channel channel, InetAddress address) {
    lock.lock();
    try {
      open.remove(channel);
      perAddress.computeIfPresent(address, (_, count) -> count == 1 ? null : count - 1);
      if (open.isEmpty()) {
        none.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  /// Asks every connection to end after what it is at.
  void drain() {
    for (var channel : snapshot(true)) {
      channel.eventLoop().execute(() -> stop(channel));
    }
  }

  /// Asks one, on its event loop.
  static void stop(Channel channel) {
    var handler = channel.pipeline().get(ExchangeHandler.class);
    var guard = channel.pipeline().get(Http2Guard.class);
    if (handler != null) {
      handler.stop();
    } else if (guard != null) {
      guard.stop();
    } else {
      channel.pipeline().fireUserEventTriggered(ServerStopping.EVENT);
    }
  }

  /// Closes the sockets.
  void cut() {
    for (var channel : snapshot(true)) {
      channel.eventLoop().execute(() -> {
        // From the head of the pipeline: no handler may delay it any more.
        var first = channel.pipeline().firstContext();
        if (first == null) {
          channel.close();
        } else {
          first.close();
        }
      });
    }
  }

  boolean awaitNone(Duration patience) {
    long left = patience.toNanos();
    lock.lock();
    try {
      while (!open.isEmpty()) {
        if (left <= 0) {
          return false;
        }
        left = none.awaitNanos(left);
      }
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    } finally {
      lock.unlock();
    }
  }

  int count() {
    lock.lock();
    try {
      return open.size();
    } finally {
      lock.unlock();
    }
  }

  private List<Channel> snapshot(boolean drainingFromNow) {
    lock.lock();
    try {
      draining = draining || drainingFromNow;
      return List.copyOf(open);
    } finally {
      lock.unlock();
    }
  }

  /// Fired through the pipeline of connections that left HTTP, or have not come to it yet, when the server begins to drain.
  enum ServerStopping {
    EVENT
  }
}
