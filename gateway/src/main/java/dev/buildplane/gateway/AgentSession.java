package dev.buildplane.gateway;

import dev.buildplane.http.RequestHead;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.tunnel.GatewayTunnel;
import dev.buildplane.tunnel.TunnelProtocol;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.util.concurrent.Future;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/// One connected agent: its tunnel, what it may serve, and the calls in progress on it. `authorized` and `trustEnds`
/// are written by [AgentSessions] under its lock and read anywhere.
final class AgentSession implements Carrier {
  private final UUID id;
  private final PlaneKey plane;
  private final List<X509Certificate> chain;
  private final Instant connectedAt;
  private final GatewayTunnel tunnel;
  private final Map<String, String> agent;
  private final Map<ProxyCall, PlaneRef> calls = new ConcurrentHashMap<>();
  private volatile Set<PlaneRef> authorized = Set.of();
  private volatile Instant trustEnds = Instant.MAX;

  AgentSession(
      UUID id,
      PlaneKey plane,
      List<X509Certificate> chain,
      Instant connectedAt,
      GatewayTunnel tunnel,
      Map<String, String> agent) {
    this.id = id;
    this.plane = plane;
    this.chain = List.copyOf(chain);
    this.connectedAt = connectedAt;
    this.tunnel = tunnel;
    this.agent = Map.copyOf(agent);
  }

  UUID id() {
    return id;
  }

  PlaneKey plane() {
    return plane;
  }

  List<X509Certificate> chain() {
    return chain;
  }

  Instant connectedAt() {
    return connectedAt;
  }

  GatewayTunnel tunnel() {
    return tunnel;
  }

  Map<String, String> agent() {
    return agent;
  }

  /// What tells agents apart: the instance, or the connection where an agent does not name one, as those of v0.17.
  String instance() {
    var named = agent.getOrDefault(AgentSessions.INSTANCE, "");
    return named.isEmpty() ? id.toString() : named;
  }

  Set<PlaneRef> authorized() {
    return authorized;
  }

  Instant trustEnds() {
    return trustEnds;
  }

  void judged(Set<PlaneRef> grants, Instant until) {
    authorized = Set.copyOf(grants);
    trustEnds = until;
  }

  boolean takesCallsFor(PlaneRef ref) {
    return authorized.contains(ref) && tunnel.isUp() && !tunnel.isDraining();
  }

  /// Whether it carries watches, followed logs, upgrades and bodies of any size.
  boolean streams() {
    return tunnel.protocol() == TunnelProtocol.H2;
  }

  /// Keys of what it may serve, sorted.
  Set<String> authorizedKeys() {
    var keys = new TreeSet<String>();
    authorized.forEach(ref -> keys.add(ref.key()));
    return keys;
  }

  @Override
  public HttpRequest request(RequestHead head, ProxyTarget target, boolean whole) {
    return Carrier.request(
        head.method(), target.uri(), ProxyHeaders.forward(head, target.target()), whole);
  }

  @Override
  public Future<Channel> open(ChannelHandler handler, boolean upgrade) {
    return tunnel.openStream(handler);
  }

  @Override
  public boolean allows(PlaneRef ref) {
    return authorized.contains(ref);
  }

  @Override
  public boolean unreached(HttpResponse answer) {
    return false; // whatever an agent answers, it has the request
  }

  @Override
  public void began(ProxyCall call, PlaneRef ref) {
    calls.put(call, ref);
  }

  @Override
  public void ended(ProxyCall call) {
    calls.remove(call);
  }

  /// Calls in progress.
  int calls() {
    return calls.size();
  }

  /// The connection is about to go.
  void endWatches() {
    calls.keySet().forEach(ProxyCall::leaving);
  }

  /// Ends the calls made for resources that no longer trust this agent.
  void endRevokedCalls() {
    var granted = authorized;
    calls.forEach((call, ref) -> {
      if (!granted.contains(ref)) {
        call.revoked();
      }
    });
  }
}
