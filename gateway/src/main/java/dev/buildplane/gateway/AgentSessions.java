package dev.buildplane.gateway;

import dev.buildplane.model.PlaneRef;
import dev.buildplane.pki.ChainVerifier;
import dev.buildplane.pki.Purpose;
import dev.buildplane.pki.Verdict;
import dev.buildplane.tunnel.CloseReason;
import io.netty.channel.EventLoop;
import java.security.cert.X509Certificate;
import java.time.Duration;
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
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The connections of this gateway and what each may serve. Every change of trust is applied here, in place: grants
/// and revocations without a reconnect, calls of a revoked resource ended, a connection with nothing left closed.
///
/// `sessions`, `byPlane` and the order of events in `feed` are guarded by `lock`; tunnels are closed outside of it.
final class AgentSessions {
  private static final Logger log = LoggerFactory.getLogger(AgentSessions.class);

  /// Under this key of its metadata an agent names its process, so that several connections of one are told apart from several agents.
  static final String INSTANCE = "instance";

  /// How long before its certificate expires a connection takes new calls only when there is no other, so that short calls
  /// do not end with it.
  static final Duration LAST_CALLS = Duration.ofSeconds(5);

  /// What a certificate is good for, and until when.
  record Judgement(Set<PlaneRef> grants, Instant until) {}

  /// What a re-evaluation did.
  record Outcome(int granted, int revoked, int closed) {}

  private final PlaneTrust trust;
  private final PlaneFeed feed;
  private final InstantSource clock;
  private final StrangersAudit audit;
  private final Object lock = new Object();
  private final Map<UUID, AgentSession> sessions = new HashMap<>();
  /// The same sessions by plane, in the order they came; the lists are replaced, never changed, so that calls read them without the lock.
  private final Map<PlaneKey, List<AgentSession>> byPlane = new ConcurrentHashMap<>();
  private final Map<PlaneRef, AtomicLong> turns = new ConcurrentHashMap<>();

  AgentSessions(PlaneTrust trust, PlaneFeed feed, InstantSource clock, StrangersAudit audit) {
    this.audit = audit;
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
    session.tunnel().draining().thenRun(() -> {
      if (session.tunnel().isUp()) {
        session.endWatches();
      }
    });
    boolean useless;
    synchronized (lock) {
      var judgement = judge(session.plane(), session.chain());
      session.judged(judgement.grants(), judgement.until());
      useless = judgement.grants().isEmpty();
      sessions.put(session.id(), session);
      byPlane.merge(session.plane(), List.of(session), AgentSessions::joined);
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
      byPlane.computeIfPresent(session.plane(), (_, known) -> without(known, session));
      feed.disconnected(session, reason.toString());
    }
    log.info("agent {} of {} disconnected: {}", session.id(), session.plane(), reason);
    if (reason.code() == CloseReason.Code.PROTOCOL_ERROR) {
      audit.brokeRules(session, reason);
    }
  }

  private static List<AgentSession> joined(List<AgentSession> known, List<AgentSession> more) {
    return Stream.concat(known.stream(), more.stream()).toList();
  }

  private static @Nullable List<AgentSession> without(List<AgentSession> known, AgentSession gone) {
    var left = known.stream().filter(session -> session != gone).toList();
    return left.isEmpty() ? null : left;
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
        // Before it is told: nothing flows any more of what followers hear is revoked.
        session.endRevokedCalls();
        if (!before.equals(judgement.grants()) && sessions.containsKey(session.id())) {
          feed.connection(session);
        }
        if (judgement.grants().isEmpty()) {
          useless.add(session);
        }
      }
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

  /// The next connection in turn that may take a call for `ref`, other than those already tried; one that does not stream only where no other
  /// is left. Where its agent has another one on `loop`, the caller's own, that one is taken instead: nothing then passes between threads.
  Optional<AgentSession> pick(PlaneRef ref, PlaneKey plane, Set<UUID> tried, EventLoop loop) {
    var able = new ArrayList<AgentSession>(2);
    boolean streaming = false;
    for (var session : of(plane)) {
      if (session.takesCallsFor(ref) && !tried.contains(session.id())) {
        able.add(session);
        streaming |= session.streams();
      }
    }
    if (able.isEmpty()) {
      return Optional.empty();
    }
    if (streaming) {
      able.removeIf(session -> !session.streams());
    }
    var turnOf = lasting(able);
    long turn = turns.computeIfAbsent(ref, _ -> new AtomicLong()).getAndIncrement();
    var next = turnOf.get((int) Math.floorMod(turn, (long) turnOf.size()));
    return Optional.of(
        next.tunnel().runsOn(loop) ? next : siblingOn(loop, next, turnOf).orElse(next));
  }

  /// Those whose trust does not end in a moment; all where there are no others.
  private List<AgentSession> lasting(List<AgentSession> able) {
    var soon = clock.instant().plus(LAST_CALLS);
    var lasting = new ArrayList<AgentSession>(able.size());
    for (var session : able) {
      if (session.trustEnds().isAfter(soon)) {
        lasting.add(session);
      }
    }
    return lasting.isEmpty() ? able : lasting;
  }

  private static Optional<AgentSession> siblingOn(
      EventLoop loop, AgentSession session, List<AgentSession> able) {
    var instance = session.agent().get(INSTANCE);
    if (instance != null) {
      for (var other : able) {
        if (instance.equals(other.agent().get(INSTANCE)) && other.tunnel().runsOn(loop)) {
          return Optional.of(other);
        }
      }
    }
    return Optional.empty();
  }

  /// Drops the turn counters of resources that are gone.
  void forgetTurns() {
    turns.keySet().removeIf(ref -> trust.find(ref).isEmpty());
  }

  /// Connections of a plane, in the order they came.
  List<AgentSession> of(PlaneKey plane) {
    return byPlane.getOrDefault(plane, List.of());
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

  /// Tells followers of the last sign of life of a part of the connections. Each belongs to one of `parts` parts, for good.
  ///
  /// @param part from 0
  void heartbeat(int part, int parts) {
    synchronized (lock) {
      sessions.values().stream()
          .filter(session -> Math.floorMod(session.id().hashCode(), parts) == part)
          .forEach(feed::heartbeat);
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
