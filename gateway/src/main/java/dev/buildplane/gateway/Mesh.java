package dev.buildplane.gateway;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import dev.buildplane.tunnel.TunnelTransport;
import io.netty.channel.EventLoopGroup;
import java.security.SecureRandom;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The other replicas of this gateway: looks where they are, follows each, and knows from that who holds which agent.
/// Thread-safe; `followers` belongs to the one thread that looks.
final class Mesh implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Mesh.class);
  private static final int MAX_LOOPS = 4;

  private final MeshSettings settings;
  private final String own;
  private final RemoteConnections remote;
  private final Map<PeerAddress, PeerFollower> followers = new HashMap<>();
  private final EventLoopGroup loops;
  private final ScheduledExecutorService looking = Executors.newSingleThreadScheduledExecutor(
      Thread.ofPlatform().name("gateway-peers").daemon().factory());

  /// @param own identifier of this replica
  Mesh(MeshSettings settings, String own) {
    this.settings = settings;
    this.own = own;
    this.remote = new RemoteConnections(settings.lease(), System::nanoTime);
    this.loops = TunnelTransport.eventLoops(
        settings.credentials().isEmpty()
            ? 1
            : Math.min(MAX_LOOPS, Runtime.getRuntime().availableProcessors()),
        "gateway-mesh");
  }

  /// Starts looking; returns at once.
  void start() {
    settings.credentials().ifPresent(credentials -> {
      var dialer = new PeerDialer(settings, credentials);
      looking.scheduleWithFixedDelay(
          () -> look(dialer), 0, settings.lookInterval().toMillis(), MILLISECONDS);
    });
  }

  /// What the other replicas hold.
  RemoteConnections remote() {
    return remote;
  }

  private void look(PeerDialer dialer) {
    try {
      var found = settings.peers().get();
      followers.entrySet().removeIf(known -> {
        boolean gone = !found.contains(known.getKey());
        if (gone) {
          known.getValue().close();
        }
        return gone;
      });
      for (var address : found) {
        followers.computeIfAbsent(address, added -> follow(added, dialer));
      }
      remote.expire();
    } catch (RuntimeException e) {
      log.error("looking for the other replicas failed; it is tried again", e);
    }
  }

  private PeerFollower follow(PeerAddress address, PeerDialer dialer) {
    var follower = new PeerFollower(
        address,
        own,
        dialer,
        new PeerPool(dialer, address, loops),
        remote,
        settings,
        loops.next(),
        new SplittableRandom(new SecureRandom().nextLong()));
    follower.start();
    return follower;
  }

  @Override
  public void close() {
    looking.shutdownNow();
    loops.shutdownGracefully(0, 1_000, MILLISECONDS);
  }
}
