package dev.buildplane.operator;

import static java.util.Objects.requireNonNull;

import dev.buildplane.model.PlaneRef;
import dev.buildplane.plan.PlaneObserved.Agent;
import dev.buildplane.plan.PlaneObserved.Agents;
import dev.buildplane.plan.PlaneObserved.Rejection;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What the gateway has told about agents. Between the start of a stream and its `SYNCED` the last knowledge stands still
/// and counts as silent, so neither a restart of the gateway nor one of the operator looks like a lost agent.
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
    final Plane plane;
    final Map<String, Instant> since = new HashMap<>();
    Instant lastSeen;
    Optional<Instant> certificateExpires = Optional.empty();

    Connection(Plane plane, Instant lastSeen) {
      this.plane = plane;
      this.lastSeen = lastSeen;
    }
  }

  private record Key(String planeType, String key) {}

  // all guarded by this
  private final Map<String, Connection> connections = new HashMap<>();
  private final Map<Plane, Set<String>> byPlane = new HashMap<>();
  private final Map<Key, Set<String>> byKey = new HashMap<>();
  private final Map<Key, Instant> lastDisconnected = bounded();
  private final Map<Plane, Rejection> rejections = bounded();
  private final Set<String> snapshot = new HashSet<>();
  private @Nullable Instant silentSince;
  private @Nullable String replica;
  private Instant knownSince;
  private String why = "it has not answered yet";

  AgentRegistry(Instant start) {
    silentSince = start;
    knownSince = start;
  }

  /// The agents of one plane resource.
  synchronized Agents agents(PlaneRef ref, String planeID) {
    if (silentSince != null) {
      return new Agents.Silent(silentSince, why);
    }
    var type = ref.kind().type().wire();
    var key = new Key(type, ref.key());
    var plane = new Plane(type, planeID);
    var authorised = new ArrayList<Agent>();
    for (var id : byKey.getOrDefault(key, Set.of())) {
      var connection = requireNonNull(connections.get(id));
      var since = requireNonNull(connection.since.get(key.key()));
      authorised.add(new Agent(id, since, connection.lastSeen, connection.certificateExpires));
    }
    int others = (int) byPlane.getOrDefault(plane, Set.of()).stream()
        .filter(id -> !requireNonNull(connections.get(id)).since.containsKey(key.key()))
        .count();
    return new Agents.Known(
        authorised,
        others,
        Optional.ofNullable(lastDisconnected.get(key)),
        Optional.ofNullable(rejections.get(plane)),
        knownSince);
  }

  /// The stream has ended; what was known stands still.
  synchronized Change silent(Instant now, String reason) {
    snapshot.clear();
    why = reason;
    if (silentSince != null) {
      return Change.NONE;
    }
    silentSince = now;
    return Change.ALL;
  }

  /// Takes one event in.
  synchronized Change apply(GatewayEvent event, Instant now) {
    return switch (event) {
      case GatewayEvent.Connection connection -> connected(connection, now);
      case GatewayEvent.Disconnected(var id, var at) -> disconnected(id, at);
      case GatewayEvent.Rejected rejected -> rejected(rejected);
      case GatewayEvent.Heartbeat(var id, var lastSeen) -> heartbeat(id, lastSeen);
      case GatewayEvent.Synced(var speaker) -> synced(speaker, now);
      case GatewayEvent.Ping _ -> Change.NONE;
    };
  }

  private Change connected(GatewayEvent.Connection event, Instant now) {
    var plane = new Plane(event.planeType(), event.planeID());
    snapshot.add(event.connectionID());
    var known = connections.get(event.connectionID());
    var connection = known != null && known.plane.equals(plane)
        ? known
        : new Connection(plane, event.lastSeen());
    if (known != null && known != connection) {
      forget(event.connectionID(), known);
    }
    connections.put(event.connectionID(), connection);
    byPlane.computeIfAbsent(plane, _ -> new HashSet<>()).add(event.connectionID());
    connection.lastSeen = event.lastSeen();
    connection.certificateExpires = event.certificateExpires();
    var touched = new HashSet<>(connection.since.keySet());
    touched.addAll(event.authorized());
    for (var key : Set.copyOf(connection.since.keySet())) {
      if (!event.authorized().contains(key)) {
        connection.since.remove(key);
        drop(byKey, new Key(event.planeType(), key), event.connectionID());
        lastDisconnected.put(new Key(event.planeType(), key), now);
      }
    }
    // A grant that comes after the connection happens now; in a snapshot nobody knows better than the connection's time.
    var granted = known == null ? event.connectedAt() : now;
    for (var key : event.authorized()) {
      connection.since.putIfAbsent(key, granted);
      byKey
          .computeIfAbsent(new Key(event.planeType(), key), _ -> new HashSet<>())
          .add(event.connectionID());
    }
    return told(plane, touched);
  }

  private Change disconnected(String id, Instant at) {
    var connection = connections.remove(id);
    if (connection == null) {
      return Change.NONE;
    }
    forget(id, connection);
    var type = connection.plane.planeType();
    connection.since.keySet().forEach(key -> lastDisconnected.put(new Key(type, key), at));
    return told(connection.plane, connection.since.keySet());
  }

  /// Takes a connection out of the indexes.
  private void forget(String id, Connection connection) {
    drop(byPlane, connection.plane, id);
    connection
        .since
        .keySet()
        .forEach(key -> drop(byKey, new Key(connection.plane.planeType(), key), id));
  }

  private static <K> void drop(Map<K, Set<String>> index, K key, String id) {
    index.computeIfPresent(key, (_, ids) -> {
      ids.remove(id);
      return ids.isEmpty() ? null : ids;
    });
  }

  private Change rejected(GatewayEvent.Rejected event) {
    var plane = new Plane(event.planeType(), event.planeID());
    rejections.put(plane, new Rejection(event.at(), event.reason(), event.subject()));
    return told(plane, Set.of());
  }

  private Change heartbeat(String id, Instant lastSeen) {
    var connection = connections.get(id);
    if (connection == null) {
      return Change.NONE;
    }
    connection.lastSeen = lastSeen;
    return told(connection.plane, connection.since.keySet(), true);
  }

  private Change synced(String speaker, Instant now) {
    if (!speaker.equals(replica)) {
      replica = speaker;
      knownSince = now;
    }
    var gone = new HashSet<>(connections.keySet());
    gone.removeAll(snapshot);
    var at = silentSince == null ? now : silentSince;
    gone.forEach(id -> disconnected(id, at));
    snapshot.clear();
    silentSince = null;
    return Change.ALL;
  }

  private Change told(Plane plane, Set<String> keys) {
    return told(plane, keys, false);
  }

  private Change told(Plane plane, Set<String> keys, boolean onlyHeartbeat) {
    // Before SYNCED nobody judges connections, so nobody needs to hear of them.
    return silentSince != null
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
    return List.copyOf(connections.keySet());
  }
}
