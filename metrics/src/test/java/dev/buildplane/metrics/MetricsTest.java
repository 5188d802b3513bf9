package dev.buildplane.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildplane.metrics.Metrics.Row;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MetricsTest {
  private final Metrics metrics = new Metrics();

  @ParameterizedTest
  @EnumSource
  void everyMetricIsExposedUnderItsNameWithItsLabelsAndHelp(Metric metric) {
    var values = metric.labels().stream().map(label -> "a-" + label).toArray(String[]::new);
    switch (metric.type()) {
      case COUNTER -> metrics.count(metric, values);
      case GAUGE -> metrics.gauge(metric, () -> List.of(Row.of(3, values)));
      case TIMER -> metrics.time(metric, Duration.ofMillis(20), values);
    }
    var text = metrics.render();
    var series = metric.type() == Metric.Type.TIMER ? metric.id() + "_count" : metric.id();
    assertThat(text).contains("# HELP " + metric.id() + " " + metric.help());
    assertThat(text.lines())
        .anyMatch(line -> line.startsWith(series)
            && metric.labels().stream()
                .allMatch(label -> line.contains(label + "=\"a-" + label + "\"")));
  }

  @ParameterizedTest
  @EnumSource
  void namesAreOursOrThoseOfControllerRuntime(Metric metric) {
    assertThat(metric.id()).matches("(buildplane|controller_runtime|workqueue)_[a-z_]+");
    assertThat(metric.id().endsWith("_total")).isEqualTo(metric.type() == Metric.Type.COUNTER);
    assertThat(metric.help()).endsWith(".");
    assertThat(metric.action()).endsWith(".");
    assertThat(Arrays.stream(Metric.values()).map(Metric::id)).doesNotHaveDuplicates();
  }

  @Test
  void aGaugeIsAskedAnewForEachRendering() {
    var rows = new AtomicReference<>(List.of(Row.of(1, "a"), Row.of(2, "b")));
    metrics.gauge(Metric.QUEUE_DEPTH, rows::get);
    assertThat(metrics.render())
        .contains("workqueue_depth{name=\"a\"} 1.0", "workqueue_depth{name=\"b\"} 2.0");
    rows.set(List.of(Row.of(5, "b")));
    assertThat(metrics.render())
        .contains("workqueue_depth{name=\"b\"} 5.0")
        .doesNotContain("name=\"a\"");
  }

  @Test
  void theRowsOfAGaugeAreBounded() {
    var many = IntStream.range(0, Metrics.GAUGE_ROWS + 10)
        .mapToObj(i -> Row.of(i, "q" + i))
        .toList();
    metrics.gauge(Metric.QUEUE_DEPTH, () -> many);
    assertThat(metrics.render().lines().filter(line -> line.startsWith("workqueue_depth{")))
        .hasSize(Metrics.GAUGE_ROWS);
  }

  @Test
  void aTimerIsAHistogramInSeconds() {
    metrics.time(Metric.RECONCILE_TIME, Duration.ofMillis(20), "plane");
    assertThat(metrics.render())
        .contains("_bucket{controller=\"plane\",le=\"0.025\"} 1")
        .contains("_sum{controller=\"plane\"} 0.02");
  }

  @Test
  void misuseIsToldWithTheNameOfTheMetric() {
    assertThatThrownBy(() -> metrics.count(Metric.QUEUE_DEPTH, "x"))
        .hasMessageContaining("workqueue_depth");
    assertThatThrownBy(() -> metrics.count(Metric.QUEUE_ADDS))
        .hasMessageContaining("workqueue_adds_total")
        .hasMessageContaining("[name]");
  }
}
