package dev.buildplane.gateway;

import dev.buildplane.metrics.Metric;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/// The counters of `/metrics`. Label values come from closed sets. Thread-safe.
final class GatewayMetrics {
  private final LongAdder agentsConnected = new LongAdder();
  private final Map<Integer, LongAdder> agentsRejected = new ConcurrentHashMap<>();
  private final Map<Integer, LongAdder> proxied = new ConcurrentHashMap<>();

  private final LongAdder local = new LongAdder();
  private final LongAdder forwardedOut = new LongAdder();
  private final LongAdder forwardedIn = new LongAdder();

  /// A call goes to an agent of this replica.
  void local() {
    local.increment();
  }

  /// A call goes to another replica.
  void forwardedOut() {
    forwardedOut.increment();
  }

  /// A call came from another replica.
  void forwardedIn() {
    forwardedIn.increment();
  }

  void agentConnected() {
    agentsConnected.increment();
  }

  void agentRejected(int status) {
    agentsRejected.computeIfAbsent(status, _ -> new LongAdder()).increment();
  }

  /// Status 0: the caller went away before an answer began. Others are grouped by their first digit.
  void proxied(int status) {
    proxied.computeIfAbsent(status / 100, _ -> new LongAdder()).increment();
  }

  /// Prometheus text, version 0.0.4.
  String render(Iterable<AgentSession> sessions, int peers) {
    var perKind = new TreeMap<String, Integer>();
    int streams = 0;
    for (var session : sessions) {
      perKind.merge(
          "plane_type=\"" + session.plane().type().wire() + "\",protocol=\""
              + session.tunnel().protocol().wire() + "\"",
          1,
          Integer::sum);
      streams += session.tunnel().activeStreams();
    }
    var out = new StringBuilder();
    head(out, Metric.GATEWAY_AGENTS);
    perKind.forEach(
        (labels, count) -> line(out, "buildplane_gateway_agents{" + labels + "}", count));
    head(out, Metric.GATEWAY_STREAMS);
    line(out, "buildplane_gateway_streams", streams);
    head(out, Metric.GATEWAY_AGENT_CONNECTIONS);
    line(out, "buildplane_gateway_agent_connections_total", agentsConnected.sum());
    head(out, Metric.GATEWAY_AGENT_REJECTIONS);
    new TreeMap<>(agentsRejected)
        .forEach((status, count) -> line(
            out,
            "buildplane_gateway_agent_rejections_total{code=\"" + status + "\"}",
            count.sum()));
    head(out, Metric.GATEWAY_PROXY_REQUESTS);
    new TreeMap<>(proxied)
        .forEach((digit, count) -> line(
            out,
            "buildplane_gateway_proxy_requests_total{code=\"" + (digit == 0 ? "none" : digit + "xx")
                + "\"}",
            count.sum()));
    head(out, Metric.GATEWAY_PEERS);
    line(out, "buildplane_gateway_peers", peers);
    head(out, Metric.GATEWAY_ROUTES);
    line(out, "buildplane_gateway_route_total{way=\"local\"}", local.sum());
    line(out, "buildplane_gateway_route_total{way=\"forwarded_out\"}", forwardedOut.sum());
    line(out, "buildplane_gateway_route_total{way=\"forwarded_in\"}", forwardedIn.sum());
    return out.toString();
  }

  private static void head(StringBuilder out, Metric metric) {
    var type = metric.type().name().toLowerCase(Locale.ROOT);
    out.append("# HELP ").append(metric.id()).append(' ').append(metric.help()).append('\n');
    out.append("# TYPE ").append(metric.id()).append(' ').append(type).append('\n');
  }

  private static void line(StringBuilder out, String series, long value) {
    out.append(series).append(' ').append(value).append('\n');
  }
}
