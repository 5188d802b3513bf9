package dev.buildplane.gateway;

import dev.buildplane.http.Headers;
import dev.buildplane.http.RequestHead;
import dev.buildplane.tracing.TraceContext;
import io.netty.handler.codec.http.DefaultHttpHeadersFactory;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpHeadersFactory;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/// Which headers cross the gateway. Towards the plane: those listed here and nothing else, so identity headers
/// (`Authorization`, `Impersonate-*`, `X-Remote-*`, cookies) cannot pass whatever they are called. Back to the caller:
/// all but connection-level ones.
final class ProxyHeaders {
  private static final Set<String> REQUEST = Set.of(
      "accept",
      "accept-encoding",
      "cache-control",
      "content-encoding",
      "content-language",
      "content-length",
      "content-type",
      "if-match",
      "if-modified-since",
      "if-none-match",
      "range",
      "traceparent",
      "tracestate",
      "user-agent");

  /// How the names of a trace's headers begin.
  private static final String TRACE = "trace";

  private static final Set<String> UPGRADE = Set.of(
      "sec-websocket-key",
      "sec-websocket-version",
      "sec-websocket-protocol",
      "upgrade",
      "x-stream-protocol-version");

  private static final Set<String> HOP_BY_HOP = Set.of(
      "connection",
      "keep-alive",
      "proxy-authenticate",
      "proxy-connection",
      "te",
      "trailer",
      "transfer-encoding",
      "upgrade");

  private static final HttpHeadersFactory FORWARDED =
      DefaultHttpHeadersFactory.headersFactory().withValidation(false);

  /// Protocols an upgrade may ask for; a request that asks for another goes on as if it had not asked (RFC 9110 section 7.8).
  static final List<String> PROTOCOLS = List.of("websocket", "spdy/3.1");

  /// Fields that mean something before a body and must not come after it (RFC 9110 section 6.5.1).
  private static final Set<String> NEVER_TRAILERS = Set.of(
      "authorization",
      "cache-control",
      "content-encoding",
      "content-length",
      "content-range",
      "content-type",
      "host",
      "location",
      "set-cookie",
      "www-authenticate");

  private ProxyHeaders() {}

  /// Whether the request asks for an upgrade that a tunnel carries.
  static boolean upgrades(RequestHead head) {
    return head.upgradeRequested()
        && PROTOCOLS.stream().anyMatch(protocol -> head.headerHasToken("upgrade", protocol));
  }

  /// The trailers of a plane's answer for the caller. Those of a request stop at the gateway: there is none that a Kubernetes
  /// API server reads, and a target that merges them with the headers would take `Authorization` from them.
  static Headers trailersBack(HttpHeaders trailers) {
    return new Headers(back(trailers).fields().stream()
        .filter(field -> !NEVER_TRAILERS.contains(field.name()))
        .toList());
  }

  /// The headers of the request to the plane.
  static HttpHeaders forward(RequestHead head, String target) {
    boolean upgrade = upgrades(head);
    var nominated = nominated(head.headers().all("connection"));
    // What is copied was checked when it came in.
    var out = FORWARDED.newHeaders().set("host", target);
    boolean traced = false;
    for (var field : head.headers().fields()) {
      boolean passes = REQUEST.contains(field.name()) && !nominated.contains(field.name());
      if (passes || (upgrade && UPGRADE.contains(field.name()))) {
        out.add(field.name(), field.value());
        traced |= field.name().startsWith(TRACE);
      }
    }
    if (traced) {
      keepWellFormed(out);
    }
    out.set("x-request-id", head.requestId());
    if (upgrade) {
      out.set("connection", "Upgrade");
    }
    return out;
  }

  /// What is no trace context would be one trace less to whoever reads it next, or one of another's.
  private static void keepWellFormed(HttpHeaders out) {
    var said =
        TraceContext.of(out.getAll(TraceContext.TRACEPARENT), out.getAll(TraceContext.TRACESTATE));
    out.remove(TraceContext.TRACEPARENT).remove(TraceContext.TRACESTATE);
    said.ifPresent(context -> {
      out.set(TraceContext.TRACEPARENT, context.traceparent());
      if (!context.tracestate().isEmpty()) {
        out.set(TraceContext.TRACESTATE, context.tracestate());
      }
    });
  }

  /// The headers of the plane's answer for the caller.
  static Headers back(HttpHeaders answer) {
    var nominated = nominated(answer.getAll("connection"));
    var fields = new ArrayList<Headers.Field>();
    for (Map.Entry<String, String> entry : answer) {
      var name = entry.getKey().toLowerCase(Locale.ROOT);
      if (!HOP_BY_HOP.contains(name) && !nominated.contains(name)) {
        fields.add(new Headers.Field(name, entry.getValue()));
      }
    }
    return new Headers(fields);
  }

  /// The headers of a plane's 101 for the caller; the server adds `connection`.
  static Headers switched(HttpHeaders answer) {
    var upgrade = answer.get("upgrade");
    var headers = back(answer);
    return upgrade == null ? headers : headers.with("upgrade", upgrade);
  }

  private static Set<String> nominated(Collection<String> connection) {
    if (connection.isEmpty()) {
      return Set.of();
    }
    var names = new HashSet<String>();
    for (var value : connection) {
      for (var token : value.split(",", -1)) {
        names.add(token.strip().toLowerCase(Locale.ROOT));
      }
    }
    return names;
  }
}
