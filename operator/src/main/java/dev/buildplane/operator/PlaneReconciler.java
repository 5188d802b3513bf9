package dev.buildplane.operator;

import dev.buildplane.model.Plane;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.WorkflowRun;
import dev.buildplane.plan.PlaneAction;
import dev.buildplane.plan.PlanePlan;
import dev.buildplane.plan.PlanePlanner;
import io.javaoperatorsdk.operator.api.reconciler.Cleaner;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.DeleteControl;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import java.util.List;

/// Carries out what [PlanePlanner] decides, for planes of one kind. Registered once per kind.
final class PlaneReconciler implements Reconciler<Plane>, Cleaner<Plane> {
  private final PlaneKind kind;
  private final Hub hub;
  private final PlaneObserver observer;
  private final PlaneSessions sessions;
  private final Statuses statuses;
  private final EventRecorder events;
  private final Wakeups wakeups;
  private final PlaneGauges gauges;

  PlaneReconciler(
      PlaneKind kind,
      Hub hub,
      PlaneObserver observer,
      PlaneSessions sessions,
      Statuses statuses,
      EventRecorder events,
      Wakeups wakeups,
      PlaneGauges gauges) {
    this.kind = kind;
    this.hub = hub;
    this.observer = observer;
    this.sessions = sessions;
    this.statuses = statuses;
    this.events = events;
    this.wakeups = wakeups;
    this.gauges = gauges;
  }

  @Override
  public List<EventSource<?, Plane>> prepareEventSources(EventSourceContext<Plane> context) {
    hub.planes(kind, context.getPrimaryCache());
    return List.of(wakeups.source(kind));
  }

  @Override
  public UpdateControl<Plane> reconcile(Plane plane, Context<Plane> context) {
    var plan = carryOut(plane);
    var control = UpdateControl.<Plane>noUpdate();
    plan.recheck().ifPresent(control::rescheduleAfter);
    return control;
  }

  @Override
  public DeleteControl cleanup(Plane plane, Context<Plane> context) {
    var plan = carryOut(plane);
    boolean go = plan.actions().contains(new PlaneAction.RemoveFinalizer());
    var control = go ? DeleteControl.defaultDelete() : DeleteControl.noFinalizerRemoval();
    plan.recheck().filter(_ -> !go).ifPresent(control::rescheduleAfter);
    return control;
  }

  private PlanePlan carryOut(Plane plane) {
    hub.awaitComplete();
    var seen = observer.observe(plane);
    var plan = PlanePlanner.plan(seen);
    for (var action : plan.actions()) {
      switch (action) {
        case PlaneAction.RecordStatus(var status) -> {
          statuses.write(plane, status);
          wakeDependents(plane);
        }
        case PlaneAction.Announce(var told) -> events.record(plane, told);
        case PlaneAction.RemoveFinalizer() -> {
          hub.release(plane);
          statuses.forget(plane);
          sessions.end(plane.ref());
          wakeDependents(plane);
        }
      }
    }
    if (plan.actions().contains(new PlaneAction.RemoveFinalizer())) {
      gauges.forget(seen.plane());
    } else {
      gauges.passed(seen, hub.status(plane));
    }
    return plan;
  }

  /// Whoever looks at this plane looks again.
  private void wakeDependents(Plane plane) {
    var ref = plane.ref();
    switch (kind.type()) {
      case OBSERVABILITY ->
        hub.planes()
            .filter(other -> other.planeKind().type().hasReferences() && other.getSpec() != null)
            .filter(other -> PlaneObserver.target(other.ref(), other.getSpec()).equals(ref))
            .map(Plane::ref)
            .forEach(wakeups::plane);
      case BUILD ->
        hub.runs()
            .filter(run -> hub.boundTo(run, ref) || hub.status(run).runReference() == null)
            .forEach(this::wake);
      case DATA -> {}
    }
  }

  private void wake(WorkflowRun run) {
    wakeups.run(run.getMetadata().getNamespace(), run.getMetadata().getName());
  }
}
