package dev.buildplane.operator;

import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.WorkflowRun;
import dev.buildplane.model.WorkflowRunStatus.PinnedPlane;
import dev.buildplane.plan.RunAction;
import dev.buildplane.plan.RunPlan;
import dev.buildplane.plan.RunPlanner;
import io.javaoperatorsdk.operator.api.reconciler.Cleaner;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.DeleteControl;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Carries out what [RunPlanner] decides, for runs.
final class RunReconciler implements Reconciler<WorkflowRun>, Cleaner<WorkflowRun> {
  /// Wait after the first failed action of a run; doubles with each further one.
  static final Duration FIRST_BACKOFF = Duration.ofMillis(500);

  /// Longest wait after a failed action. Events, such as the plane's return, wake the run earlier.
  static final Duration LAST_BACKOFF = Duration.ofSeconds(60);

  private static final Logger LOG = LoggerFactory.getLogger(RunReconciler.class);

  private final Hub hub;
  private final RunObserver observer;
  private final RunExecutor executor;
  private final Wakeups wakeups;

  // By UID; an entry goes with the first success, or with the run.
  private final Map<String, Integer> failures = new ConcurrentHashMap<>();

  RunReconciler(Hub hub, RunObserver observer, RunExecutor executor, Wakeups wakeups) {
    this.hub = hub;
    this.observer = observer;
    this.executor = executor;
    this.wakeups = wakeups;
  }

  @Override
  public List<EventSource<?, WorkflowRun>> prepareEventSources(
      EventSourceContext<WorkflowRun> context) {
    hub.runs(context.getPrimaryCache());
    return List.of(wakeups.runs());
  }

  @Override
  public UpdateControl<WorkflowRun> reconcile(WorkflowRun run, Context<WorkflowRun> context) {
    var outcome = pass(run);
    var control = UpdateControl.<WorkflowRun>noUpdate();
    outcome.again().ifPresent(control::rescheduleAfter);
    return control;
  }

  @Override
  public DeleteControl cleanup(WorkflowRun run, Context<WorkflowRun> context) {
    var outcome = pass(run);
    if (outcome.completed().contains(new RunAction.RemoveFinalizer())) {
      failures.remove(run.getMetadata().getUid());
      wakePlane(run);
      return DeleteControl.defaultDelete();
    }
    var control = DeleteControl.noFinalizerRemoval();
    outcome.again().ifPresent(control::rescheduleAfter);
    return control;
  }

  /// @param completed the actions carried out
  /// @param again when to pass again if nothing happens before
  private record Outcome(List<RunAction> completed, Optional<Duration> again) {}

  private Outcome pass(WorkflowRun run) {
    hub.awaitComplete();
    var seen = observer.observe(run);
    boolean endedBefore = RunPlanner.ended(seen.recorded());
    var plan = RunPlanner.plan(seen);
    for (int i = 0; i < plan.actions().size(); i++) {
      var action = plan.actions().get(i);
      var failure = executor.carryOut(action, run, seen);
      if (failure.isPresent()) {
        LOG.info("run {}/{}: {}", seen.namespace(), seen.name(), failure.get());
        RunPlan after = RunPlanner.failed(seen, action, failure.get());
        after.actions().forEach(record -> executor.carryOut(record, run, seen));
        return new Outcome(plan.actions().subList(0, i), Optional.of(backoff(seen.uid())));
      }
    }
    failures.remove(seen.uid());
    if (!endedBefore && RunPlanner.ended(hub.status(run))) {
      wakePlane(run); // its deletion may be waiting for this
    }
    return new Outcome(plan.actions(), plan.recheck());
  }

  private Duration backoff(String uid) {
    int failed = failures.merge(uid, 1, Integer::sum);
    var wait = FIRST_BACKOFF.multipliedBy(1L << Math.min(failed - 1, 10));
    return wait.compareTo(LAST_BACKOFF) > 0 ? LAST_BACKOFF : wait;
  }

  private void wakePlane(WorkflowRun run) {
    Optional<PlaneRef> bound =
        Optional.ofNullable(hub.status(run).buildPlane()).flatMap(PinnedPlane::ref);
    bound.filter(ref -> hub.plane(ref).isPresent()).ifPresent(wakeups::plane);
  }
}
