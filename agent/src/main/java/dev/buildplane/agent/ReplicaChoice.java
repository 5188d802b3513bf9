package dev.buildplane.agent;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.random.RandomGenerator;

/// Which replica of the gateway each link of an agent is at, and so where a link had best dial: two links at one replica
/// are lost together. Replicas name themselves when a connection opens; which address leads to which is remembered from then.
/// Pure bookkeeping, no socket. Thread-safe.
final class ReplicaChoice {
  /// Addresses and replicas sending us away that are remembered; those noted first are forgotten first.
  static final int REMEMBERED = 64;

  /// How good it is for a link to be there; best first.
  enum Rank {
    /// No other link of this agent is there.
    FREE,
    /// Another link is there already.
    SHARED,
    /// It has told us to go.
    LEAVING
  }

  private record Hold(String replica, GatewayAddress address, Object connection) {}

  // all guarded by this
  private final Map<Integer, Hold> held = new HashMap<>();
  private final Map<GatewayAddress, String> leadsTo = bounded();
  private final Map<String, Boolean> leaving = bounded();

  /// The addresses in the order to dial them, in random order among equals.
  synchronized List<GatewayAddress> order(
      int link, List<GatewayAddress> found, RandomGenerator random) {
    var ordered = new ArrayList<>(found);
    Collections.shuffle(ordered, java.util.Random.from(random));
    ordered.sort(Comparator.comparing(address -> expected(link, address)));
    return List.copyOf(ordered);
  }

  /// What to expect at an address; the best where nothing is known.
  synchronized Rank expected(int link, GatewayAddress address) {
    var replica = leadsTo.get(address);
    return replica == null ? Rank.FREE : rank(link, replica);
  }

  /// A connection has opened. Where the place is free the link holds it from now on, so that two links dialling at once do
  /// not both take it.
  ///
  /// @param said the replica's name for itself; a gateway without one is known by its address
  synchronized Rank met(
      int link, GatewayAddress address, Optional<String> said, Object connection) {
    var replica = said.orElseGet(address::toString);
    leadsTo.put(address, replica);
    var rank = rank(link, replica);
    if (rank == Rank.FREE) {
      held.put(link, new Hold(replica, address, connection));
    }
    return rank;
  }

  /// The link uses that connection from now on, however good it is.
  synchronized void took(int link, GatewayAddress address, Object connection) {
    held.put(
        link, new Hold(leadsTo.getOrDefault(address, address.toString()), address, connection));
  }

  /// The connection has ended.
  synchronized void lost(int link, Object connection) {
    var hold = held.get(link);
    if (hold != null && hold.connection() == connection) {
      held.remove(link);
      leadsTo.remove(hold.address()); // who answers there next need not be the same
    }
  }

  /// The gateway asked for that connection to go, unless the link had left it already.
  synchronized void sentAway(int link, Object connection) {
    var hold = held.get(link);
    if (hold != null && hold.connection() == connection) {
      leaving.put(hold.replica(), true);
    }
  }

  /// Whether a link before this one is at the same replica.
  synchronized boolean isDouble(int link) {
    var hold = held.get(link);
    return hold != null
        && held.entrySet().stream()
            .anyMatch(other ->
                other.getKey() < link && other.getValue().replica().equals(hold.replica()));
  }

  private Rank rank(int link, String replica) {
    if (leaving.containsKey(replica)) {
      return Rank.LEAVING; // for good: after its restart it has another name
    }
    boolean shared = held.entrySet().stream()
        .anyMatch(other -> other.getKey() != link && other.getValue().replica().equals(replica));
    return shared ? Rank.SHARED : Rank.FREE;
  }

  private static <K, V> Map<K, V> bounded() {
    return new LinkedHashMap<>() {
      @Override
      protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
        return size() > REMEMBERED;
      }
    };
  }
}
