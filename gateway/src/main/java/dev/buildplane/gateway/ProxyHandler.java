package dev.buildplane.gateway;

import dev.buildplane.http.AsyncExchange;
import dev.buildplane.http.AsyncHandler;
import dev.buildplane.http.Headers;
import dev.buildplane.http.HttpProblem;
import dev.buildplane.http.ProblemFormat;
import java.time.Duration;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// `/api/proxy/...`: finds the plane, asks whether the caller may, picks a connection of the plane and starts a
/// [ProxyCall] on it. Runs on the caller's event loop.
final class ProxyHandler implements AsyncHandler {
  private static final Logger log = LoggerFactory.getLogger(ProxyHandler.class);

  /// Connections of a plane that a call is tried on. The second is tried only when the first has certainly done nothing with the request.
  private static final int MAX_TRIES = 2;

  private static final String DISCOVERY = "as=APIGroupDiscoveryList";

  private final PlaneTrust trust;
  private final AgentSessions sessions;
  private final CallerAuthorizer authorizer;
  private final AuditLog audit;
  private final GatewayMetrics metrics;
  private final Duration answerDeadline;

  ProxyHandler(
      PlaneTrust trust,
      AgentSessions sessions,
      CallerAuthorizer authorizer,
      AuditLog audit,
      GatewayMetrics metrics,
      Duration answerDeadline) {
    this.trust = trust;
    this.sessions = sessions;
    this.authorizer = authorizer;
    this.audit = audit;
    this.metrics = metrics;
    this.answerDeadline = answerDeadline;
  }

  @Override
  public void handle(AsyncExchange exchange) {
    AuditLog.Call record;
    try {
      record = audit.begin(exchange.head(), exchange.principal());
    } catch (HttpProblem problem) {
      exchange.fail(problem);
      return;
    }
    exchange.onClose(() -> {
      audit.end(record);
      metrics.proxied(record.status());
    });
    try {
      var target = ProxyTarget.parse(exchange.head());
      var verb = ProxyTarget.verb(exchange.head().method());
      record.target(target, verb);
      authorizer
          .authorize(exchange.principal(), new CallerAuthorizer.Access.Proxy(target.plane(), verb))
          .whenComplete((decision, failure) ->
              onLoop(exchange, () -> decided(exchange, target, record, decision, failure)));
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
      AsyncExchange exchange,
      ProxyTarget target,
      AuditLog.Call record,
      CallerAuthorizer.Decision decision,
      @org.jspecify.annotations.Nullable Throwable failure) {
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
          record,
          new HttpProblem(
              503, "the hub's API server could not be asked whether you may; try again"));
      return;
    }
    if (!decision.allowed()) {
      refuse(
          exchange,
          record,
          new HttpProblem(
              403,
              "user '" + exchange.principal().user() + "' may not "
                  + ProxyTarget.verb(exchange.head().method()) + " "
                  + target.plane().kind().plural() + "/proxy of " + target.plane()
                  + "; grant it by RBAC"));
      return;
    }
    try {
      checkPlane(target);
    } catch (HttpProblem problem) {
      refuse(exchange, record, problem);
      return;
    }
    attempt(exchange, target, record, new HashSet<>());
  }

  private void checkPlane(ProxyTarget target) {
    var entry = trust.find(target.plane()).orElse(null);
    if (entry == null) {
      throw new HttpProblem(
          trust.synced() ? 404 : 503,
          trust.synced()
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

  private void attempt(
      AsyncExchange exchange, ProxyTarget target, AuditLog.Call record, Set<UUID> tried) {
    var session =
        sessions.pick(target.plane(), target.key(), tried, exchange.eventLoop()).orElse(null);
    if (session == null) {
      noAgent(exchange, target, record);
      return;
    }
    tried.add(session.id());
    record.connection(session.id());
    if (!session.streams() && StreamingCall.is(exchange.head(), target)) {
      refuse(exchange, record, StreamingCall.notCarried(target));
      return;
    }
    boolean repeatable = tried.size() < MAX_TRIES;
    new ProxyCall(exchange, session, target, record, answerDeadline)
        .begin(
            repeatable
                ? Optional.of(() -> attempt(exchange, target, record, tried))
                : Optional.empty());
  }

  private void noAgent(AsyncExchange exchange, ProxyTarget target, AuditLog.Call record) {
    boolean others = !sessions.of(target.key()).isEmpty();
    boolean authorized = sessions.of(target.key()).stream()
        .anyMatch(session -> session.authorized().contains(target.plane()));
    if (others && !authorized) {
      refuse(
          exchange,
          record,
          new HttpProblem(
              403,
              "Forbidden: Agent not authorized for CR " + target.plane().key()
                  + "; its clientCA trusts none of the connected agents' certificates"));
      return;
    }
    var message =
        "no agents found for plane " + target.key() + "; look for 'dial failed' in the agent's log";
    refuse(exchange, record, new HttpProblem(503, message));
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
