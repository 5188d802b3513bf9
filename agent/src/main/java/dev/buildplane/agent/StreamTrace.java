package dev.buildplane.agent;

import dev.buildplane.tracing.Span;
import io.netty.handler.codec.http.HttpRequest;
import org.jspecify.annotations.Nullable;

/// The spans of one stream: one for what came through the tunnel, below it one for each request to the target. Used on the stream's loop.
final class StreamTrace {
  private static final String CANCELLED = "cancelled";

  private final Span stream;
  private final String method;
  private final boolean lasting;
  private @Nullable Span attempt;
  private int attempts;
  private String failure = "";

  /// @param lasting whether its answer ends only when somebody leaves
  StreamTrace(Span stream, String method, boolean lasting) {
    this.lasting = lasting;
    this.stream = stream;
    this.method = method;
  }

  /// The request is about to go to its target; its headers say so.
  void sends(HttpRequest request, Target to) {
    attemptEnded();
    failure = "";
    stream.text("buildplane.target", to.name());
    var next = stream
        .client(Span.method(method))
        .requested(method)
        .text("server.address", to.host())
        .number("server.port", to.port())
        .text("buildplane.target", to.name());
    if (attempts > 0) {
      next.number("http.request.resend_count", attempts);
    }
    attempts++;
    next.replaceIn(request.headers()::remove, request.headers()::set);
    attempt = next;
  }

  void answered(int status) {
    if (attempt != null) {
      attempt.answered(status);
      if (status >= 400) {
        attempt.failed(Integer.toString(status));
      }
    }
  }

  /// @param type from a closed set, or the name of an exception's class
  void failed(String type) {
    failure = type;
    if (attempt != null) {
      attempt.failed(type);
    }
    attemptEnded();
  }

  /// The target has answered all.
  void attemptEnded() {
    if (attempt != null) {
      attempt.end();
      attempt = null;
    }
  }

  /// The caller has gone before the answer had ended; to leave a watch is how it ends.
  void left() {
    if (!lasting && failure.isEmpty()) {
      failed(CANCELLED);
    }
  }

  /// @param status of the answer, 0: there was none
  void ended(int status) {
    attemptEnded();
    stream.answered(status);
    if (!failure.isEmpty()) {
      stream.failed(failure);
    } else if (status >= 500) {
      stream.failed(Integer.toString(status));
    }
    stream.end();
  }
}
