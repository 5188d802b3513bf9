package dev.buildplane.operator;

import static java.util.Objects.requireNonNull;

import dev.buildplane.model.PlaneRef;
import dev.buildplane.plan.PlaneObserved.Agent;
import dev.buildplane.plan.PlaneObserved.Agents;
import dev.buildplane.plan.PlaneObserved.Rejection;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// What the replicas of the gateway have told about agents, each about its own connections. Between the start of a replica's
/// stream and its `SYNCED` its last knowledge stands still, so neither its restart nor one of the operator looks like a lost
/// agent; when it stays silent for a lease while others speak, what it held is gone. Two connections of one agent are one
/// agent, wherever they are.
///
/// Safe for use by several threads; every method returns at once.
final class AgentRegistry {
  /// Last disconnects and rejections kept.
  static final int REMEMBERED = 10_000;

  /// A planeID of a plane type.
  record Plane(String planeType, String planeID) {}

  /// Which planes a change may matter to: all of them, or those of a planeID and those with a key.
  ///
  /// @param onlyHeartbeat whether nothing but the time of the last sign of life has changed
  record Change(
      boolean everything,
      boolean onlyHeartbeat,
      Set<Plane> planes,
      Map<String, Set<String>> keysByType) {
    static final Change NONE = new Change(false, true, Set.of(), Map.of());
    static final Change ALL = new Change(true, false, Set.of(), Map.of());

    boolean concerns(PlaneRef ref, String planeID) {
      var type = ref.kind().type().wire();
      return everything
          || planes.contains(new Plane(type, planeID))
          || keysByType.getOrDefault(type, Set.of()).contains(ref.key());
    }

    boolean isNothing() {
      return !everything && planes.isEmpty() && keysByType.isEmpty();
    }
  }

  private static final class Connection {
    final String id;
    final Source source;
    final Plane plane;
    final String agent;
    final boolean streams;
    final Map<String, Instant> since = new HashMap<>();
    Instant lastSeen;
    Optional<Instant> certificateExpires = Optional.empty();
    List<String> permissionsMissing = List.of();

    Connection(
        String id, Source source, Plane plane, String agent, boolean streams, Instant lastSeen) {
      this.id = id;
      this.source = source;
      this.plane = plane;
      this.agent = agent;
      this.streams = streams;
      this.lastSeen = lastSeen;
    }
  }

  /// One replica, by its address.
  private static final class Source {
    final Map<String, Connection> connections = new HashMap<>();
    final Set<String> snapshot = new HashSet<>();
    String why = "it has not answered yet";

    @Nullable
    Instant silentSince;

    /// Which run of the replica speaks or spoke last, and since when it has been followed.
    @Nullable
    String run;

    Instant knownSince;

    /// Whether it may hold agents nobody else knows of: it has been silent since the start, for less than a lease.
    boolean unknown = true;

    /// Whether its address is followed no more; it goes with its lease.
    boolean left;

    Source(Instant start) {
      silentSince = start;
      knownSince = start;
    }

    boolean speaks() {
      return silentSince == null;
    }
  }

  private record Key(String planeType, String key) {}

  private final Instant start;
  private final Duration lease;

  // all guarded by this
  private final Map<String, Source> sources = new TreeMap<>();
  private final Map<Plane, Set<Connection>> byPlane = new HashMap<>();
  private final Map<Key, Set<Connection>> byKey = new HashMap<>();
  private final Map<Key, Instant> lastDisconnected = bounded();
  private final Map<Plane, Rejection> rejections = bounded();

  /// @param lease how long a silent replica's word counts while others speak
  AgentRegistry(Instant start, Duration lease) {
    this.start = start;
    this.lease = lease;
  }

  /// Which replicas there are from now on. One that is new has not been heard yet.
  synchronized Change retain(Set<String> addresses, Instant now) {
    boolean changed = false;
    for (var address : addresses) {
      changed |= !sources.containsKey(address);
      sources.computeIfAbsent(address, _ -> new Source(now)).left = false;
    }
    for (var entry : sources.entrySet()) {
      var source = entry.getValue();
      if (!addresses.contains(entry.getKey()) && !source.left) {
        source.left = true;
        source.silentSince = source.speaks() ? now : source.silentSince;
        changed = true;
      }
    }
    return changed ? Change.ALL : Change.NONE;
  }

  /// Addresses of the replicas whose streams are open and complete.
  synchronized Set<String> speaking() {
    var speaking = new HashSet<String>();
    sources.forEach((address, source) -> {
      if (source.speaks()) {
        speaking.add(address);
      }
    });
    return speaking;
  }

