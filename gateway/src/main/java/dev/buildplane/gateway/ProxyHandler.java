package dev.buildplane.gateway;

import dev.buildplane.gateway.GatewayMetrics.Verb;
import dev.buildplane.http.AsyncExchange;
import dev.buildplane.http.AsyncHandler;
import dev.buildplane.http.Headers;
import dev.buildplane.http.HttpProblem;
import dev.buildplane.http.ProblemFormat;
import dev.buildplane.http.RequestHead;
import dev.buildplane.tracing.Tracing;
import io.netty.channel.EventLoop;
import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// `/api/proxy/...`: finds the plane, asks whether the caller may, picks a connection of the plane and starts a
/// [ProxyCall] on it. Runs on the caller's event loop.
final class ProxyHandler implements AsyncHandler {
  private static final Logger log = LoggerFactory.getLogger(ProxyHandler.class);

  /// Connections of a plane that are tried before a call is given up; none of them has seen the request before.
  private static final int MAX_TRIES = 3;

  private static final String DISCOVERY = "as=APIGroupDiscoveryList";

  private final PlaneTrust trust;
  private final AgentSessions sessions;
  private final RemoteConnections remote;
  private final CallerAuthorizer authorizer;
  private final AuditLog audit;
  private final GatewayMetrics metrics;
  private final Duration answerDeadline;
  private final Map<EventLoop, AnswerDeadlines> deadlines = new ConcurrentHashMap<>();
  private final @Nullable Tracing tracing;
  private final Set<ProxyCall> watches = ConcurrentHashMap.newKeySet();
  private volatile boolean leaving;

  /// @param tracing null: off
  ProxyHandler(
      PlaneTrust trust,
      AgentSessions sessions,
      RemoteConnections remote,
      CallerAuthorizer authorizer,
      AuditLog audit,
      GatewayMetrics metrics,
      Duration answerDeadline,
      @Nullable Tracing tracing) {
    this.tracing = tracing;
    this.trust = trust;
    this.sessions = sessions;
    this.remote = remote;
    this.authorizer = authorizer;
    this.audit = audit;
    this.metrics = metrics;
    this.answerDeadline = answerDeadline;
  }

  /// What has been tried for one request. Used on the caller's event loop.
  ///
  /// @param forwarded by whom, if it came from another replica: then it goes to an agent of this one or nowhere
  /// @param sessions connections here, each tried once
  /// @param replicas others, each tried once
  /// @param notCarried whether an agent was left out because its protocol does not carry the call
  /// @param trace null where tracing is off
  private record Tries(
      AsyncExchange exchange,
      ProxyTarget target,
      AuditLog.Call record,
      Optional<Forwarding> forwarded,
      Set<UUID> sessions,
      Set<String> replicas,
      AtomicBoolean notCarried,
      @Nullable CallTrace trace) {
    int count() {
      return sessions.size() + replicas.size();
    }
  }

  @Override
  public void handle(AsyncExchange exchange) {
    var head = exchange.head();
    AuditLog.Call record;
    try {
      record = audit.begin(head, exchange.principal());
    } catch (HttpProblem problem) {
      exchange.fail(problem);
      return;
    }
    var trace = tracing == null
        ? null
        : CallTrace.begin(tracing, head, exchange.principal(), audit.replica());
    if (trace != null) {
      record.trace(trace.traceId());
    }
    long begun = System.nanoTime();
    exchange.onClose(() -> {
      exchange.cutBecause().ifPresent(why -> record.refused(record.status(), why));
      audit.end(record);
      if (trace != null) {
        trace.closed(record.status());
      }
      metrics.proxied(
          Verb.of(head.method(), head.rawQuery(), head.upgradeRequested()),
          record.status(),
          System.nanoTime() - begun);
    });
    try {
      var target = ProxyTarget.parse(exchange.head());
      var verb = ProxyTarget.verb(exchange.head());
      record.target(target, verb);
      if (trace != null) {
        trace.target(target);
      }
      var forwarded = Forwarding.of(exchange.head(), exchange.principal());
      forwarded.ifPresent(record::forwardedBy);
      if (trace != null) {
        forwarded.ifPresent(trace::forwardedBy);
      }
      var tries = new Tries(
          exchange,
          target,
          record,
          forwarded,
          new HashSet<>(),
          new HashSet<>(),
          new AtomicBoolean(),
          trace);
      if (forwarded.isPresent()) {
        metrics.forwardedIn();
        allowed(tries); // the first replica has asked
        return;
      }
      authorizer
          .authorize(exchange.principal(), new CallerAuthorizer.Access.Proxy(target.plane(), verb))
          .whenComplete(
              (decision, failure) -> onLoop(exchange, () -> decided(tries, decision, failure)));
    } catch (HttpProblem problem) {
      refuse(exchange, record, problem);
    }
  }

