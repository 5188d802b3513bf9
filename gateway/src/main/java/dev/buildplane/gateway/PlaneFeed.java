package dev.buildplane.gateway;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.pki.TrustBundle;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;

/// The events of `/api/v1/planes/watch`, one JSON object per line, to any number of followers. Level-driven: every
/// `CONNECTION` carries the full state of that connection. [AgentSessions] calls it under its lock, which orders the
/// events of connections; `rejections` is guarded by itself.
final class PlaneFeed {
  /// Lines that may wait for one follower; one that falls behind further is cut off and starts over with a snapshot.
  static final int MAX_WAITING_LINES = 16 * 1024;

  /// At most one `REJECTED` per plane in this time.
  static final Duration REJECTION_INTERVAL = Duration.ofSeconds(5);

  /// How long a rejection is part of the snapshot.
  static final Duration REJECTION_LIFETIME = Duration.ofSeconds(60);

  /// Followers at a time; more get 503.
  static final int MAX_FOLLOWERS = 256;

  private final InstantSource clock;
  private final UUID replica;
  private final Set<Follower> followers = ConcurrentHashMap.newKeySet();
  private final Map<PlaneKey, Rejection> rejections = new HashMap<>();

  private volatile boolean closed;

  private record Rejection(Instant at, String line) {}

  PlaneFeed(InstantSource clock, UUID replica) {
    this.clock = clock;
    this.replica = replica;
  }

  UUID replica() {
    return replica;
  }

  void connection(AgentSession session) {
    publish(connectionLine(session));
  }

  void disconnected(AgentSession session, String reason) {
    var event = of("DISCONNECTED", session);
    session.authorizedKeys().forEach(event.putArray("authorized")::add);
    event.put("at", clock.instant().toString()).put("reason", reason);
    publish(event.toString());
  }

  void heartbeat(AgentSession session) {
    publish(of("HEARTBEAT", session)
        .put("lastSeen", session.tunnel().lastSeen().toString())
        .toString());
  }

  /// An agent that was turned away although resources with its planeID exist. Its certificate is told whole, so that a
  /// reader can say which rule it breaks.
  void rejected(PlaneKey plane, String reason, X509Certificate presented) {
    var now = clock.instant();
    var event = event("REJECTED")
        .put("planeType", plane.type().wire())
        .put("planeID", plane.planeID())
        .put("at", now.toString())
        .put("reason", reason)
        .put("subject", presented.getSubjectX500Principal().getName());
    event.putObject("certificate").put("pem", new TrustBundle(List.of(presented)).pem());
    var line = event.toString();
    synchronized (rejections) {
      rejections.values().removeIf(old -> old.at().plus(REJECTION_LIFETIME).isBefore(now));
      var last = rejections.get(plane);
      if (last != null && last.at().plus(REJECTION_INTERVAL).isAfter(now)) {
        return;
      }
      rejections.put(plane, new Rejection(now, line));
    }
    publish(line);
  }

  /// A new follower, whose first lines are the snapshot. The caller holds off changes of `sessions` meanwhile.
  Follower follow(List<AgentSession> sessions) {
    var snapshot = new ArrayList<String>();
    sessions.forEach(session -> snapshot.add(connectionLine(session)));
    var now = clock.instant();
    synchronized (rejections) {
      rejections.values().stream()
          .filter(rejection -> rejection.at().plus(REJECTION_LIFETIME).isAfter(now))
          .forEach(rejection -> snapshot.add(rejection.line()));
    }
    snapshot.add(event("SYNCED")
        .put("replica", replica.toString())
        .put("at", now.toString())
        .toString());
    var follower = new Follower(snapshot);
    followers.add(follower);
    return follower;
  }

  boolean full() {
    return closed || followers.size() >= MAX_FOLLOWERS;
  }

  /// Ends every follower's stream and takes no more.
  void close() {
    closed = true;
    var last = ping();
    for (var follower : followers) {
      follower.behind = true;
      follower.waiting.offer(last); // wakes it; one that has lines waiting is awake
    }
  }

  void leave(Follower follower) {
    followers.remove(follower);
  }

  String ping() {
    return event("PING").put("at", clock.instant().toString()).toString();
  }

  private void publish(String line) {
    followers.removeIf(follower -> {
      follower.behind = !follower.waiting.offer(line);
      return follower.behind;
    });
  }

  private static String connectionLine(AgentSession session) {
    var event = of("CONNECTION", session);
    session.authorizedKeys().forEach(event.putArray("authorized")::add);
    event
        .put("connectedAt", session.connectedAt().toString())
        .put("lastSeen", session.tunnel().lastSeen().toString())
        .put("protocol", session.tunnel().protocol().wire());
    if (!session.chain().isEmpty()) {
      event.put(
          "certificateExpires",
          session.chain().getFirst().getNotAfter().toInstant().toString());
    }
    var agent = event.putObject("agent");
    session.agent().forEach(agent::put);
    event
        .putObject("certificate")
        .put("pem", new TrustBundle(List.of(session.chain().getFirst())).pem());
    return event.toString();
  }

  private static ObjectNode of(String type, AgentSession session) {
    return event(type)
        .put("connectionID", session.id().toString())
        .put("planeType", session.plane().type().wire())
        .put("planeID", session.plane().planeID());
  }

  private static ObjectNode event(String type) {
    return JsonNodeFactory.instance.objectNode().put("type", type);
  }

  /// One reader of the feed.
  static final class Follower {
    private final List<String> snapshot;
    private final BlockingQueue<String> waiting = new ArrayBlockingQueue<>(MAX_WAITING_LINES);
    private volatile boolean behind;

    private Follower(List<String> snapshot) {
      this.snapshot = List.copyOf(snapshot);
    }

    List<String> snapshot() {
      return snapshot;
    }

    BlockingQueue<String> waiting() {
      return waiting;
    }

    /// Whether lines were lost; the stream must end.
    boolean behind() {
      return behind;
    }
  }
}
