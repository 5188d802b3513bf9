package dev.buildplane.tracing;

import static java.util.Objects.requireNonNull;

import java.net.URI;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// How spans are made and where they go: what OpenTelemetry's environment variables say, and little besides. Loads no class of OpenTelemetry.
///
/// @param service what the process calls itself unless `OTEL_SERVICE_NAME` says otherwise
/// @param properties of OpenTelemetry's autoconfiguration, which win over environment variables and system properties
public record TracingSettings(String service, Map<String, String> properties) {
  /// Characters of an attribute's value, unless `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT` says otherwise.
  public static final int DEFAULT_VALUE_CHARS = 1024;

  static final String EXPORTER = "otel.traces.exporter";
  static final String ENDPOINT = "otel.exporter.otlp.endpoint";
  static final String TRACES_ENDPOINT = "otel.exporter.otlp.traces.endpoint";
  static final String PROTOCOL = "otel.exporter.otlp.protocol";
  static final String TRACES_PROTOCOL = "otel.exporter.otlp.traces.protocol";
  static final String HTTP = "http/protobuf";
  private static final String TRACES_PATH = "/v1/traces";

  public TracingSettings {
    requireNonNull(service, "service");
    properties = Map.copyOf(properties);
  }

  /// What the process was told. Tracing is on when an endpoint is given, or an exporter is named; it is off when `OTEL_SDK_DISABLED` is
  /// `true` or `OTEL_TRACES_EXPORTER` is `none`, whatever else is set.
  ///
  /// @param endpoint of the command line, base address of an OTLP/HTTP collector; wins over the environment's
  /// @param environment value of an environment variable, null when it is not set
  public static Optional<TracingSettings> of(
      String service, Optional<URI> endpoint, UnaryOperator<@Nullable String> environment) {
    if (says(environment, "otel.sdk.disabled", "true") || says(environment, EXPORTER, "none")) {
      return Optional.empty();
    }
    if (endpoint.isPresent()) {
      return Optional.of(to(service, endpoint.get()));
    }
    boolean asked = Stream.of(ENDPOINT, TRACES_ENDPOINT, EXPORTER)
        .anyMatch(name -> !value(environment, name).isEmpty());
    return asked ? Optional.of(new TracingSettings(service, Map.of())) : Optional.empty();
  }

  /// Spans of `service` to the OTLP/HTTP collector at that base address.
  public static TracingSettings to(String service, URI endpoint) {
    return new TracingSettings(service, to(endpoint));
  }

  /// A copy with one more property of OpenTelemetry's autoconfiguration, as `otel.traces.sampler`.
  public TracingSettings with(String property, String value) {
    var more = new HashMap<>(properties);
    more.put(property, value);
    return new TracingSettings(service, more);
  }

  /// As `OTEL_EXPORTER_OTLP_ENDPOINT`, but stronger than the one for traces alone.
  private static Map<String, String> to(URI endpoint) {
    var base = endpoint.toString();
    var properties = new HashMap<String, String>();
    properties.put(EXPORTER, "otlp");
    properties.put(
        TRACES_ENDPOINT,
        (base.endsWith("/") ? base.substring(0, base.length() - 1) : base) + TRACES_PATH);
    return properties;
  }

  /// What holds where nothing else is said.
  Map<String, String> defaults() {
    return Map.of(
        "otel.service.name",
        service,
        PROTOCOL,
        HTTP,
        "otel.attribute.value.length.limit",
        Integer.toString(DEFAULT_VALUE_CHARS));
  }

  private static boolean says(
      UnaryOperator<@Nullable String> environment, String property, String wanted) {
    return value(environment, property).equalsIgnoreCase(wanted);
  }

  /// System properties win, as in OpenTelemetry.
  private static String value(UnaryOperator<@Nullable String> environment, String property) {
    var system = System.getProperty(property);
    var set = system == null
        ? environment.apply(property.replace('.', '_').toUpperCase(Locale.ROOT))
        : system;
    return set == null ? "" : set.strip();
  }
}
