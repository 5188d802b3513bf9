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
      "Tunnels up now, by type of plane and protocol.",
      "Zero while planes should be reachable: see buildplane_gateway_agent_rejections_total."),
  GATEWAY_PLANE_AGENTS(
      "buildplane_gateway_plane_agents",
      Type.GAUGE,
      List.of("plane_type", "plane_id"),
      "Tunnels up now, by planeID. Beyond 1000 planes the rest is counted together as plane_id _other.",
      "A row that goes for five minutes: the agents of that plane are away; see their log."),
  GATEWAY_AGENT_SILENCE(
      "buildplane_gateway_agent_silence_seconds",
      Type.GAUGE,
      List.of(),
      "Time since the connected agent that has been silent the longest was last heard.",
      "Above 20 s: a network path is dying; the connection ends at 30 s."),
  GATEWAY_AGENT_CERTIFICATE_EXPIRY(
      "buildplane_gateway_agent_certificate_expiry_timestamp_seconds",
      Type.GAUGE,
      List.of(),
      "Unix time at which the first certificate of a connected agent expires; 0 while none is connected.",
      "Above 0 and less than 7 days ahead of time(): the condition CertificatesCurrent of planes says which."),
  GATEWAY_STREAMS(
      "buildplane_gateway_streams",
      Type.GAUGE,
      List.of(),
      "Tunnel streams open now.",
      "Growing without more callers: callers leave watches open."),
  GATEWAY_STREAMS_OPENED(
      "buildplane_gateway_streams_opened_total",
      Type.COUNTER,
      List.of(),
      "Streams asked of tunnels.",
      "Not by itself; compare with buildplane_gateway_streams_closed_total."),
  GATEWAY_STREAMS_CLOSED(
      "buildplane_gateway_streams_closed_total",
      Type.COUNTER,
      List.of("reason"),
      "Streams that ended, by reason: completed, cancelled (the caller left), deadline, connection_lost, revoked, shed, refused,"
          + " draining, reset (by the agent), protocol.",
      "shed or refused above zero: memory is short, see buildplane_tunnel_memory_used_bytes; connection_lost in bursts: agents"
          + " or the network restart; protocol at all: report it."),
  GATEWAY_AGENT_CONNECTIONS(
      "buildplane_gateway_agent_connections_total",
      Type.COUNTER,
      List.of(),
      "Agents that connected since start.",
      "A steady rate: agents lose their connection; see the reasons in the gateway's log."),
  GATEWAY_AGENT_REJECTIONS(
      "buildplane_gateway_agent_rejections_total",
      Type.COUNTER,
      List.of("code", "reason"),
      "Agents turned away, by status and reason: bad_request, no_certificate, not_synced, unknown_plane, untrusted, protocol,"
          + " failure.",
      "untrusted repeating: an agent has a certificate no plane resource trusts; the plane's condition AgentConnected names it."),
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
      "Nearly all forwarded: agents are at few replicas; see that they know the addresses of all."),
  GATEWAY_REQUEST_DURATION(
      "buildplane_gateway_request_duration_seconds",
      Type.TIMER,
      List.of("verb", "code"),
      "Duration of proxied requests to the end of their answer, by Kubernetes verb and class of status. watch, which stands for"
          + " followed logs too, and connect last as long as their caller wants.",
      "A 99th percentile above 1 s for get, create, update, patch or delete: the plane answers slowly, or"
          + " buildplane_tunnel_stalls_total grows."),
  GATEWAY_AUTHENTICATION_FAILURES(
      "buildplane_gateway_authentication_failures_total",
      Type.COUNTER,
      List.of("reason"),
      "Callers that could not be authenticated: no_credentials, certificate, token, unavailable (the hub could not be asked).",
      "certificate or token above zero: somebody uses old or foreign credentials; unavailable: the hub's API server is away."),
  GATEWAY_AUTHORIZATION_DENIALS(
      "buildplane_gateway_authorization_denials_total",
      Type.COUNTER,
      List.of("access"),
      "Calls of known callers that RBAC does not allow: proxy, or connections (the API about planes).",
      "Any rate: the audit log names user and plane."),
  GATEWAY_TLS_FAILURES(
      "buildplane_gateway_tls_handshake_failures_total",
      Type.COUNTER,
      List.of("listener"),
      "TLS handshakes that failed: agents or callers. Peers that left without one are not counted.",
      "Repeating: a client pins another CA, or speaks no TLS; set the log to debug to see its address."),
  GATEWAY_AUDIT_WAITING(
      "buildplane_gateway_audit_records_waiting",
      Type.GAUGE,
      List.of(),
      "Audit records that wait to be written.",
      "Above 10000: the disk of the audit log is slow; calls are refused above 32768."),
  TUNNEL_BYTES(
      "buildplane_tunnel_bytes_total",
      Type.COUNTER,
      List.of("direction"),
      "Payload of streams, sent or received by this process.",
      "Not by itself."),
  TUNNEL_STALLS(
      "buildplane_tunnel_stalls_total",
      Type.COUNTER,
      List.of("direction"),
      "Times a stream stood still for 10 ms or more: sent, the peer gave no window; received, who takes the bytes on did not.",
      "See buildplane_tunnel_stall_seconds_total."),
  TUNNEL_STALL_SECONDS(
      "buildplane_tunnel_stall_seconds_total",
      Type.COUNTER,
      List.of("direction"),
      "How long streams stood still in those stalls, counted as each ends.",
      "A rate above 1 with slow requests: one side cannot take what the other sends; look for full disks and slow links."),
  TUNNEL_STALLED(
      "buildplane_tunnel_stalled_streams",
      Type.GAUGE,
      List.of("direction"),
      "Streams that stand still now.",
      "Growing: readers do not read, and their buffers count in buildplane_tunnel_memory_used_bytes."),
  TUNNEL_MEMORY_USED(
      "buildplane_tunnel_memory_used_bytes",
      Type.GAUGE,
      List.of(),
      "Bytes that tunnels hold unread.",
      "Above half of buildplane_tunnel_memory_limit_bytes: streams are reset at three quarters, refused at seven eighths."),
  TUNNEL_MEMORY_LIMIT(
      "buildplane_tunnel_memory_limit_bytes",
      Type.GAUGE,
      List.of(),
      "Bytes that tunnels may hold unread.",
      "Too small for the load: give the process more direct memory (-XX:MaxDirectMemorySize)."),
  AGENT_TUNNELS(
      "buildplane_agent_tunnels",
      Type.GAUGE,
      List.of("state"),
      "Tunnels to the gateway: up, and wanted.",
      "up below wanted for five minutes: see buildplane_agent_dial_failures_total."),
  AGENT_DIALS(
      "buildplane_agent_dials_total",
      Type.COUNTER,
      List.of(),
      "Attempts to reach the gateway.",
      "A steady rate: tunnels do not last; see buildplane_agent_tunnels_closed_total."),
  AGENT_DIAL_FAILURES(
      "buildplane_agent_dial_failures_total",
      Type.COUNTER,
      List.of("reason"),
      "Attempts that failed: refused (by the gateway), unreachable (no connection, no TLS, no answer), other.",
      "refused: no plane resource trusts the agent's certificate; unreachable: address, firewall, or the gateway's CA."),
  AGENT_TUNNELS_CLOSED(
      "buildplane_agent_tunnels_closed_total",
      Type.COUNTER,
      List.of("reason"),
      "Tunnels that ended: drained, closed_here, closed_by_peer, silent, protocol_error, connection_lost.",
      "silent or connection_lost repeating: the network path, or a proxy on it that ends long connections."),
  AGENT_STREAMS(
      "buildplane_agent_streams",
      Type.GAUGE,
      List.of(),
      "Requests from the gateway that are under way.",
      "Growing without more builds: callers leave watches open."),
  AGENT_BACKEND_REQUESTS(
      "buildplane_agent_backend_requests_total",
      Type.COUNTER,
      List.of("target", "code"),
      "Requests, by target and class of the status answered; none: no answer was begun. Beyond 32 targets the rest is counted"
          + " as _other, names that are no target as _unknown.",
      "5xx above one in a hundred: the target fails; 4xx jumps: the agent's credentials or permissions."),
  AGENT_BACKEND_CONNECT_FAILURES(
      "buildplane_agent_backend_connect_failures_total",
      Type.COUNTER,
      List.of("target"),
      "Connections to targets that failed, by target.",
      "Above zero: the target is away, its address or its CA is wrong; the agent's answers say which."),
  AGENT_CERTIFICATE_EXPIRY(
      "buildplane_agent_certificate_expiry_timestamp_seconds",
      Type.GAUGE,
      List.of(),
      "Unix time at which the agent's certificate expires.",
      "Less than 30 days ahead of time(): renew it; the agent takes up the changed file by itself."),
  AGENT_RELOAD_FAILURES(
      "buildplane_agent_reload_failures_total",
      Type.COUNTER,
      List.of(),
      "Changed files that could not be used; what was loaded before stays.",
      "Above zero: the agent's log names the file."),
  AGENT_ROUND_TRIP(
      "buildplane_agent_round_trip_seconds",
      Type.GAUGE,
      List.of(),
      "Time from the last PING to its answer by the gateway; 0 before the first.",
      "Far above the network's own: one end is short of CPU."),
  AGENT_PERMISSIONS_MISSING(
      "buildplane_agent_permissions_missing",
      Type.GAUGE,
      List.of(),
      "Permissions that builds need and the agent does not have in its cluster.",
      "Above zero: the plane's condition AgentPermissions lists them; grant them to the agent's user.");

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
