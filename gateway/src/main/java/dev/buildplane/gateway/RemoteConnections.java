package dev.buildplane.gateway;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.PlaneType;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/// Which agents the other replicas hold, as each tells for itself. What a replica has told is believed for a lease after its
/// last line and not a moment longer: it is looked at with every question, so that a process that was stopped for a while does
/// not act on what it knew before. Thread-safe; everything is guarded by this.
final class RemoteConnections {
  /// Connections kept of one peer; a peer with more is cut off.
  static final int MAX_PER_PEER = 100_000;

  /// One connection of an agent elsewhere.
  ///
  /// @param agent what tells agents apart: the instance, or the connection where an agent does not name one
  record Entry(String id, PlaneKey plane, Set<String> authorized, String agent, Instant lastSeen) {
    Entry {
      authorized = Set.copyOf(authorized);
    }
  }

  /// A way to an agent.
  record Way(String replica, PeerPool pool, Entry entry) {}

  private static final class Peer {
    final PeerPool pool;
    final Map<String, Entry> entries = new HashMap<>();
    final Map<PlaneKey, Map<String, Entry>> byPlane = new HashMap<>();
    long heardNanos;

    Peer(PeerPool pool, long heardNanos) {
      this.pool = pool;
      this.heardNanos = heardNanos;
    }

    void put(Entry entry) {
      remove(entry.id());
      entries.put(entry.id(), entry);
      byPlane.computeIfAbsent(entry.plane(), _ -> new HashMap<>()).put(entry.id(), entry);
    }

    @Nullable
    Entry remove(String id) {
      var entry = entries.remove(id);
      if (entry != null) {
        byPlane.computeIfPresent(entry.plane(), (_, siblings) -> {
          siblings.remove(id);
          return siblings.isEmpty() ? null : siblings;
        });
      }
      return entry;
    }
  }

  private final long leaseNanos;
  private final LongSupplier nanoTime;
  private final Map<String, Peer> peers = new HashMap<>();
  private final AtomicLong turn = new AtomicLong();

  /// @param nanoTime monotonic, goes on while the process is stopped
  RemoteConnections(Duration lease, LongSupplier nanoTime) {
    this.leaseNanos = lease.toNanos();
    this.nanoTime = nanoTime;
  }

  /// A peer's stream has told everything it has: what it had told before is forgotten.
  synchronized void replace(String replica, PeerPool pool, List<Entry> entries) {
    var peer = new Peer(pool, nanoTime.getAsLong());
    entries.forEach(peer::put);
    peers.put(replica, peer);
  }

  /// A line has come from that peer.
  ///
  /// @return false when its lease had run out before: what was told is forgotten, and the line is to be so too
  synchronized boolean heard(String replica) {
    var peer = peers.get(replica);
    if (peer == null) {
      return false;
    }
    if (!live(peer)) {
      peers.remove(replica);
      return false;
    }
    peer.heardNanos = nanoTime.getAsLong();
    return true;
  }

  synchronized void connected(String replica, Entry entry) {
    var peer = peers.get(replica);
    if (peer != null) {
      peer.put(entry);
    }
  }

  synchronized void disconnected(String replica, String id) {
    var peer = peers.get(replica);
    if (peer != null) {
      peer.remove(id);
    }
  }

  synchronized void seen(String replica, String id, Instant lastSeen) {
    var peer = peers.get(replica);
    var entry = peer == null ? null : peer.entries.get(id);
    if (peer != null && entry != null) {
      peer.put(new Entry(id, entry.plane(), entry.authorized(), entry.agent(), lastSeen));
    }
  }

  /// The peer is gone.
  synchronized void drop(String replica) {
    peers.remove(replica);
  }

  /// Drops the peers whose lease has run out.
  synchronized void expire() {
    peers.values().removeIf(peer -> !live(peer));
  }

  /// The next way in turn to an agent that may serve `ref`, over replicas other than those tried.
  synchronized Optional<Way> pick(PlaneRef ref, PlaneKey plane, Set<String> tried) {
    var ways = new ArrayList<Way>();
    peers.forEach((replica, peer) -> {
      if (live(peer) && !tried.contains(replica)) {
        peer.byPlane.getOrDefault(plane, Map.of()).values().stream()
            .filter(entry -> entry.authorized().contains(ref.key()))
            .forEach(entry -> ways.add(new Way(replica, peer.pool, entry)));
      }
    });
    if (ways.isEmpty()) {
      return Optional.empty();
    }
    ways.sort(Comparator.comparing(way -> way.entry().id()));
    return Optional.of(ways.get((int) Math.floorMod(turn.getAndIncrement(), (long) ways.size())));
  }

  /// Connections of a plane elsewhere.
  synchronized List<Entry> of(PlaneKey plane) {
    return peers.values().stream()
        .filter(this::live)
        .flatMap(peer -> peer.byPlane.getOrDefault(plane, Map.of()).values().stream())
        .toList();
  }

  /// Planes with a connection elsewhere.
  synchronized List<PlaneKey> planes() {
    return peers.values().stream()
        .filter(this::live)
        .flatMap(peer -> peer.byPlane.keySet().stream())
        .distinct()
        .toList();
  }

  /// Identifiers of the peers believed now.
  synchronized Set<String> replicas() {
    var live = new TreeSet<String>();
    peers.forEach((replica, peer) -> {
      if (live(peer)) {
        live.add(replica);
      }
    });
    return live;
  }

  /// The ways to the peers believed now, by their identifiers.
  synchronized Map<String, PeerPool> pools() {
    var pools = new TreeMap<String, PeerPool>();
    peers.forEach((replica, peer) -> {
      if (live(peer)) {
        pools.put(replica, peer.pool);
      }
    });
    return pools;
  }

  private boolean live(Peer peer) {
    return nanoTime.getAsLong() - peer.heardNanos <= leaseNanos;
  }

  /// The connection that a `CONNECTION` line tells of; empty when its plane type is of a later version.
  ///
  /// @throws IllegalArgumentException when something is missing
  static Optional<Entry> entry(JsonNode line) {
    var authorized = new TreeSet<String>();
    line.path("authorized").forEach(key -> authorized.add(key.asText()));
    var id = text(line, "connectionID");
    var instance = line.path("agent").path(AgentSessions.INSTANCE).asText("");
    return PlaneType.ofWire(text(line, "planeType"))
        .map(type -> new Entry(
            id,
            new PlaneKey(type, text(line, "planeID")),
            authorized,
            instance.isEmpty() ? id : instance,
            time(line)));
  }

  static Instant time(JsonNode line) {
    try {
      return Instant.parse(text(line, "lastSeen"));
    } catch (DateTimeParseException e) {
      throw new IllegalArgumentException("expected an RFC 3339 time as lastSeen in " + line, e);
    }
  }

  static String text(JsonNode line, String field) {
    var text = line.path(field).asText("");
    if (text.isEmpty()) {
      throw new IllegalArgumentException("expected " + field + " in " + line);
    }
    return text;
  }
}
