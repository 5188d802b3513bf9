package dev.buildplane.operator;

import dev.buildplane.model.Api;
import dev.buildplane.model.Plane;
import dev.buildplane.model.PlaneConditions;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.Workflow;
import dev.buildplane.model.WorkflowRun;
import dev.buildplane.model.WorkflowRunSpec;
import dev.buildplane.model.WorkflowRunStatus;
import dev.buildplane.model.WorkflowSpec;
import dev.buildplane.plan.RunObserved;
import dev.buildplane.plan.RunObserved.PlaneLookup;
import dev.buildplane.plan.RunObserved.Recipe;
import dev.buildplane.plan.RunObserved.Remote;
import dev.buildplane.plan.RunObserved.Rendering;
import dev.buildplane.plan.RunPlanner;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;

/// Reads everything a pass over a run looks at: from caches, and from the plane only where the run's end depends on it.
final class RunObserver {
  private static final WorkflowRunSpec NOTHING = new WorkflowRunSpec(null, null, null);

  private final Hub hub;
  private final PlaneSessions sessions;
  private final RunRendering rendering;
  private final InstantSource clock;

  RunObserver(Hub hub, PlaneSessions sessions, RunRendering rendering, InstantSource clock) {
    this.hub = hub;
    this.sessions = sessions;
    this.rendering = rendering;
    this.clock = clock;
  }

  RunObserved observe(WorkflowRun run) {
    var metadata = run.getMetadata();
    var spec = run.getSpec() == null ? NOTHING : run.getSpec();
    var recorded = hub.status(run);
    boolean deleting = run.isMarkedForDeletion();
    var workflow = workflow(run, spec);
    var plane = plane(metadata.getNamespace(), recorded, workflow);
    return new RunObserved(
        metadata.getNamespace(),
        metadata.getName(),
        metadata.getUid(),
        Optional.ofNullable(metadata.getGeneration()).orElse(0L),
        metadata.getLabels() == null ? Map.of() : metadata.getLabels(),
        spec,
        recorded,
        deleting,
        Boolean.TRUE.equals(spec.cancel()) || PlaneObserver.annotated(run, Api.CANCEL),
        PlaneObserver.annotated(run, Api.FORCE_DELETE),
        recipe(spec, workflow),
        plane,
        rendering(run, recorded, deleting, workflow, plane),
        remote(recorded, deleting, plane),
        clock.instant());
  }

  private Optional<Workflow> workflow(WorkflowRun run, WorkflowRunSpec spec) {
    var config = spec.workflow();
    var name = config == null ? null : config.name();
    return name == null ? Optional.empty() : hub.workflow(run.getMetadata().getNamespace(), name);
  }

  private static Recipe recipe(WorkflowRunSpec spec, Optional<Workflow> workflow) {
    var config = spec.workflow();
    var name = config == null || config.name() == null ? "" : config.name();
    return workflow
        .<Recipe>map(found ->
            new Recipe.Found(found.getSpec() == null ? null : found.getSpec().ttlAfterCompletion()))
        .orElseGet(() -> new Recipe.Missing(name));
  }

  private PlaneLookup plane(
      String namespace, WorkflowRunStatus recorded, Optional<Workflow> workflow) {
    var pinned =
        Optional.ofNullable(recorded.buildPlane()).flatMap(WorkflowRunStatus.PinnedPlane::ref);
    if (pinned.isPresent()) {
      var plane = hub.plane(pinned.get());
      if (plane.isPresent()) {
        return found(plane.get());
      }
      if (recorded.runReference() != null) {
        return hub.planeForSure(pinned.get())
            .map(this::found)
            .orElseGet(() -> new PlaneLookup.Missing(pinned.get()));
      }
      // Bound, but nothing was made there: the run may go elsewhere.
    }
    return workflow.map(found -> resolve(namespace, found)).orElseGet(PlaneLookup.None::new);
  }

  /// `reference/workflows.md` section 5.
  private PlaneLookup resolve(String namespace, Workflow workflow) {
    WorkflowSpec spec = workflow.getSpec();
    var reference = spec == null ? null : spec.buildPlaneRef();
    if (reference != null && reference.name() != null) {
      var kind =
          Optional.ofNullable(reference.kind()).flatMap(PlaneKind::ofKind).orElse(PlaneKind.BUILD);
      var ref = new PlaneRef(kind, kind.clusterScoped() ? null : namespace, reference.name());
      return hub.plane(ref).map(this::found).orElseGet(() -> new PlaneLookup.Missing(ref));
    }
    return hub.plane(new PlaneRef(PlaneKind.BUILD, namespace, Api.DEFAULT_PLANE))
        .or(() -> hub.plane(new PlaneRef(PlaneKind.CLUSTER_BUILD, null, Api.DEFAULT_PLANE)))
        .map(this::found)
        .orElseGet(PlaneLookup.None::new);
  }

  private PlaneLookup found(Plane plane) {
    return new PlaneLookup.Found(
        plane.ref(),
        plane.effectivePlaneID(),
        hub.status(plane).flatMap(status -> status.condition(PlaneConditions.READY)));
  }

  private Rendering rendering(
      WorkflowRun run,
      WorkflowRunStatus recorded,
      boolean deleting,
      Optional<Workflow> workflow,
      PlaneLookup plane) {
    boolean wanted =
        !deleting && plane instanceof PlaneLookup.Found && RunPlanner.wantsRendering(recorded);
    return workflow
        .filter(_ -> wanted)
        .map(found -> rendering.render(
            run, found, name -> hub.reference(run.getMetadata().getNamespace(), name)))
        .orElseGet(Rendering.NotTried::new);
  }

  private Remote remote(WorkflowRunStatus recorded, boolean deleting, PlaneLookup plane) {
    var reference = recorded.runReference();
    if (reference == null || !RunPlanner.wantsRemote(recorded, deleting)) {
      return new Remote.NotAsked();
    }
    return switch (plane) {
      case PlaneLookup.Found(var ref, var planeID, var _) ->
        sessions.remote(ref, planeID, reference);
      case PlaneLookup.Missing _, PlaneLookup.None _ ->
        new Remote.Unreachable("the build plane does not exist any more");
    };
  }
}
