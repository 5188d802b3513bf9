package dev.buildplane.gateway;

import dev.buildplane.model.PlaneRef;
import dev.buildplane.pki.ChainVerifier;
import dev.buildplane.pki.Purpose;
import dev.buildplane.pki.Verdict;
import dev.buildplane.tunnel.CloseReason;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The connections of this gateway and what each may serve. Every change of trust is applied here, in place: grants
/// and revocations without a reconnect, calls of a revoked resource ended, a connection with nothing left closed.
///
/// `sessions`, `byPlane` and the order of events in `feed` are guarded by `lock`; tunnels are closed outside of it.
final class AgentSessions {
  private static final Logger log = LoggerFactory.getLogger(AgentSessions.class);

  /// What a certificate is good for, and until when.
  record Judgement(Set<PlaneRef> grants, Instant until) {}

  /// What a re-evaluation did.
  record Outcome(int granted, int revoked, int closed) {}

  private final PlaneTrust trust;
  private final PlaneFeed feed;
  private final InstantSource clock;
  private final Object lock = new Object();
  private final Map<UUID, AgentSession> sessions = new HashMap<>();
  private final Map<PlaneKey, Set<AgentSession>> byPlane = new HashMap<>();
  private final Map<PlaneRef, AtomicLong> turns = new ConcurrentHashMap<>();

  AgentSessions(PlaneTrust trust, PlaneFeed feed, InstantSource clock) {
    this.trust = trust;
    this.feed = feed;
    this.clock = clock;
  }

  /// Which resources of the plane trust that chain now.
  Judgement judge(PlaneKey plane, List<X509Certificate> chain) {
    var grants = new HashSet<PlaneRef>();
    var until = Instant.MAX;
    for (var entry : trust.of(plane)) {
      if (entry.trust().isEmpty()) {
        continue;
      }
      var verdict =
          ChainVerifier.judge(chain, entry.trust().get(), clock.instant(), Purpose.CLIENT);
      if (verdict instanceof Verdict.Trusted(var notAfter)) {
        grants.add(entry.ref());
        until = notAfter.isBefore(until) ? notAfter : until;
      }
    }
    return new Judgement(grants, until);
  }

  /// Takes a connection in. Its certificate is judged again here, so that no change between handshake and now is
  /// lost.
  void connected(AgentSession session) {
    session.tunnel().closed().thenAccept(reason -> disconnected(session, reason));
    boolean useless;
    synchronized (lock) {
      var judgement = judge(session.plane(), session.chain());
      session.judged(judgement.grants(), judgement.until());
      useless = judgement.grants().isEmpty();
      sessions.put(session.id(), session);
      byPlane.computeIfAbsent(session.plane(), _ -> new HashSet<>()).add(session);
      feed.connection(session);
    }
    log.info(
        "agent {} of {} connected from {}, authorized for {}",
        session.id(),
        session.plane(),
        session.tunnel().remoteAddress(),
        session.authorizedKeys());
    if (useless) {
      closeUseless(session);
    }
  }

  private void disconnected(AgentSession session, CloseReason reason) {
    synchronized (lock) {
      if (sessions.remove(session.id()) == null) {
        return;
      }
      byPlane.computeIfPresent(session.plane(), (_, others) -> {
        others.remove(session);
        return others.isEmpty() ? null : others;
      });
      feed.disconnected(session, reason.toString());
    }
    log.info("agent {} of {} disconnected: {}", session.id(), session.plane(), reason);
  }

  /// Applies changed trust to the connections of these planes.
  Outcome reevaluate(Collection<PlaneKey> planes) {
    return reevaluate(planes.stream().flatMap(plane -> of(plane).stream()).toList());
  }

  /// Applies the passing of time: certificates that have expired since they were judged.
  void reevaluateExpired() {
    var now = clock.instant();
    var expired =
        all().stream().filter(session -> now.isAfter(session.trustEnds())).toList();
    if (!expired.isEmpty()) {
      reevaluate(expired);
    }
  }

  private Outcome reevaluate(List<AgentSession> affected) {
    int granted = 0;
    int revoked = 0;
    var useless = new ArrayList<AgentSession>();
    for (var session : affected) {
      synchronized (lock) {
        var before = session.authorized();
        var judgement = judge(session.plane(), session.chain());
        session.judged(judgement.grants(), judgement.until());
        int kept = (int) before.stream().filter(judgement.grants()::contains).count();
        granted += judgement.grants().size() - kept;
        revoked += before.size() - kept;
        if (!before.equals(judgement.grants()) && sessions.containsKey(session.id())) {
          feed.connection(session);
        }
        if (judgement.grants().isEmpty()) {
          useless.add(session);
        }
      }
      session.endRevokedCalls();
    }
    useless.forEach(AgentSessions::closeUseless);
    return new Outcome(granted, revoked, useless.size());
  }

  private static void closeUseless(AgentSession session) {
    session
        .tunnel()
        .close(new CloseReason(
            CloseReason.Code.CLOSED_HERE,
            "no resource with planeID '" + session.plane().planeID()
                + "' trusts this agent any more"));
  }

  /// The next connection in turn that may take a call for `ref`, other than those already tried.
  Optional<AgentSession> pick(PlaneRef ref, PlaneKey plane, Set<UUID> tried) {
    var able = of(plane).stream()
        .filter(session -> session.takesCallsFor(ref) && !tried.contains(session.id()))
        .sorted(java.util.Comparator.comparing(AgentSession::connectedAt)
            .thenComparing(AgentSession::id))
        .toList();
    if (able.isEmpty()) {
      return Optional.empty();
    }
    long turn = turns.computeIfAbsent(ref, _ -> new AtomicLong()).getAndIncrement();
    return Optional.of(able.get((int) Math.floorMod(turn, (long) able.size())));
  }

  /// Drops the turn counters of resources that are gone.
  void forgetTurns() {
    turns.keySet().removeIf(ref -> trust.find(ref).isEmpty());
  }

  List<AgentSession> of(PlaneKey plane) {
    synchronized (lock) {
      return List.copyOf(byPlane.getOrDefault(plane, Set.of()));
    }
  }

  List<AgentSession> all() {
    synchronized (lock) {
      return List.copyOf(sessions.values());
    }
  }

  /// A follower of the feed that begins with a consistent snapshot.
  PlaneFeed.Follower follow() {
    synchronized (lock) {
      return feed.follow(List.copyOf(sessions.values()));
    }
  }

  void heartbeat() {
    synchronized (lock) {
      sessions.values().forEach(feed::heartbeat);
    }
  }

  /// Closes all connections of a plane; they will dial again.
  int disconnectAll(PlaneKey plane, String why) {
    var victims = of(plane);
    victims.forEach(
        session -> session.tunnel().close(new CloseReason(CloseReason.Code.CLOSED_HERE, why)));
    return victims.size();
  }

  /// Tells all agents to go elsewhere once their calls have ended.
  void drainAll() {
    all().forEach(session -> session.tunnel().drain());
  }
}
