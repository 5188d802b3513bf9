package dev.buildplane.metrics;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.DoubleSupplier;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/// The metrics of one process. Its parts count into it, one endpoint renders it. Safe for use by several threads; counting
/// never blocks.
public final class Metrics {
  /// Rows of one gauge; more are left out, so that a scrape stays bounded.
  public static final int GAUGE_ROWS = 10_000;

  /// Upper ends of a timer's buckets, in seconds: those of controller-runtime.
  private static final double[] BUCKETS_SECONDS = {
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60
  };

  /// One row of a gauge.
  ///
  /// @param labels values in the order of [Metric#labels]
  public record Row(double value, List<String> labels) {
    public Row {
      labels = List.copyOf(labels);
    }

    public static Row of(double value, String... labels) {
      return new Row(value, List.of(labels));
    }
  }

  /// A counter whose labels are settled: adding to it takes no lock and makes no garbage.
  public static final class Count {
    private final Counter counter;

    private Count(Counter counter) {
      this.counter = counter;
    }

    public void one() {
      counter.increment();
    }
  }

  /// A timer whose labels are settled; as cheap as [Count].
  public static final class Timing {
    private final Timer timer;

    private Timing(Timer timer) {
      this.timer = timer;
    }

    public void nanos(long took) {
      timer.record(took, TimeUnit.NANOSECONDS);
    }
  }

  private record Gauge(MultiGauge rows, Supplier<List<Row>> source) {}

  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final Map<Metric, Gauge> gauges = new ConcurrentHashMap<>();

  /// The registry itself holds what it asks weakly.
  private final Queue<DoubleSupplier> asked = new ConcurrentLinkedQueue<>();

  /// Counts one.
  ///
  /// @throws IllegalArgumentException when the metric is no counter, or the labels are not as many as it has
  public void count(Metric metric, String... labels) {
    counter(metric, labels).one();
  }

  /// A counter to keep, which is exposed from now on; for paths on which looking it up each time would cost too much.
  ///
  /// @throws IllegalArgumentException as [#count]
  public Count counter(Metric metric, String... labels) {
    require(metric, Metric.Type.COUNTER);
    return new Count(Counter.builder(metric.id())
        .description(metric.help())
        .tags(tags(metric, List.of(labels)))
        .register(registry));
  }

  /// A counter that is kept elsewhere and asked whenever metrics are rendered; the first for a metric and its labels stays.
  ///
  /// @param sum only grows; must return quickly
  /// @throws IllegalArgumentException as [#count]
  public void counter(Metric metric, DoubleSupplier sum, String... labels) {
    require(metric, Metric.Type.COUNTER);
    asked.add(sum);
    FunctionCounter.builder(metric.id(), sum, DoubleSupplier::getAsDouble)
        .description(metric.help())
        .tags(tags(metric, List.of(labels)))
        .register(registry);
  }

  /// Notes a duration.
  ///
  /// @throws IllegalArgumentException when the metric is no timer, or the labels are not as many as it has
  public void time(Metric metric, Duration took, String... labels) {
    timer(metric, labels).nanos(took.toNanos());
  }

  /// A timer to keep, which is exposed from now on.
  ///
  /// @throws IllegalArgumentException as [#time]
  public Timing timer(Metric metric, String... labels) {
    require(metric, Metric.Type.TIMER);
    return new Timing(Timer.builder(metric.id())
        .description(metric.help())
        .serviceLevelObjectives(buckets())
        .tags(tags(metric, List.of(labels)))
        .register(registry));
  }

  /// Makes a gauge of what `source` says whenever metrics are rendered; a later call for the same metric replaces it.
  ///
  /// @param source must return quickly; rows beyond [#GAUGE_ROWS] are left out
  /// @throws IllegalArgumentException when the metric is no gauge
  public void gauge(Metric metric, Supplier<List<Row>> source) {
    require(metric, Metric.Type.GAUGE);
    gauges.compute(
        metric, (_, before) -> new Gauge(before == null ? rows(metric) : before.rows(), source));
  }

  /// A gauge without labels.
  public void gauge(Metric metric, DoubleSupplier value) {
    gauge(metric, () -> List.of(Row.of(value.getAsDouble())));
  }

  private MultiGauge rows(Metric metric) {
    return MultiGauge.builder(metric.id()).description(metric.help()).register(registry);
  }

  /// Prometheus text, version 0.0.4.
  public String render() {
    gauges.forEach(Metrics::refresh);
    return registry.scrape();
  }

  private static void refresh(Metric metric, Gauge gauge) {
    var rows = gauge.source().get().stream()
        .limit(GAUGE_ROWS)
        .<MultiGauge.Row<?>>map(row -> MultiGauge.Row.of(tags(metric, row.labels()), row.value()))
        .toList();
    gauge.rows().register(rows, true);
  }

  private static Duration[] buckets() {
    var buckets = new Duration[BUCKETS_SECONDS.length];
    for (int i = 0; i < buckets.length; i++) {
      buckets[i] = Duration.ofMillis(Math.round(BUCKETS_SECONDS[i] * 1_000));
    }
    return buckets;
  }

  private static void require(Metric metric, Metric.Type type) {
    if (metric.type() != type) {
      throw new IllegalArgumentException(
          metric.id() + ": expected a " + type + ", found a " + metric.type());
    }
  }

  private static Tags tags(Metric metric, List<String> values) {
    var names = metric.labels();
    if (names.size() != values.size()) {
      throw new IllegalArgumentException(
          metric.id() + ": expected values of the labels " + names + ", found " + values.size());
    }
    return Tags.of(IntStream.range(0, names.size())
        .mapToObj(i -> Tag.of(names.get(i), values.get(i)))
        .toList());
  }
}
