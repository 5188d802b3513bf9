package dev.buildplane.cli;

import dev.buildplane.tracing.Tracing;
import dev.buildplane.tracing.TracingSettings;
import java.net.URI;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Where a role sends its spans, in addition to what OpenTelemetry's environment variables say.
final class TracingOption {
  @Option(
      names = "--tracing-endpoint",
      paramLabel = "URL",
      description =
          "OTLP/HTTP collector that gets spans of the calls, http://HOST:4318 (default: OTEL_EXPORTER_OTLP_ENDPOINT; without either there are none)")
  @Nullable
  URI endpoint;

  /// Starts sending, if that is asked for.
  ///
  /// @param service what the role calls itself, unless OTEL_SERVICE_NAME says otherwise
  Optional<Tracing> start(String service, Parts parts) {
    var settings = TracingSettings.of(service, Optional.ofNullable(endpoint), System::getenv);
    if (endpoint != null && !isHttp(endpoint)) {
      throw new CliProblem(
          "expected an address like http://collector:4318 for --tracing-endpoint, found "
              + endpoint,
          ExitCode.USAGE);
    }
    try {
      return settings.map(asked -> parts.add(Tracing.start(asked)));
    } catch (IllegalArgumentException unusable) {
      throw new CliProblem(String.valueOf(unusable.getMessage()), unusable);
    }
  }

  private static boolean isHttp(URI url) {
    return url.getHost() != null
        && ("http".equalsIgnoreCase(url.getScheme()) || "https".equalsIgnoreCase(url.getScheme()));
  }
}
