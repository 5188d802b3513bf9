package dev.buildplane.operator;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import java.net.URI;
import java.net.UnknownHostException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;
import javax.net.ssl.SSLContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One [GatewayFollower] per replica of the gateway, into one [AgentRegistry]; replicas that come and go behind a name are
/// found within [#LOOK]. `followers` belongs to the one thread that looks.
final class GatewayFollowers implements AutoCloseable {
  static final Duration LOOK = Duration.ofSeconds(5);

  private static final Logger LOG = LoggerFactory.getLogger(GatewayFollowers.class);

  private final GatewaySet gateways;
  private final Duration lease;
  private final SSLContext tls;
  private final AgentRegistry registry;
  private final Consumer<AgentRegistry.Change> listener;
  private final Runnable stalled;
  private final InstantSource clock;
  private final Map<URI, GatewayFollower> followers = new HashMap<>();
  private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(
      Thread.ofPlatform().daemon().name("gateway-followers").factory());
  private volatile List<URI> current;

  /// @param listener called on followers' threads; must return quickly
  /// @param stalled told when a replica has stopped talking without closing its connections
  GatewayFollowers(
      GatewaySet gateways,
      Duration lease,
      SSLContext tls,
      AgentRegistry registry,
      Consumer<AgentRegistry.Change> listener,
      Runnable stalled,
      InstantSource clock) {
    this.stalled = stalled;
    this.gateways = gateways;
    this.lease = lease;
    this.tls = tls;
    this.registry = registry;
    this.listener = listener;
    this.clock = clock;
    this.current = gateways.urls();
  }

  void start() {
    timer.execute(this::look);
    if (gateways.everyAddress()) {
      timer.scheduleWithFixedDelay(this::look, LOOK.toMillis(), LOOK.toMillis(), MILLISECONDS);
    }
  }

  /// Base URLs of the replicas to send requests to: those whose streams are open, or all while none is. One that was stopped
  /// takes connections and answers nothing.
  List<URI> current() {
    var all = current;
    var speaking = registry.speaking();
    var open = all.stream().filter(url -> speaking.contains(url.toString())).toList();
    return open.isEmpty() ? all : open;
  }

  private void look() {
    try {
      current = gateways.current();
      var found = Set.copyOf(current);
      followers.entrySet().removeIf(known -> {
        boolean gone = !found.contains(known.getKey());
        if (gone) {
          known.getValue().close();
        }
        return gone;
      });
      changed(registry.retain(
          found.stream().map(URI::toString).collect(Collectors.toSet()), clock.instant()));
      found.forEach(url -> followers.computeIfAbsent(url, this::follow));
    } catch (UnknownHostException e) {
      LOG.warn("gateways: {} cannot be resolved; those known before stand", e.getMessage());
    } catch (RuntimeException e) {
      LOG.error("looking for gateways failed; it is tried again", e);
    }
  }

  private GatewayFollower follow(URI url) {
    return GatewayFollower.start(
        url, lease, tls, registry, this::changed, stalled, clock, RandomGenerator.getDefault());
  }

  private void changed(AgentRegistry.Change change) {
    if (change.isNothing()) {
      return;
    }
    listener.accept(change);
    if (change.everything()) {
      lookWhenTheLeaseIsOver();
    }
  }

  /// A replica may have gone silent: what it held is looked at again then.
  private void lookWhenTheLeaseIsOver() {
    try {
      timer.schedule(
          () -> changed(registry.expire(clock.instant())), lease.toMillis() + 1, MILLISECONDS);
    } catch (RejectedExecutionException closing) {
      LOG.debug("closing; nobody looks at leases any more");
    }
  }

  @Override
  public void close() {
    timer.execute(() -> followers.values().forEach(GatewayFollower::close));
    timer.shutdown();
  }
}
