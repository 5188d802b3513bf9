package dev.buildplane.tracing;

import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapGetter;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.spi.ConfigProperties;
import io.opentelemetry.sdk.autoconfigure.spi.ConfigurationException;
import io.opentelemetry.sdk.resources.Resource;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Makes spans and sends them off, in batches and on a thread of its own: making and ending a span never waits. At most as many ended spans
/// wait as OpenTelemetry's batch processor has room for (2,048; `OTEL_BSP_MAX_QUEUE_SIZE`), further ones are dropped. Thread-safe.
///
/// Who has no instance of this class traces nothing, and loads nothing of OpenTelemetry.
public final class Tracing implements AutoCloseable {
  /// How long [#close] lets what waits be sent.
  public static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);

  private static final String SCOPE = "dev.buildplane";

  private static final TextMapGetter<TraceContext> GETTER = new TextMapGetter<>() {
    @Override
    @SuppressWarnings(
        "deprecation") // asked for by no propagator of ours, and abstract all the same
    public Iterable<String> keys(TraceContext carrier) {
      return List.of(TraceContext.TRACEPARENT, TraceContext.TRACESTATE);
    }

    @Override
    public @Nullable String get(@Nullable TraceContext carrier, String key) {
      if (carrier == null) {
        return null;
      }
      return key.equals(TraceContext.TRACEPARENT)
          ? carrier.traceparent()
          : key.equals(TraceContext.TRACESTATE) ? carrier.tracestate() : null;
    }
  };

  private final OpenTelemetrySdk sdk;
  private final Tracer tracer;

  private Tracing(OpenTelemetrySdk sdk) {
    this.sdk = sdk;
    this.tracer = sdk.getTracer(SCOPE);
  }

  /// Starts the thread that sends.
  ///
  /// @throws IllegalArgumentException when the settings cannot be used; its message says which
  public static Tracing start(TracingSettings settings) {
    JulToSlf4j.install();
    try {
      var configured = AutoConfiguredOpenTelemetrySdk.builder()
          .disableShutdownHook()
          .addPropertiesSupplier(settings::defaults)
          .addPropertiesCustomizer(asked -> overrides(settings, asked))
          .addResourceCustomizer((found, _) -> identity().merge(found))
          .build();
      return new Tracing(configured.getOpenTelemetrySdk());
    } catch (ConfigurationException | IllegalArgumentException | IllegalStateException e) {
      throw new IllegalArgumentException(
          "expected usable settings for tracing, found: " + e.getMessage()
              + "; look at the OTEL_* environment variables",
          e);
    }
  }

  /// Traces only: metrics have an endpoint of their own. And by HTTP only: gRPC would bring a network stack along.
  private static Map<String, String> overrides(TracingSettings settings, ConfigProperties asked) {
    var all = new HashMap<>(settings.properties());
    all.put("otel.metrics.exporter", "none");
    all.put("otel.logs.exporter", "none");
    for (var name : List.of(TracingSettings.PROTOCOL, TracingSettings.TRACES_PROTOCOL)) {
      var protocol =
          settings.properties().getOrDefault(name, asked.getString(name, TracingSettings.HTTP));
      if (!protocol.equals(TracingSettings.HTTP)) {
        throw new ConfigurationException(
            name + ": expected " + TracingSettings.HTTP + ", found " + protocol);
      }
    }
    return all;
  }

  /// What a process knows of itself unless `OTEL_RESOURCE_ATTRIBUTES` says otherwise.
  private static Resource identity() {
    var version = Tracing.class.getPackage().getImplementationVersion();
    return Resource.builder()
        .put("service.version", version == null ? "dev" : version)
        .put("service.instance.id", UUID.randomUUID().toString())
        .build();
  }

  /// The span of a request that came in: a child of what `sender` names, or the first of a new trace.
  ///
  /// @param name from a closed set
  public Span server(String name, Optional<TraceContext> sender) {
    var parent = sender
        .map(context ->
            W3CTraceContextPropagator.getInstance().extract(Context.root(), context, GETTER))
        .orElse(Context.root());
    return new Span(
        tracer,
        tracer.spanBuilder(name).setSpanKind(SpanKind.SERVER).setParent(parent).startSpan());
  }

  /// Sends what waits, for up to [#CLOSE_LIMIT].
  @Override
  public void close() {
    sdk.shutdown().join(CLOSE_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
  }
}
