package dev.buildplane.gateway;

import dev.buildplane.http.HttpProblem;
import dev.buildplane.http.RequestHead;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.PlaneScope;
import dev.buildplane.model.PlaneType;
import java.util.Set;

/// Where a proxied request is to go: `/api/proxy/{planeType}/{planeID}/{namespace|_cluster}/{crName}/{target}/{path...}`.
///
/// @param uri path and query for the target, byte for byte as they came
record ProxyTarget(PlaneRef plane, PlaneKey key, String target, String uri) {
  static final String PREFIX = "/api/proxy/";

  private static final String CLUSTER = "_cluster";
  private static final int ROUTING_SEGMENTS = 5;
  private static final Set<String> PIPES = Set.of("exec", "attach", "portforward", "proxy");
  private static final int MAX_NAME_CHARS = 253;

  /// Splits a request path that the server has found free of dot segments, back-slashes and NULs.
  ///
  /// @throws HttpProblem 400 or 404
  static ProxyTarget parse(RequestHead head) {
    var parts = head.rawPath().substring(PREFIX.length()).split("/", ROUTING_SEGMENTS + 1);
    if (parts.length < ROUTING_SEGMENTS) {
      throw new HttpProblem(
          400,
          "invalid proxy URL format: /api/proxy/{planeType}/{planeID}/{namespace}/{crName}/{target}/{path}");
    }
    var type = PlaneType.ofWire(parts[0])
        .orElseThrow(() -> new HttpProblem(
            404,
            "plane type: expected dataplane, buildplane or observabilityplane, found '" + parts[0]
                + "'"));
    var planeID = name("planeID", parts[1]);
    var ref = parts[2].equals(CLUSTER)
        ? new PlaneRef(
            PlaneKind.of(type, PlaneScope.CLUSTER), null, name("resource name", parts[3]))
        : new PlaneRef(
            PlaneKind.of(type, PlaneScope.NAMESPACED),
            name("namespace", parts[2]),
            name("resource name", parts[3]));
    var path = "/" + (parts.length > ROUTING_SEGMENTS ? parts[ROUTING_SEGMENTS] : "");
    return new ProxyTarget(
        ref,
        new PlaneKey(type, planeID),
        name("target", parts[4]),
        head.rawQuery().isEmpty() ? path : path + "?" + head.rawQuery());
  }

  /// Names in routing segments need no percent-encoding, so none is accepted: an encoded slash would be one.
  private static String name(String what, String segment) {
    if (!isName(segment)) {
      throw new HttpProblem(
          400,
          what + ": expected lower-case letters, digits, '-' and '.', found '" + segment + "'");
    }
    return segment;
  }

  private static boolean isName(String segment) {
    int last = segment.length() - 1;
    if (last < 0 || last >= MAX_NAME_CHARS) {
      return false;
    }
    for (int i = 0; i <= last; i++) {
      char c = segment.charAt(i);
      boolean alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
      if (!alphanumeric && (i == 0 || i == last || (c != '-' && c != '.'))) {
        return false;
      }
    }
    return true;
  }

  /// The Kubernetes verb a call is authorised for. That of its method, as for `services/proxy`; but what opens a pipe into the plane is
  /// `create`, though a WebSocket is opened by a `GET`: who may look at a plane may not run commands there.
  static String verb(RequestHead head) {
    var verb = verb(head.method());
    return head.upgradeRequested() && opensPipe(head) ? "create" : verb;
  }

  /// Everything but a watch, and whatever ends like a pipe even where it says that it is a watch.
  private static boolean opensPipe(RequestHead head) {
    var segments = StreamingCall.decoded(head.rawPath()).orElse("").split("/");
    return !StreamingCall.is(false, head.rawPath() + "?" + head.rawQuery())
        || segments.length == 0
        || PIPES.contains(segments[segments.length - 1]);
  }

  private static String verb(String method) {
    return switch (method) {
      case "GET", "HEAD", "OPTIONS" -> "get";
      case "POST" -> "create";
      case "PUT" -> "update";
      case "PATCH" -> "patch";
      case "DELETE" -> "delete";
      default -> throw new HttpProblem(405, "HTTP method not allowed: " + method);
    };
  }
}
