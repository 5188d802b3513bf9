package dev.buildplane.operator;

import dev.buildplane.model.Plane;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.WorkflowRun;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.javaoperatorsdk.operator.processing.event.source.inbound.SimpleInboundEventSource;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;

/// Asks for another pass over a resource, from any thread. What happened is not told: a pass looks for itself.
final class Wakeups {
  private final Map<PlaneKind, SimpleInboundEventSource<Plane>> planes =
      new EnumMap<>(PlaneKind.class);
  private final SimpleInboundEventSource<WorkflowRun> runs =
      new SimpleInboundEventSource<>("run-wakeups");

  Wakeups() {
    Arrays.stream(PlaneKind.values())
        .forEach(
            kind -> planes.put(kind, new SimpleInboundEventSource<>(kind.singular() + "-wakeups")));
  }

  SimpleInboundEventSource<Plane> source(PlaneKind kind) {
    return java.util.Objects.requireNonNull(planes.get(kind));
  }

  SimpleInboundEventSource<WorkflowRun> runs() {
    return runs;
  }

  void plane(PlaneRef ref) {
    source(ref.kind()).propagateEvent(new ResourceID(ref.name(), ref.namespace()));
  }

  void run(String namespace, String name) {
    runs.propagateEvent(new ResourceID(name, namespace));
  }
}
