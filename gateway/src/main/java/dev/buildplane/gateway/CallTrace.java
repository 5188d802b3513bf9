package dev.buildplane.gateway;

import dev.buildplane.gateway.GatewayMetrics.End;
import dev.buildplane.gateway.GatewayMetrics.Verb;
import dev.buildplane.http.Principal;
import dev.buildplane.http.RequestHead;
import dev.buildplane.tracing.Span;
import dev.buildplane.tracing.TraceContext;
import dev.buildplane.tracing.Tracing;
import io.netty.handler.codec.http.HttpHeaders;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/// The spans of one proxied call: one for the call, below it one for each attempt to send it on. Exists only where tracing is on. Used on the
/// caller's event loop.
///
/// Never a query, a header's value or a token: those may carry what nobody else is to read.
final class CallTrace {
  /// Names spans, so it has no part of a path in it.
  static final String ROUTE =
      ProxyTarget.PREFIX + "{planeType}/{planeID}/{namespace}/{name}/{target}/{path}";

  private final Span call;
  private final String method;
  private final boolean lasting;
  private @Nullable Span attempt;
  private @Nullable End end;
  private boolean closed;
  private int status;

  private CallTrace(Span call, RequestHead head) {
    this.call = call;
    this.method = head.method();
    var verb = Verb.of(method, head.rawQuery(), head.upgradeRequested());
    this.lasting = verb == Verb.WATCH || verb == Verb.CONNECT;
  }

  static CallTrace begin(Tracing tracing, RequestHead head, Principal caller, String replica) {
    var span = tracing
        .server(Span.method(head.method()) + " " + ROUTE, sender(head))
        .requested(head.method())
        .text("http.route", ROUTE)
        .text("url.scheme", "https")
        .text("url.path", head.rawPath())
        .text(
            "network.protocol.version",
            head.protocol().substring(head.protocol().indexOf('/') + 1))
        .text("enduser.id", caller.user())
        .text("buildplane.request.id", head.requestId())
        .text("buildplane.replica", replica);
    return new CallTrace(span, head);
  }

  private static Optional<TraceContext> sender(RequestHead head) {
    return TraceContext.of(
        head.headers().all(TraceContext.TRACEPARENT), head.headers().all(TraceContext.TRACESTATE));
  }

  String traceId() {
    return call.traceId();
  }

  void target(ProxyTarget to) {
    call.text("buildplane.plane.kind", to.plane().kind().kind())
        .text("buildplane.plane.id", to.key().planeID())
        .text("buildplane.plane.name", to.plane().name())
        .text("buildplane.target", to.target());
    var namespace = to.plane().namespace();
    if (namespace != null) {
      call.text("buildplane.plane.namespace", namespace);
    }
  }

  /// The caller is whom the first replica names.
  void forwardedBy(Forwarding by) {
    call.text("enduser.id", by.caller().user()).text("buildplane.forwarded.by", by.by());
  }

  /// The next attempt goes over that connection of an agent.
  void toAgent(UUID connection, ProxyTarget to) {
    attempt = leg("tunnel")
        .text("server.address", to.target())
        .text("buildplane.connection", connection.toString());
  }

  /// The next attempt goes to that replica.
  void toReplica(String replica, PeerAddress address) {
    attempt = leg("replica")
        .text("server.address", address.host())
        .number("server.port", address.address().getPort())
        .text("buildplane.replica", replica);
  }

  private Span leg(String over) {
    return call.client(Span.method(method) + " " + over).requested(method);
  }

  /// Marks the request of the attempt, in place of what the caller's said.
  void propagate(HttpHeaders request) {
    if (attempt != null) {
      attempt.replaceIn(request::remove, request::set);
    }
  }

  void answered(int code) {
    if (attempt != null) {
      attempt.answered(code);
      if (code >= 400) {
        attempt.failed(Integer.toString(code));
      }
    }
  }

  /// The attempt is over; after [#closed] the call is, too.
  void ended(End why) {
    end = why;
    if (attempt != null) {
      mark(attempt, why);
      attempt.end();
      attempt = null;
    }
    if (closed) {
      finish();
    }
  }

  /// The caller has its answer, or has gone; what is open ends with it.
  ///
  /// @param code of the answer, 0: there was none
  void closed(int code) {
    closed = true;
    status = code;
    if (attempt == null) {
      finish();
    }
  }

  private void finish() {
    call.answered(status);
    if (end != null && end != End.COMPLETED) {
      mark(call, end);
    } else if (status >= 500) {
      call.failed(Integer.toString(status));
    } else if (status == 0) {
      call.failed(End.CANCELLED);
    }
    call.end();
  }

  /// To leave a watch or a pipe is how it ends.
  private void mark(Span span, End why) {
    if (why != End.COMPLETED && !(lasting && why == End.CANCELLED)) {
      span.failed(why);
    }
  }
}
