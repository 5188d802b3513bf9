package dev.buildplane.tracing;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.buildplane.fuzz.Corpus;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapGetter;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// Callers write these headers.
class TraceContextJazzerFuzz {
  /// What we take for well-formed, OpenTelemetry takes for the same trace: nobody behind us sees another one, or none.
  @FuzzTest(maxDuration = "2m")
  void headers(byte[] input) {
    var lines = Arrays.asList(new String(input, ISO_8859_1).split("\n", -1));
    TraceContext.of(List.of(lines.getFirst()), lines.subList(1, lines.size()))
        .ifPresent(context -> {
          var theirs = Span.fromContext(W3CTraceContextPropagator.getInstance()
                  .extract(
                      Context.root(),
                      Map.of(
                          TraceContext.TRACEPARENT, context.traceparent(),
                          TraceContext.TRACESTATE, context.tracestate()),
                      new Fields()))
              .getSpanContext();

          assertThat(theirs.isValid()).isTrue();
          assertThat(theirs.getTraceId()).isEqualTo(context.traceId());
          assertThat(context.tracestate()).doesNotContain("\r", "\n", "\0");
        });
  }

  private static final class Fields implements TextMapGetter<Map<String, String>> {
    @Override
    @SuppressWarnings("deprecation")
    public Iterable<String> keys(Map<String, String> carrier) {
      return carrier.keySet();
    }

    @Override
    public String get(Map<String, String> carrier, String key) {
      return carrier.get(key);
    }
  }

  @Test
  void inputsThatAreNearlyThose() {
    Corpus.nearly(getClass(), "headers", this::headers);
  }
}
