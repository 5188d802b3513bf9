package dev.buildplane.http;

import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.EventLoop;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ThreadFactory;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/// Event loops among which the connections that one address has at one listener are spread evenly: the two of an agent run on two loops,
/// whatever was accepted between them, so that a caller's loop finds one of them on itself. Netty's own choice, in turn over all connections
/// of a process, put them both on one loop now and then; with two loops, half of the calls then changed threads four times.
final class SpreadingGroup extends MultiThreadIoEventLoopGroup {
  private final EventLoop[] loops;
  private final Map<Origin, int[]> open = new HashMap<>(); // guarded by itself
  private int turn; // guarded by `open`

  /// Connections accepted by one listener from one address.
  private record Origin(Channel listener, InetAddress address) {}

  SpreadingGroup(int threads, ThreadFactory factory, IoHandlerFactory io) {
    super(threads, factory, io);
    this.loops = StreamSupport.stream(spliterator(), false)
        .map(EventLoop.class::cast)
        .toArray(EventLoop[]::new);
  }

  @Override
  public ChannelFuture register(Channel channel) {
    var origin = origin(channel);
    if (origin == null) {
      return super.register(channel);
    }
    int loop = take(origin);
    channel.closeFuture().addListener(_ -> release(origin, loop));
    return loops[loop].register(channel);
  }

  private static @Nullable Origin origin(Channel channel) {
    return channel.parent() != null && channel.remoteAddress() instanceof InetSocketAddress from
        ? new Origin(channel.parent(), from.getAddress())
        : null;
  }

  /// The loop with the fewest of them; in turn where several have as few.
  private int take(Origin origin) {
    synchronized (open) {
      var counts = open.computeIfAbsent(origin, _ -> new int[loops.length]);
      int first = Math.floorMod(turn++, loops.length);
      int best = first;
      for (int i = 1; i < loops.length; i++) {
        int at = (first + i) % loops.length;
        if (counts[at] < counts[best]) {
          best = at;
        }
      }
      counts[best]++;
      return best;
    }
  }

  private void release(Origin origin, int loop) {
    synchronized (open) {
      open.computeIfPresent(origin, (_, counts) -> {
        counts[loop]--;
        return Arrays.stream(counts).allMatch(count -> count == 0) ? null : counts;
      });
    }
  }
}
