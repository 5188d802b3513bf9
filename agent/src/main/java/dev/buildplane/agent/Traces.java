package dev.buildplane.agent;

import dev.buildplane.tracing.Span;
import dev.buildplane.tracing.TraceContext;
import dev.buildplane.tracing.Tracing;
import io.netty.handler.codec.http.HttpRequest;

/// Begins the spans of an agent's streams. Exists only where tracing is on. Thread-safe.
record Traces(Tracing tracing, String planeType, String planeId) {
  /// Names spans, so it has no part of a path in it.
  static final String ROUTE = "/{path}";

  /// The span of a request as it came through the tunnel.
  StreamTrace begin(HttpRequest request) {
    var method = request.method().name();
    var headers = request.headers();
    var sender = TraceContext.of(
        headers.getAll(TraceContext.TRACEPARENT), headers.getAll(TraceContext.TRACESTATE));
    var stream = tracing
        .server(Span.method(method) + " " + ROUTE, sender)
        .requested(method)
        .text("http.route", ROUTE)
        .text("url.path", path(request.uri()))
        .text("buildplane.plane.type", planeType)
        .text("buildplane.plane.id", planeId);
    var id = headers.get("x-request-id");
    if (id != null) {
      stream.text("buildplane.request.id", id);
    }
    return new StreamTrace(stream, method, lasts(request.uri()));
  }

  /// Without the query, which may hold what a caller typed.
  private static String path(String uri) {
    int question = uri.indexOf('?');
    return question < 0 ? uri : uri.substring(0, question);
  }

  /// As the gateway's metrics tell them apart.
  private static boolean lasts(String uri) {
    return uri.contains("watch=true") || uri.contains("watch=1") || uri.contains("follow=true");
  }
}
