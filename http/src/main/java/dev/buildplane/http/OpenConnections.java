package dev.buildplane.http;

import com.sun.management.UnixOperatingSystemMXBean;
import io.netty.channel.Channel;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The connections of one server, counted in total and by address, and those of all servers of the process: each takes a
/// file descriptor, and the process needs some for its files and its own connections. All fields of an instance are guarded by `lock`.
final class OpenConnections {
  private static final Logger log = LoggerFactory.getLogger(OpenConnections.class);

  /// File descriptors that connections of callers leave to the rest of the process: jars, the database, logs, connections to others.
  static final int RESERVED_DESCRIPTORS = 200;

  private static final AtomicInteger OPEN_IN_PROCESS = new AtomicInteger();
  private static final long MOST_IN_PROCESS = mostInProcess();
  private static final AtomicBoolean TOLD = new AtomicBoolean();

  private final HttpLimits limits;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition none = lock.newCondition();
  private final Set<Channel> open = new HashSet<>();
  private final Map<InetAddress, Integer> perAddress = new HashMap<>();
  private boolean draining;

  OpenConnections(HttpLimits limits) {
    this.limits = limits;
    if (MOST_IN_PROCESS < limits.connections() && !TOLD.getAndSet(true)) {
      log.warn(
          "up to {} connections are allowed, but this process may have {} files open, of which {} are kept for itself: at most {} connections; raise the limit (ulimit -n)",
          limits.connections(),
          MOST_IN_PROCESS + RESERVED_DESCRIPTORS,
          RESERVED_DESCRIPTORS,
          MOST_IN_PROCESS);
    }
  }

  /// RLIMIT_NOFILE less the reserve; no bound where the JVM cannot tell.
  private static long mostInProcess() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean system
        ? Math.max(1, system.getMaxFileDescriptorCount() - RESERVED_DESCRIPTORS)
        : Long.MAX_VALUE;
  }

  /// Counts a new connection in; false when there are too many.
  boolean admit(Channel channel) {
    var address = ((InetSocketAddress) channel.remoteAddress()).getAddress();
    lock.lock();
    try {
      int same = perAddress.getOrDefault(address, 0);
      if (draining
          || open.size() >= limits.connections()
          || same >= limits.connectionsPerAddress()
          || !takeDescriptor()) {
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

  private static boolean takeDescriptor() {
    if (OPEN_IN_PROCESS.incrementAndGet() <= MOST_IN_PROCESS) {
      return true;
    }
    OPEN_IN_PROCESS.decrementAndGet();
    return false;
  }

  private void remove(Channel channel, InetAddress address) {
    OPEN_IN_PROCESS.decrementAndGet();
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