  /// The agents of one plane resource.
  synchronized Agents agents(PlaneRef ref, String planeID) {
    if (sources.values().stream().noneMatch(Source::speaks)) {
      return allSilent();
    }
    var type = ref.kind().type().wire();
    var key = new Key(type, ref.key());
    var plane = new Plane(type, planeID);
    var authorised = new TreeMap<String, Agent>();
    boolean heard = false;
    var doubtful =
        sources.values().stream().filter(one -> one.unknown).findFirst().orElse(null);
    for (var connection : byKey.getOrDefault(key, Set.of())) {
      var since = requireNonNull(connection.since.get(key.key()));
      authorised.merge(
          connection.agent,
          new Agent(
              connection.id,
              since,
              connection.lastSeen,
              connection.certificateExpires,
              connection.permissionsMissing),
          AgentRegistry::together);
      heard |= connection.source.speaks();
      doubtful = connection.source.speaks() ? doubtful : connection.source;
    }
    if (!heard && doubtful != null) {
      return silent(doubtful);
    }
    int others = (int) byPlane.getOrDefault(plane, Set.of()).stream()
        .map(connection -> connection.agent)
        .filter(agent -> !authorised.containsKey(agent))
        .distinct()
        .count();
    return new Agents.Known(
        List.copyOf(authorised.values()),
        others,
        Optional.ofNullable(lastDisconnected.get(key)),
        Optional.ofNullable(rejections.get(plane)),
        knownSince());
  }

  /// Whether a watch comes through to the plane: whether any agent of it speaks more than the protocol of v0.17.
  synchronized boolean streams(PlaneRef ref) {
    return byKey.getOrDefault(new Key(ref.kind().type().wire(), ref.key()), Set.of()).stream()
        .anyMatch(connection -> connection.streams);
  }

  /// Two connections of one agent: there since the first, alive as of the last.
  private static Agent together(Agent one, Agent other) {
    var first = one.since().isAfter(other.since()) ? other : one;
    var seen = one.lastSeen().isAfter(other.lastSeen()) ? one.lastSeen() : other.lastSeen();
    return new Agent(
        first.connectionID(),
        first.since(),
        seen,
        latest(one, other, Agent::certificateExpires),
        Stream.of(one, other)
            .flatMap(agent -> agent.permissionsMissing().stream())
            .distinct()
            .sorted()
            .toList());
  }

  /// Of two connections of one agent the newer certificate counts.
  private static Optional<Instant> latest(
      Agent one, Agent other, Function<Agent, Optional<Instant>> of) {
    return Stream.of(one, other).flatMap(agent -> of.apply(agent).stream()).max(Instant::compareTo);
  }

  /// When the youngest run among the replicas was first followed.
  private Instant knownSince() {
    return sources.values().stream()
        .map(source -> source.knownSince)
        .max(Instant::compareTo)
        .orElse(start);
  }

  /// Silent since the last of them fell silent.
  private Agents allSilent() {
    return sources.values().stream()
        .max(Comparator.comparing(AgentRegistry::silentSince))
        .<Agents>map(AgentRegistry::silent)
        .orElse(new Agents.Silent(start, "it has not answered yet"));
  }

  private static Agents silent(Source source) {
    return new Agents.Silent(silentSince(source), source.why);
  }

  private static Instant silentSince(Source source) {
    return source.silentSince == null ? Instant.MAX : source.silentSince;
  }

  /// A replica's stream has ended; what it had told stands still.
  synchronized Change silent(String address, Instant now, String reason) {
    var source = sources.get(address);
    if (source == null) {
      return Change.NONE; // not followed any more
    }
    source.snapshot.clear();
    source.why = reason;
    if (!source.speaks()) {
      return Change.NONE;
    }
    source.silentSince = now;
    return Change.ALL;
  }

  /// Forgets what replicas told that have been silent for a lease, as long as others speak: while all are silent nobody
  /// knows better.
  synchronized Change expire(Instant now) {
    if (sources.values().stream().noneMatch(Source::speaks)) {
      return Change.NONE;
    }
    boolean changed = false;
    for (var source : sources.values()) {
      var since = source.silentSince;
      if (since != null && !since.plus(lease).isAfter(now)) {
        changed |= source.unknown || !source.connections.isEmpty();
        source.unknown = false;
        Set.copyOf(source.connections.keySet()).forEach(id -> disconnected(source, id, since));
      }
    }
    changed |= sources
        .values()
        .removeIf(source -> source.left && !source.unknown && source.connections.isEmpty());
    return changed ? Change.ALL : Change.NONE;
  }

  /// Takes one event in.
  synchronized Change apply(String address, GatewayEvent event, Instant now) {
    var source = sources.get(address);
    if (source == null || source.left) {
      return Change.NONE; // not followed any more
    }
    return switch (event) {
      case GatewayEvent.Connection connection -> connected(source, connection, now);
      case GatewayEvent.Disconnected(var id, var at) -> disconnected(source, id, at);
      case GatewayEvent.Rejected rejected -> rejected(source, rejected);
      case GatewayEvent.Heartbeat(var id, var lastSeen) -> heartbeat(source, id, lastSeen);
      case GatewayEvent.Synced(var run) -> synced(source, run, now);
      case GatewayEvent.Ping _ -> Change.NONE;
    };
  }

