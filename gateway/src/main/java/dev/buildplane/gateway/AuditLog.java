package dev.buildplane.gateway;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.http.Principal;
import dev.buildplane.http.RequestHead;
import dev.buildplane.model.Api;
import java.time.Instant;
import java.time.InstantSource;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

/// One `audit.k8s.io/v1` Event per proxied call, allowed or denied, as a JSON line; never a body, never a header value
/// but the user agent and the request id. Queries are left out: they may carry what a caller typed.
final class AuditLog {
  private static final String ANNOTATION = "buildplane." + Api.GROUP + "/";

  private final Consumer<String> sink;
  private final InstantSource clock;
  private final UUID replica;

  AuditLog(Consumer<String> sink, InstantSource clock, UUID replica) {
    this.sink = sink;
    this.clock = clock;
    this.replica = replica;
  }

  /// Lines at level INFO of the logger `buildplane.audit`.
  static Consumer<String> toLogger() {
    return LoggerFactory.getLogger("buildplane.audit")::info;
  }

  Call begin(RequestHead head, Principal caller) {
    return new Call(head, caller, clock.instant());
  }

  void end(Call record) {
    sink.accept(record.render(clock.instant(), replica).toString());
  }

  /// What is gathered about one call while it lasts. Used on the caller's event loop.
  static final class Call {
    private final RequestHead head;
    private final Principal caller;
    private final Instant received;
    private @Nullable ProxyTarget target;
    private @Nullable UUID connection;
    private String verb = "";
    private String message = "";
    private int status;

    private Call(RequestHead head, Principal caller, Instant received) {
      this.head = head;
      this.caller = caller;
      this.received = received;
    }

    void target(ProxyTarget to, String kubernetesVerb) {
      target = to;
      verb = kubernetesVerb;
    }

    void connection(UUID id) {
      connection = id;
    }

    void answered(int code) {
      status = code;
    }

    void refused(int code, String why) {
      if (status == 0) {
        status = code;
      }
      message = why;
    }

    /// 0 while nothing was answered.
    int status() {
      return status;
    }

    private ObjectNode render(Instant now, UUID replica) {
      var event = JsonNodeFactory.instance.objectNode();
      event
          .put("kind", "Event")
          .put("apiVersion", "audit.k8s.io/v1")
          .put("level", "Metadata")
          .put("auditID", UUID.randomUUID().toString())
          .put("stage", "ResponseComplete")
          .put("requestURI", head.rawPath())
          .put("verb", verb);
      var user = event.putObject("user").put("username", caller.user());
      caller.groups().forEach(user.putArray("groups")::add);
      event.putArray("sourceIPs").add(String.valueOf(head.remoteAddress()));
      event.put("userAgent", head.headers().first("user-agent").orElse(""));
      if (target != null) {
        var object = event
            .putObject("objectRef")
            .put("resource", target.plane().kind().plural())
            .put("subresource", "proxy")
            .put("apiGroup", Api.GROUP)
            .put("apiVersion", Api.VERSION)
            .put("name", target.plane().name());
        if (target.plane().namespace() != null) {
          object.put("namespace", target.plane().namespace());
        }
      }
      event.putObject("responseStatus").put("code", status).put("message", message);
      event
          .put("requestReceivedTimestamp", received.toString())
          .put("stageTimestamp", now.toString());
      var annotations = event
          .putObject("annotations")
          .put(ANNOTATION + "request-id", head.requestId())
          .put(ANNOTATION + "replica", replica.toString());
      if (target != null) {
        annotations
            .put(ANNOTATION + "plane", target.key().toString())
            .put(ANNOTATION + "target", target.target());
      }
      if (connection != null) {
        annotations.put(ANNOTATION + "connection", connection.toString());
      }
      return event;
    }
  }
}
