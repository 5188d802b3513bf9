package dev.buildplane.agent;

import dev.buildplane.tunnel.AgentTunnel;
import dev.buildplane.tunnel.CloseReason;
import dev.buildplane.tunnel.HandshakeRefused;
import dev.buildplane.tunnel.TunnelDestination;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Dials for the links of one agent so that they end up at different replicas of the gateway where there are several: server
/// URLs, or addresses behind a name. Every dial resolves anew, tries one address after the other, the most promising first,
/// and settles for a shared replica only where no other answers. Names are resolved on virtual threads; thread-safe.
final class ReplicaDialer {
  /// Addresses tried in one dial.
  static final int MAX_ADDRESSES = 16;

  private static final Logger LOG = LoggerFactory.getLogger(ReplicaDialer.class);
  private static final CloseReason NOT_NEEDED = new CloseReason(
      CloseReason.Code.CLOSED_HERE, "this agent is connected to that replica already");

  private final List<TunnelDestination> destinations;
  private final BiFunction<Integer, GatewayAddress, CompletionStage<AgentTunnel>> dial;
  private final ReplicaChoice choice;
  private final RandomGenerator random; // guarded by itself
  private final Set<Integer> seeking = ConcurrentHashMap.newKeySet();

  ReplicaDialer(
      List<TunnelDestination> destinations,
      BiFunction<Integer, GatewayAddress, CompletionStage<AgentTunnel>> dial,
      ReplicaChoice choice,
      RandomGenerator random) {
    this.destinations = List.copyOf(destinations);
    this.dial = dial;
    this.choice = choice;
    this.random = random;
  }

  /// A tunnel for that link. Fails with what went wrong at the last address, or with a refusal if there was one: that says
  /// more.
  CompletionStage<AgentTunnel> dial(int link) {
    var outcome = new CompletableFuture<AgentTunnel>();
    resolved(addresses -> new Attempt(link, ordered(link, addresses), outcome).next());
    return outcome;
  }

  /// When the link shares its replica with another one, looks for a free one.
  ///
  /// @param better takes the tunnel, if there is one
  void seek(int link, Consumer<AgentTunnel> better) {
    if (!choice.isDouble(link) || !seeking.add(link)) {
      return;
    }
    resolved(addresses -> {
      var free = ordered(link, addresses).stream()
          .filter(address -> choice.expected(link, address) == ReplicaChoice.Rank.FREE)
          .toList();
      seek(link, free.iterator(), better);
    });
  }

  private void seek(int link, Iterator<GatewayAddress> left, Consumer<AgentTunnel> better) {
    if (!left.hasNext()) {
      seeking.remove(link);
      return;
    }
    var address = left.next();
    dial.apply(link, address).whenComplete((tunnel, failure) -> {
      if (tunnel == null) {
        LOG.debug("no other replica of the gateway: {}", String.valueOf(failure));
      } else if (choice.met(link, address, tunnel.gatewayReplica(), tunnel)
          == ReplicaChoice.Rank.FREE) {
        follow(link, tunnel);
        better.accept(tunnel);
        seeking.remove(link);
        return;
      } else {
        tunnel.close(NOT_NEEDED);
      }
      seek(link, left, better);
    });
  }

  private List<GatewayAddress> ordered(int link, List<GatewayAddress> addresses) {
    synchronized (random) {
      var ordered = choice.order(link, addresses, random);
      return ordered.subList(0, Math.min(MAX_ADDRESSES, ordered.size()));
    }
  }

  private void resolved(Consumer<List<GatewayAddress>> then) {
    Thread.ofVirtual()
        .name("agent-resolve")
        .start(() ->
            then.accept(destinations.stream().flatMap(ReplicaDialer::addresses).toList()));
  }

  private static Stream<GatewayAddress> addresses(TunnelDestination to) {
    try {
      return Arrays.stream(InetAddress.getAllByName(to.host()))
          .map(found -> new GatewayAddress(to, new InetSocketAddress(found, to.port())));
    } catch (UnknownHostException unknown) {
      // The dial fails with its own words for this.
      return Stream.of(
          new GatewayAddress(to, InetSocketAddress.createUnresolved(to.host(), to.port())));
    }
  }

  private void follow(int link, AgentTunnel tunnel) {
    tunnel.draining().thenRun(() -> {
      if (tunnel.isUp()) {
        choice.sentAway(link, tunnel);
      }
    });
    tunnel.closed().thenRun(() -> choice.lost(link, tunnel));
  }

  /// One dial: goes through the addresses, keeping the best tunnel so far. One step runs at a time.
  private final class Attempt {
    private final int link;
    private final List<GatewayAddress> addresses;
    private final CompletableFuture<AgentTunnel> outcome;
    private int tried;
    private @Nullable Open best;
    private @Nullable Throwable problem;

    private record Open(GatewayAddress address, AgentTunnel tunnel, ReplicaChoice.Rank rank) {}

    Attempt(int link, List<GatewayAddress> addresses, CompletableFuture<AgentTunnel> outcome) {
      this.link = link;
      this.addresses = addresses;
      this.outcome = outcome;
    }

    void next() {
      var have = best;
      boolean done = tried == addresses.size()
          || (have != null
              && choice.expected(link, addresses.get(tried)).compareTo(have.rank()) >= 0);
      if (done) {
        settle();
        return;
      }
      var address = addresses.get(tried++);
      dial.apply(link, address).whenComplete((tunnel, failure) -> {
        if (tunnel == null) {
          failed(failure);
        } else {
          opened(address, tunnel);
        }
        next();
      });
    }

    private void failed(@Nullable Throwable failure) {
      if (!(problem instanceof HandshakeRefused)) {
        problem = failure;
      }
    }

    private void opened(GatewayAddress address, AgentTunnel tunnel) {
      var rank = choice.met(link, address, tunnel.gatewayReplica(), tunnel);
      var have = best;
      if (have != null && have.rank().compareTo(rank) <= 0) {
        tunnel.close(NOT_NEEDED);
        return;
      }
      if (have != null) {
        have.tunnel().close(NOT_NEEDED);
      }
      best = new Open(address, tunnel, rank);
    }

    private void settle() {
      var have = best;
      if (have == null) {
        outcome.completeExceptionally(
            problem == null ? new IllegalStateException("no address to dial") : problem);
        return;
      }
      choice.took(link, have.address(), have.tunnel());
      follow(link, have.tunnel());
      outcome.complete(have.tunnel());
    }
  }
}
