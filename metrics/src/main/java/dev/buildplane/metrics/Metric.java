package dev.buildplane.metrics;

import java.util.List;

/// Every metric of the product: the one place that knows their names, labels and what to do about them. Names are public API:
/// dashboards and alerts match on them; add freely, never rename. `docs/reference/metrics.md` is rendered from here.
///
/// Names follow controller-runtime where it has one, else they begin with `buildplane_`, in base units. Values of labels come
/// from closed sets, or from the names of plane resources, which administrators choose.
public enum Metric {
  RECONCILES(
      "controller_runtime_reconcile_total",
      Type.COUNTER,
      List.of("controller", "result"),
      "Passes over resources that ended, by result: success or error.",
      "A rate that stays at zero while resources change: look whether the operator follows its API server."),
  RECONCILE_ERRORS(
      "controller_runtime_reconcile_errors_total",
      Type.COUNTER,
      List.of("controller"),
      "Passes over resources that failed and are tried again.",
      "A rate above zero for ten minutes: the operator's log names the resource and the error."),
  RECONCILE_TIME(
      "controller_runtime_reconcile_time_seconds",
      Type.TIMER,
      List.of("controller"),
      "Duration of passes.",
      "A 99th percentile above 10 s: the API server, or a plane, answers slowly."),
  QUEUE_DEPTH(
      "workqueue_depth",
      Type.GAUGE,
      List.of("name"),
      "Resources that wait for a pass.",
      "Growing for ten minutes: passes are slower than changes; see controller_runtime_reconcile_time_seconds."),
  QUEUE_ADDS(
      "workqueue_adds_total",
      Type.COUNTER,
      List.of("name"),
      "Events that asked for a pass.",
      "Hundreds per second without changes: something writes in a loop; see the managers in managedFields."),
  QUEUE_RETRIES(
      "workqueue_retries_total",
      Type.COUNTER,
      List.of("name"),
      "Passes that repeat a failed one.",
      "As controller_runtime_reconcile_errors_total."),
  PLANE_READY(
      "buildplane_plane_ready",
      Type.GAUGE,
      List.of("kind", "namespace", "name"),
      "1 while the condition Ready of the plane is True, else 0. Namespace is empty for cluster-scoped kinds.",
      "0 for five minutes: kubectl describe the plane; the first condition that is not True says what to do."),
  PLANE_AGENTS(
      "buildplane_plane_agents",
      Type.GAUGE,
      List.of("kind", "namespace", "name"),
      "Agents connected and authorised for the plane resource.",
      "Fewer than the replicas of the agent for five minutes: see the agent's log."),
  CERTIFICATE_EXPIRY(
      "buildplane_certificate_expiry_timestamp_seconds",
      Type.GAUGE,
      List.of("kind", "namespace", "name", "certificate"),
      "Unix time at which a certificate of the plane expires: client-ca, the last valid CA of the bundle; agent, the newest"
          + " certificate of a connected agent.",
      "Less than 30 days ahead of time(): renew it; the condition CertificatesCurrent says how."),
  GATEWAY_AGENTS(
      "buildplane_gateway_agents",
      Type.GAUGE,
      List.of("plane_type", "protocol"),
      "Agents connected now.",
      "Zero while planes should be reachable: see buildplane_gateway_agent_rejections_total."),
  GATEWAY_STREAMS(
      "buildplane_gateway_streams",
      Type.GAUGE,
      List.of(),
      "Tunnel streams open now.",
      "Growing without more callers: callers leave watches open."),
  GATEWAY_AGENT_CONNECTIONS(
      "buildplane_gateway_agent_connections_total",
      Type.COUNTER,
      List.of(),
      "Agents that connected since start.",
      "A steady rate: agents lose their connection; see the reasons in the gateway's log."),
  GATEWAY_AGENT_REJECTIONS(
      "buildplane_gateway_agent_rejections_total",
      Type.COUNTER,
      List.of("code"),
      "Agents turned away, by status.",
      "401 repeating: an agent has a certificate no plane resource trusts; the plane's condition AgentConnected names it."),
  GATEWAY_PROXY_REQUESTS(
      "buildplane_gateway_proxy_requests_total",
      Type.COUNTER,
      List.of("code"),
      "Proxied requests that ended, by class of status; none: the caller left first.",
      "5xx above one in a hundred: an agent is away or its API server fails."),
  GATEWAY_PEERS(
      "buildplane_gateway_peers",
      Type.GAUGE,
      List.of(),
      "Other replicas of the gateway followed now.",
      "Fewer than there are for longer than half a minute: this replica's log says why it cannot follow them."),
  GATEWAY_ROUTES(
      "buildplane_gateway_route_total",
      Type.COUNTER,
      List.of("way"),
      "Ways tried for proxied requests: local, to an agent here; forwarded_out, to another replica; forwarded_in, from one.",
      "Nearly all forwarded: agents are at few replicas; see that they know the addresses of all.");

  /// What Prometheus sees.
  public enum Type {
    /// Only grows, from zero at the start of the process.
    COUNTER,
    /// A value as it is now.
    GAUGE,
    /// Durations in seconds, as a histogram.
    TIMER
  }

  private final String id;
  private final Type type;

  @SuppressWarnings("ImmutableEnumChecker") // only ever List.of
  private final List<String> labels;

  private final String help;
  private final String action;

  Metric(String id, Type type, List<String> labels, String help, String action) {
    this.id = id;
    this.type = type;
    this.labels = labels;
    this.help = help;
    this.action = action;
  }

  /// The name in the exposition; of a timer without `_count`, `_sum` and `_bucket`.
  public String id() {
    return id;
  }

  public Type type() {
    return type;
  }

  /// Names of the labels, in the order in which values are given.
  public List<String> labels() {
    return labels;
  }

  public String help() {
    return help;
  }

  /// When and what to do about it.
  public String action() {
    return action;
  }
}
