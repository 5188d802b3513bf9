package dev.buildplane.tracing;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class TracingSettingsTest {
  private static Optional<TracingSettings> of(
      Optional<URI> endpoint, Map<String, String> environment) {
    return TracingSettings.of("gateway", endpoint, environment::get);
  }

  @Test
  void tracingIsOffUntilItIsAskedFor() {
    assertThat(of(Optional.empty(), Map.of())).isEmpty();
    assertThat(of(
            Optional.empty(), Map.of("OTEL_SERVICE_NAME", "x", "OTEL_TRACES_SAMPLER", "always_on")))
        .isEmpty();
  }

  @Test
  void anEndpointOrAnExporterTurnsItOn() {
    assertThat(of(Optional.empty(), Map.of("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318")))
        .isPresent();
    assertThat(
            of(Optional.empty(), Map.of("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4318/x")))
        .isPresent();
    assertThat(of(Optional.empty(), Map.of("OTEL_TRACES_EXPORTER", "otlp"))).isPresent();
  }

  @Test
  void whatTurnsItOffIsStronger() {
    var endpoint = Optional.of(URI.create("http://c:4318"));

    assertThat(of(endpoint, Map.of("OTEL_SDK_DISABLED", "True"))).isEmpty();
    assertThat(of(endpoint, Map.of("OTEL_TRACES_EXPORTER", "none"))).isEmpty();
  }

  @Test
  void theCommandLinesEndpointIsTheBaseOfThePath() {
    assertThat(of(Optional.of(URI.create("http://c:4318/")), Map.of())
            .orElseThrow()
            .properties())
        .containsEntry("otel.exporter.otlp.traces.endpoint", "http://c:4318/v1/traces")
        .containsEntry("otel.traces.exporter", "otlp");
  }
}