  private Change connected(Source source, GatewayEvent.Connection event, Instant now) {
    var plane = new Plane(event.planeType(), event.planeID());
    source.snapshot.add(event.connectionID());
    var known = source.connections.get(event.connectionID());
    if (known != null && !known.plane.equals(plane)) {
      forget(known);
      known = null;
    }
    var connection = known == null
        ? new Connection(
            event.connectionID(), source, plane, event.agent(), event.streams(), event.lastSeen())
        : known;
    source.connections.put(event.connectionID(), connection);
    byPlane.computeIfAbsent(plane, _ -> new HashSet<>()).add(connection);
    connection.lastSeen = event.lastSeen();
    connection.certificateExpires = event.certificateExpires();
    connection.permissionsMissing = event.permissionsMissing();
    var touched = new HashSet<>(connection.since.keySet());
    touched.addAll(event.authorized());
    for (var key : Set.copyOf(connection.since.keySet())) {
      if (!event.authorized().contains(key)) {
        connection.since.remove(key);
        drop(byKey, new Key(event.planeType(), key), connection);
        noteIfLast(connection, key, now);
      }
    }
    // A grant that comes after the connection happens now; in a snapshot nobody knows better than the connection's time.
    var granted = known == null ? event.connectedAt() : now;
    for (var key : event.authorized()) {
      connection.since.putIfAbsent(key, granted);
      byKey
          .computeIfAbsent(new Key(event.planeType(), key), _ -> new HashSet<>())
          .add(connection);
    }
    return told(source, plane, touched);
  }

  private Change disconnected(Source source, String id, Instant at) {
    var connection = source.connections.remove(id);
    if (connection == null) {
      return Change.NONE;
    }
    forget(connection);
    connection.since.keySet().forEach(key -> noteIfLast(connection, key, at));
    return told(source, connection.plane, connection.since.keySet());
  }

  /// Takes a connection out of the indexes.
  private void forget(Connection connection) {
    drop(byPlane, connection.plane, connection);
    connection
        .since
        .keySet()
        .forEach(key -> drop(byKey, new Key(connection.plane.planeType(), key), connection));
  }

  private static <K> void drop(Map<K, Set<Connection>> index, K key, Connection connection) {
    index.computeIfPresent(key, (_, all) -> {
      all.remove(connection);
      return all.isEmpty() ? null : all;
    });
  }

  /// An agent has disconnected when its last connection has.
  private void noteIfLast(Connection gone, String key, Instant at) {
    var place = new Key(gone.plane.planeType(), key);
    boolean another = byKey.getOrDefault(place, Set.of()).stream()
        .anyMatch(connection -> connection.agent.equals(gone.agent));
    if (!another) {
      lastDisconnected.put(place, at);
    }
  }

  private Change rejected(Source source, GatewayEvent.Rejected event) {
    var plane = new Plane(event.planeType(), event.planeID());
    rejections.put(plane, new Rejection(event.at(), event.reason(), event.subject()));
    return told(source, plane, Set.of());
  }

  private Change heartbeat(Source source, String id, Instant lastSeen) {
    var connection = source.connections.get(id);
    if (connection == null) {
      return Change.NONE;
    }
    connection.lastSeen = lastSeen;
    return told(source, connection.plane, connection.since.keySet(), true);
  }

  private Change synced(Source source, String run, Instant now) {
    if (!run.equals(source.run)) {
      source.run = run;
      source.knownSince = now;
    }
    var gone = new HashSet<>(source.connections.keySet());
    gone.removeAll(source.snapshot);
    var at = source.silentSince == null ? now : source.silentSince;
    gone.forEach(id -> disconnected(source, id, at));
    source.snapshot.clear();
    source.silentSince = null;
    source.unknown = false;
    expire(now);
    return Change.ALL;
  }

  private Change told(Source source, Plane plane, Set<String> keys) {
    return told(source, plane, keys, false);
  }

  private Change told(Source source, Plane plane, Set<String> keys, boolean onlyHeartbeat) {
    // Before SYNCED nobody judges connections, so nobody needs to hear of them.
    return !source.speaks()
        ? Change.NONE
        : new Change(
            false, onlyHeartbeat, Set.of(plane), Map.of(plane.planeType(), Set.copyOf(keys)));
  }

  private static <K, V> Map<K, V> bounded() {
    return new LinkedHashMap<>() {
      @Override
      protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
        return size() > REMEMBERED;
      }
    };
  }

  /// Identifiers of all connections known, for tests.
  synchronized List<String> connectionIDs() {
    return sources.values().stream()
        .flatMap(source -> source.connections.keySet().stream())
        .toList();
  }
}