  private static void onLoop(AsyncExchange exchange, Runnable action) {
    if (exchange.eventLoop().inEventLoop()) {
      action.run();
    } else {
      exchange.eventLoop().execute(action);
    }
  }

  private void decided(
      Tries tries, CallerAuthorizer.Decision decision, @Nullable Throwable failure) {
    var exchange = tries.exchange();
    var target = tries.target();
    if (exchange.closed()) {
      return;
    }
    if (failure != null) {
      log.warn(
          "asking whether {} may proxy to {} failed: {}",
          exchange.principal().user(),
          target.plane(),
          failure.toString());
      refuse(
          exchange,
          tries.record(),
          new HttpProblem(
              503, "the hub's API server could not be asked whether you may; try again"));
      return;
    }
    if (!decision.allowed()) {
      metrics.denied(GatewayMetrics.Denied.PROXY);
      refuse(
          exchange,
          tries.record(),
          new HttpProblem(
              403,
              "user '" + exchange.principal().user() + "' may not "
                  + ProxyTarget.verb(exchange.head()) + " "
                  + target.plane().kind().plural() + "/proxy of " + target.plane()
                  + "; grant it by RBAC"));
      return;
    }
    allowed(tries);
  }

  private void allowed(Tries tries) {
    try {
      checkUpgrade(tries.exchange().head());
      checkPlane(tries.target());
    } catch (HttpProblem problem) {
      unreached(tries, problem);
      return;
    }
    attempt(tries);
  }

  /// Over HTTP/1.1 a request goes on as if it had not asked for an upgrade that is not carried; an extended CONNECT asks for nothing else
  /// (RFC 9220 section 3).
  private static void checkUpgrade(RequestHead head) {
    if (head.upgradeRequired() && !ProxyHeaders.upgrades(head)) {
      throw new HttpProblem(
          501,
          ":protocol: expected " + ProxyHeaders.PROTOCOLS + ", found '"
              + head.headers().first("upgrade").orElse("") + "'");
    }
  }

  private void checkPlane(ProxyTarget target) {
    boolean synced = trust.synced(); // asked first: what is read in between is no reason for a 404
    var entry = trust.find(target.plane()).orElse(null);
    if (entry == null) {
      throw new HttpProblem(
          synced ? 404 : 503,
          synced
              ? target.plane() + " not found"
              : "the gateway has not read the plane resources from its API server yet; try again");
    }
    if (!entry.key().equals(target.key())) {
      throw new HttpProblem(
          400,
          "planeID of " + target.plane() + ": expected " + entry.key().planeID() + ", found "
              + target.key().planeID() + " in the URL");
    }
  }

  private void attempt(Tries tries) {
    var target = tries.target();
    var session = sessions
        .pick(target.plane(), target.key(), tries.sessions(), tries.exchange().eventLoop())
        .orElse(null);
    if (session != null) {
      tries.sessions().add(session.id());
      if (!session.streams() && StreamingCall.is(tries.exchange().head(), target)) {
        tries.notCarried().set(true); // one that streams would have been picked
        elsewhere(tries);
        return;
      }
      tries.record().connection(session.id());
      metrics.local();
      if (tries.trace() != null) {
        tries.trace().toAgent(session.id(), target);
      }
      begin(tries, session);
      return;
    }
    elsewhere(tries);
  }

  private void elsewhere(Tries tries) {
    var target = tries.target();
    var way = tries.forwarded().isPresent()
        ? Optional.<RemoteConnections.Way>empty()
        : remote.pick(target.plane(), target.key(), tries.replicas());
    way.ifPresentOrElse(found -> forward(tries, found), () -> noAgent(tries));
  }

