package dev.buildplane.operator;

import dev.buildplane.metrics.Metric;
import dev.buildplane.metrics.Metrics.Row;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.javaoperatorsdk.operator.api.monitoring.Metrics;
import io.javaoperatorsdk.operator.api.reconciler.Constants;
import io.javaoperatorsdk.operator.api.reconciler.RetryInfo;
import io.javaoperatorsdk.operator.processing.Controller;
import io.javaoperatorsdk.operator.processing.GroupVersionKind;
import io.javaoperatorsdk.operator.processing.event.Event;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// Passes and queues under the names controller-runtime gives them, so that existing dashboards work. A controller is named
/// after its kind in lower case. Called by any thread.
final class ReconcileMetrics implements Metrics {
  private final dev.buildplane.metrics.Metrics metrics;

  // One entry per kind; resources leave the set when their pass begins, or when they are gone.
  private final Map<String, Set<ResourceID>> waiting = new ConcurrentHashMap<>();
  private final Map<String, Controller<?>> controllers = new ConcurrentHashMap<>();

  ReconcileMetrics(dev.buildplane.metrics.Metrics metrics) {
    this.metrics = metrics;
    metrics.gauge(Metric.QUEUE_DEPTH, this::depths);
  }

  @Override
  public void controllerRegistered(Controller<? extends HasMetadata> controller) {
    controllers.put(controller.getConfiguration().getName(), controller);
  }

  @Override
  public void receivedEvent(Event event, Map<String, Object> metadata) {
    var name = name(metadata);
    metrics.count(Metric.QUEUE_ADDS, name);
    waiting(name).add(event.getRelatedCustomResourceID());
  }

  @Override
  public void reconcileCustomResource(
      HasMetadata resource, @Nullable RetryInfo retry, Map<String, Object> metadata) {
    if (retry != null && retry.getAttemptCount() > 0) {
      metrics.count(Metric.QUEUE_RETRIES, name(metadata));
    }
  }

  @Override
  public void reconciliationExecutionStarted(HasMetadata resource, Map<String, Object> metadata) {
    waiting(name(metadata)).remove(ResourceID.fromResource(resource));
  }

  @Override
  public void cleanupDoneFor(ResourceID id, Map<String, Object> metadata) {
    waiting(name(metadata)).remove(id);
  }

  @Override
  public <T> T timeControllerExecution(ControllerExecution<T> execution) throws Exception {
    var controller = execution.controllerName();
    long start = System.nanoTime();
    boolean done = false;
    try {
      var result = execution.execute();
      done = true;
      return result;
    } finally {
      metrics.time(Metric.RECONCILE_TIME, Duration.ofNanos(System.nanoTime() - start), controller);
      metrics.count(Metric.RECONCILES, controller, done ? "success" : "error");
      if (!done) {
        metrics.count(Metric.RECONCILE_ERRORS, controller);
      }
    }
  }

  private List<Row> depths() {
    return controllers.entrySet().stream()
        .map(entry -> Row.of(depth(entry.getKey(), entry.getValue()), entry.getKey()))
        .toList();
  }

  /// A wake-up for a resource that does not exist leads to no pass; it is forgotten here.
  private int depth(String name, Controller<?> controller) {
    var resources = controller.getEventSourceManager().getControllerEventSource();
    var ids = waiting(name);
    ids.removeIf(id -> resources.get(id).isEmpty());
    return ids.size();
  }

  private Set<ResourceID> waiting(String name) {
    return waiting.computeIfAbsent(name, _ -> ConcurrentHashMap.newKeySet());
  }

  private static String name(Map<String, Object> metadata) {
    return metadata.get(Constants.RESOURCE_GVK_KEY) instanceof GroupVersionKind kind
        ? kind.getKind().toLowerCase(Locale.ROOT)
        : "unknown";
  }
}
