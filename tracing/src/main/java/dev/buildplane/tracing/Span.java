package dev.buildplane.tracing;

import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapSetter;
import java.util.Locale;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/// One step of a trace. One that is not sampled keeps nothing, and still says to whoever comes next which trace it is. Thread-safe.
///
/// Names of attributes are those of OpenTelemetry's semantic conventions for HTTP; ours begin with `buildplane.`.
public final class Span {
  private static final Set<String> METHODS =
      Set.of("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH");

  private static final TextMapSetter<BiConsumer<String, String>> SETTER =
      (carrier, name, value) -> {
        if (carrier != null) {
          carrier.accept(name, value);
        }
      };

  private final Tracer tracer;
  private final io.opentelemetry.api.trace.Span span;

  Span(Tracer tracer, io.opentelemetry.api.trace.Span span) {
    this.tracer = tracer;
    this.span = span;
  }

  /// The span of a request that is made on behalf of this one.
  public Span client(String name) {
    return new Span(
        tracer,
        tracer
            .spanBuilder(name)
            .setSpanKind(SpanKind.CLIENT)
            .setParent(Context.root().with(span))
            .startSpan());
  }

  /// The method as it may appear in names: from a closed set.
  public static String method(String method) {
    return METHODS.contains(method) ? method : "HTTP";
  }

  public Span text(String attribute, String value) {
    span.setAttribute(attribute, value);
    return this;
  }

  public Span number(String attribute, long value) {
    span.setAttribute(attribute, value);
    return this;
  }

  /// Notes the method of a request.
  public Span requested(String method) {
    return text("http.request.method", METHODS.contains(method) ? method : "_OTHER");
  }

  /// Notes the status of an answer; 0, that there was none, is not noted.
  public Span answered(int status) {
    return status == 0 ? this : number("http.response.status_code", status);
  }

  /// Marks it as failed.
  ///
  /// @param type from a closed set, or the name of an exception's class
  public Span failed(String type) {
    span.setStatus(StatusCode.ERROR);
    return text("error.type", type);
  }

  /// As above, for a constant.
  public Span failed(Enum<?> type) {
    return failed(type.name().toLowerCase(Locale.ROOT));
  }

  /// 32 lower-case hexadecimal digits.
  public String traceId() {
    return span.getSpanContext().getTraceId();
  }

  /// Says in a request's headers that what it causes belongs under this span, in place of what they said.
  public void replaceIn(Consumer<String> remove, BiConsumer<String, String> set) {
    remove.accept(TraceContext.TRACEPARENT);
    remove.accept(TraceContext.TRACESTATE);
    W3CTraceContextPropagator.getInstance().inject(Context.root().with(span), set, SETTER);
  }

  /// What is told later is lost. A second call does nothing.
  public void end() {
    span.end();
  }
}