  private void forward(Tries tries, RemoteConnections.Way way) {
    tries.replicas().add(way.replica());
    metrics.forwardedOut();
    var auditID = tries.record().forwardedTo(way.replica());
    if (tries.trace() != null) {
      tries.trace().toReplica(way.replica(), way.pool().address());
    }
    begin(
        tries,
        new PeerCarrier(
            way.pool(), new Forwarding(tries.exchange().principal(), audit.replica(), auditID)));
  }

  private void begin(Tries tries, Carrier carrier) {
    var exchange = tries.exchange();
    var call = new ProxyCall(
        exchange,
        carrier,
        tries.target(),
        tries.record(),
        deadlines.computeIfAbsent(
            exchange.eventLoop(), loop -> new AnswerDeadlines(loop, answerDeadline)),
        metrics,
        tries.trace());
    if (call.isWatch()) {
      watches.add(call);
      exchange.onClose(() -> watches.remove(call));
      if (leaving) {
        call.leaving();
      }
    }
    call.begin(
        tries.count() < MAX_TRIES ? Optional.of(left -> again(tries, left)) : Optional.empty());
  }

  /// This gateway is about to go: watches end, which nothing else would end in time.
  void endWatches() {
    leaving = true;
    watches.forEach(ProxyCall::leaving);
  }

  private void again(Tries tries, ProxyCall.Left left) {
    switch (left) {
      case UNDONE -> attempt(tries);
      case NOT_CARRIED -> {
        tries.notCarried().set(true);
        attempt(tries);
      }
    }
  }

  private void noAgent(Tries tries) {
    var target = tries.target();
    if (tries.notCarried().get()) {
      unreached(tries, StreamingCall.notCarried(target));
      return;
    }
    var key = target.plane().key();
    var here = sessions.of(target.key());
    var there = remote.of(target.key());
    boolean others = !here.isEmpty() || !there.isEmpty();
    boolean authorized =
        here.stream().anyMatch(session -> session.authorized().contains(target.plane()))
            || there.stream().anyMatch(entry -> entry.authorized().contains(key));
    if (others && !authorized) {
      unreached(
          tries,
          new HttpProblem(
              403,
              "Forbidden: Agent not authorized for CR " + key
                  + "; its clientCA trusts none of the connected agents' certificates"));
      return;
    }
    unreached(
        tries,
        new HttpProblem(
            503,
            tries.forwarded().isPresent()
                ? "no agent of plane " + target.key()
                    + " is connected to this replica any more, and a forwarded request goes no further"
                : "no agents found for plane " + target.key()
                    + "; look for 'dial failed' in the agent's log"));
  }

  /// Refuses a request that has reached no agent; another replica that sent it here is told so.
  private static void unreached(Tries tries, HttpProblem problem) {
    if (tries.forwarded().isEmpty()) {
      refuse(tries.exchange(), tries.record(), problem);
      return;
    }
    tries.record().refused(problem.status(), problem.getMessage());
    var rendered = ProblemFormat.KUBERNETES_STATUS.render(problem.status(), problem.getMessage());
    tries
        .exchange()
        .respond(
            problem.status(),
            Headers.of("content-type", rendered.contentType())
                .with(
                    Forwarding.UNREACHED,
                    tries.notCarried().get() ? Forwarding.NOT_CARRIED : Forwarding.NO_AGENT),
            rendered.body());
  }

  private static void refuse(AsyncExchange exchange, AuditLog.Call record, HttpProblem problem) {
    record.refused(problem.status(), problem.getMessage());
    if (problem.status() < 500 && asksForDiscovery(exchange)) {
      var text = ProblemFormat.TEXT.render(problem.status(), problem.getMessage());
      exchange.respond(
          problem.status(), Headers.of("content-type", text.contentType()), text.body());
    } else {
      exchange.fail(problem);
    }
  }

  /// The discovery that precedes most of what `kubectl` does shows the text of a 4xx only when it is plain text; of a
  /// `Status` it makes "unknown".
  private static boolean asksForDiscovery(AsyncExchange exchange) {
    return exchange.head().headers().first("accept").orElse("").contains(DISCOVERY);
  }
}
