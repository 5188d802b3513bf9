package dev.buildplane.gateway;

import dev.buildplane.gateway.GatewayMetrics.Rejection;
import dev.buildplane.http.AsyncExchange;
import dev.buildplane.http.AsyncHandler;
import dev.buildplane.http.HttpProblem;
import dev.buildplane.http.LogBudget;
import dev.buildplane.http.RequestHead;
import dev.buildplane.http.WebSocketUpgrade;
import dev.buildplane.model.PlaneType;
import dev.buildplane.tunnel.GatewayTunnel;
import dev.buildplane.tunnel.TunnelSettings;
import dev.buildplane.tunnel.WebSocketHandshake;
import io.netty.channel.Channel;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// `GET /ws`: decides whether an agent may connect, with the checks, their order, the statuses and the texts of v0.17
/// (reference: gateway-agent, section 2), then turns the connection into a tunnel: HTTP/2 for agents that offer its sub-protocol, v0.17's JSON
/// messages for those that do not.
final class Admission implements AsyncHandler {
  private static final Logger log = LoggerFactory.getLogger(Admission.class);
  private static final LogBudget REFUSED = new LogBudget(log);

  private final PlaneTrust trust;
  private final AgentSessions sessions;
  private final PlaneFeed feed;
  private final TunnelSettings tunnels;
  private final InstantSource clock;
  private final GatewayMetrics metrics;

  Admission(
      PlaneTrust trust,
      AgentSessions sessions,
      PlaneFeed feed,
      TunnelSettings tunnels,
      InstantSource clock,
      GatewayMetrics metrics) {
    this.trust = trust;
    this.sessions = sessions;
    this.feed = feed;
    this.tunnels = tunnels;
    this.clock = clock;
    this.metrics = metrics;
  }

  @Override
  public void handle(AsyncExchange exchange) {
    var head = exchange.head();
    // Building certificate paths takes milliseconds where many resources share a planeID: not on the event loop.
    Thread.ofVirtual().name("admission").start(() -> {
      try {
        var plane = admit(head);
        exchange.eventLoop().execute(() -> upgrade(exchange, plane));
      } catch (Refused refused) {
        metrics.agentRejected(refused.why);
        REFUSED.info("agent from {} refused: {}", head.remoteAddress(), refused.getMessage());
        exchange
            .eventLoop()
            .execute(
                () -> exchange.fail(new HttpProblem(refused.why.status(), refused.getMessage())));
      } catch (RuntimeException e) {
        metrics.agentRejected(Rejection.FAILURE);
        log.error("admission of an agent from {} failed", head.remoteAddress(), e);
        exchange
            .eventLoop()
            .execute(() ->
                exchange.fail(new HttpProblem(500, "admission failed; see the gateway's log")));
      }
    });
  }

  /// Turns an agent away.
  private static final class Refused extends Exception {
    private final Rejection why;
    private final String text;

    Refused(Rejection why, String text) {
      super(text, null, false, false);
      this.why = why;
      this.text = text;
    }

    @Override
    public String getMessage() {
      return text;
    }
  }

  /// The plane the agent may serve.
  private PlaneKey admit(RequestHead head) throws Refused {
    var typeName = query(head, "planeType");
    var planeID = query(head, "planeID");
    if (typeName.isEmpty()) {
      throw new Refused(Rejection.BAD_REQUEST, "missing planeType parameter");
    }
    if (planeID.isEmpty()) {
      throw new Refused(Rejection.BAD_REQUEST, "missing planeID parameter");
    }
    var type = PlaneType.ofWire(typeName)
        .orElseThrow(() -> new Refused(
            Rejection.BAD_REQUEST,
            "invalid planeType: must be 'dataplane', 'buildplane', or 'observabilityplane'"));
    if (head.peerCertificates().isEmpty()) {
      throw new Refused(Rejection.NO_CERTIFICATE, "no client certificate presented");
    }
    if (!trust.synced()) {
      throw new Refused(
          Rejection.NOT_SYNCED,
          "client certificate verification failed: failed to get client CA configurations: "
              + "the gateway has not read the plane resources from its API server yet");
    }
    var plane = new PlaneKey(type, planeID);
    if (trust.of(plane).isEmpty()) {
      throw new Refused(
          Rejection.UNKNOWN_PLANE,
          "client certificate verification failed: no " + typeName + " CRs found with planeID '"
              + planeID + "'");
    }
    if (sessions.judge(plane, head.peerCertificates()).grants().isEmpty()) {
      var text =
          "client certificate verification failed: certificate not valid for any CR with planeID '"
              + planeID + "'";
      feed.rejected(plane, text, head.peerCertificates().getFirst());
      throw new Refused(Rejection.UNTRUSTED, text);
    }
    return plane;
  }

  private void upgrade(AsyncExchange exchange, PlaneKey plane) {
    if (exchange.closed()) {
      return;
    }
    var request = exchange.head();
    try {
      if (!request.upgradeRequested() || !request.headerHasToken("upgrade", "websocket")) {
        throw new HttpProblem(400, "expected a WebSocket handshake");
      }
      // An agent of v0.17 offers no sub-protocol, and one that offers only others gets none.
      boolean streams =
          WebSocketUpgrade.offered(request.headers()).contains(WebSocketHandshake.H2_PROTOCOL);
      var answer = WebSocketUpgrade.answer(
              request.headers(), streams ? WebSocketHandshake.H2_PROTOCOL : "")
          .with(Forwarding.REPLICA, feed.replica().toString());
      exchange.takeOver(answer, channel -> connect(channel, request, plane, streams));
    } catch (HttpProblem problem) {
      metrics.agentRejected(Rejection.PROTOCOL);
      exchange.fail(problem);
    }
  }

  private void connect(Channel channel, RequestHead request, PlaneKey plane, boolean streams) {
    var handshake = new DefaultHttpHeaders();
    request.headers().fields().forEach(field -> handshake.add(field.name(), field.value()));
    channel.config().setAutoRead(true);
    var tunnel = streams
        ? GatewayTunnel.install(channel, handshake, List.of(), tunnels)
        : GatewayTunnel.installJson(channel, handshake, List.of(), tunnels);
    tunnel.up().thenAccept(_ -> {
      metrics.agentConnected();
      sessions.connected(new AgentSession(
          UUID.randomUUID(),
          plane,
          request.peerCertificates(),
          clock.instant(),
          tunnel,
          tunnel.agentMetadata()));
    });
  }

  /// The one value of a parameter; empty when there is none. A second one is refused, as whoever reads the query next may take
  /// the other.
  private static String query(RequestHead head, String name) throws Refused {
    var values = new ArrayList<String>();
    for (var pair : head.rawQuery().split("&", -1)) {
      int equals = pair.indexOf('=');
      var key = equals < 0 ? pair : pair.substring(0, equals);
      if (decoded(key).equals(Optional.of(name))) {
        values.add(equals < 0 ? "" : decoded(pair.substring(equals + 1)).orElse(""));
      }
    }
    if (values.size() > 1) {
      throw new Refused(
          Rejection.BAD_REQUEST, "expected one " + name + " parameter, found " + values.size());
    }
    return values.isEmpty() ? "" : values.getFirst();
  }

  private static Optional<String> decoded(String text) {
    try {
      return Optional.of(URLDecoder.decode(text, StandardCharsets.UTF_8));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }
}
