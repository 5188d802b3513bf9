package dev.buildplane.plan;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.model.Condition;
import dev.buildplane.model.Limits;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.RunConditions;
import dev.buildplane.model.RunConditions.Reason;
import dev.buildplane.model.WorkflowRunStatus;
import dev.buildplane.model.WorkflowRunStatus.Output;
import dev.buildplane.model.WorkflowRunStatus.PinnedPlane;
import dev.buildplane.model.WorkflowRunStatus.Task;
import dev.buildplane.plan.RunObserved.PlaneLookup;
import dev.buildplane.plan.RunObserved.Recipe;
import dev.buildplane.plan.RunObserved.Remote;
import dev.buildplane.plan.RunObserved.Rendering;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// Decides what to do next for a run (`DESIGN.md` section 6). Pure: no clock, no client, no logging.
///
/// A run passes through: bound to a plane, intended (the objects to make are recorded), submitted (the Argo Workflow exists),
/// running, ended, workload written, gone. Every move is recorded before the next one is made, and every action may be
/// repeated, so a crash between any two leads to the same end with one Argo Workflow.
public final class RunPlanner {
  /// Characters of an output parameter that is mirrored into the status; longer ones are left out.
  static final int OUTPUT_CHARS = 1_024;

  /// Outputs of one task that are mirrored.
  static final int OUTPUTS_PER_TASK = 16;

  /// Tasks that are mirrored, to keep the status below the size limit of an object.
  static final int TASKS = 500;

  private static final Set<String> TASK_PHASES =
      Set.of("Pending", "Running", "Succeeded", "Failed", "Skipped", "Error");
  private static final Duration SHORTEST_RECHECK = Duration.ofSeconds(1);

  private RunPlanner() {}

  /// Whether a pass needs [Rendering]: the run is accepted and nothing has been made for it yet.
  public static boolean wantsRendering(WorkflowRunStatus recorded) {
    return !ended(recorded) && !submitted(recorded);
  }

  /// Whether a pass needs [Remote]: something may have been made in the plane and its state matters.
  public static boolean wantsRemote(WorkflowRunStatus recorded, boolean deleting) {
    return recorded.runReference() != null
        && (deleting || !ended(recorded) || workloadDue(recorded));
  }

  /// Whether the run has ended.
  public static boolean ended(WorkflowRunStatus recorded) {
    return recorded.condition(RunConditions.COMPLETED).filter(Condition::holds).isPresent();
  }

  private static boolean submitted(WorkflowRunStatus recorded) {
    return recorded.condition(RunConditions.SUBMITTED).filter(Condition::holds).isPresent();
  }

  private static boolean workloadDue(WorkflowRunStatus recorded) {
    return recorded.condition(RunConditions.SUCCEEDED).filter(Condition::holds).isPresent()
        && recorded.condition(RunConditions.WORKLOAD_UPDATED).isEmpty()
        && recorded.tasks().stream().anyMatch(task -> task.name().equals(WorkloadOutput.STEP));
  }

  public static RunPlan plan(RunObserved seen) {
    if (seen.deleting()) {
      return finalizing(seen);
    }
    if (ended(seen.recorded())) {
      return ended(seen);
    }
    var progress = new RunProgress(seen);
    if (submitted(seen.recorded())) {
      return following(seen, progress);
    }
    return starting(seen, progress);
  }

  /// What to record when an action of a plan has failed. The pass is then repeated with back-off.
  public static RunPlan failed(RunObserved seen, RunAction action, ActionFailure failure) {
    var progress = new RunProgress(seen);
    if (seen.deleting()) {
      progress.cleanupBlocked(failure.detail());
    } else if (ended(seen.recorded())) {
      if (action instanceof RunAction.ApplyWorkload
          && !(failure instanceof ActionFailure.Unreachable)) {
        progress.workload(false, "Failed to create/update workload CR: " + failure.detail());
      }
    } else if (submitted(seen.recorded())) {
      progress.disconnected(failure.detail());
    } else {
      if (seen.plane() instanceof PlaneLookup.Found(var plane, var planeID, var _)) {
        progress.pin(PinnedPlane.of(plane, planeID));
      }
      if (seen.rendering() instanceof Rendering.Rendered rendered) {
        intend(progress, rendered);
      }
      progress.waiting(reason(failure), message(action, failure));
    }
    return new RunPlan(progress.record(), Optional.empty());
  }

  private static String reason(ActionFailure failure) {
    return switch (failure) {
      case ActionFailure.Forbidden _ -> Reason.FORBIDDEN;
      case ActionFailure.Rejected _ -> Reason.REJECTED_BY_PLANE;
      case ActionFailure.Conflict _ -> Reason.NAME_CONFLICT;
      case ActionFailure.Unreachable _ -> Reason.PLANE_DISCONNECTED;
    };
  }

  private static String message(RunAction action, ActionFailure failure) {
    var what = switch (action) {
      case RunAction.Ensure(var _, var object) -> "cannot create " + name(object);
      case RunAction.Apply(var _, var object) -> "cannot apply " + name(object);
      case RunAction.Submit(var _, var object) -> "cannot create " + name(object);
      case RunAction.Terminate(var _, var reference) -> "cannot stop " + reference.name();
      case RunAction.DeleteRemote(var _, var reference) -> "cannot delete " + reference.name();
      case RunAction.ApplyWorkload _ -> "cannot write the Workload";
      case RunAction.RecordStatus _,
          RunAction.Announce _,
          RunAction.AdoptTtl _,
          RunAction.DeleteRun _,
          RunAction.RemoveFinalizer _ -> "cannot update the run";
    };
    var remedy = switch (failure) {
      case ActionFailure.Forbidden _ ->
        "grant it to the agent's service account in the build plane";
      case ActionFailure.Rejected _ ->
        "correct the template in the Workflow or what the build plane demands";
      case ActionFailure.Conflict _ ->
        "delete that object in the build plane or give the run another name";
      case ActionFailure.Unreachable _ -> "it is tried again";
    };
    return what + " in the build plane: " + failure.detail() + "; " + remedy;
  }

  private static String name(ObjectNode object) {
    return object.path("kind").asText() + " "
        + object.path("metadata").path("name").asText();
  }

  // --- before anything exists in the plane ---

  private static RunPlan starting(RunObserved seen, RunProgress progress) {
    // The object may be there although its creation was not recorded: that is a run to follow, not one to start.
    if (seen.remote() instanceof Remote.Present(var uid, var _) && uid.equals(seen.uid())) {
      progress.submitted("in namespace " + namespace(progress));
      return following(seen, progress);
    }
    boolean intended = seen.recorded().runReference() != null;
    if (intended && seen.plane() instanceof PlaneLookup.Missing(var gone)) {
      progress.planeGone(gone.kind().kind() + " '" + gone.name() + "'");
      return new RunPlan(progress.record(), Optional.empty());
    }
    if (seen.cancelled() && intended && seen.remote() instanceof Remote.Unreachable(var why)) {
      // It may have been created without our knowing; only the plane can tell.
      progress.waiting(
          Reason.PLANE_DISCONNECTED, "the run is cancelled once its build plane is back: " + why);
      return new RunPlan(progress.record(), Optional.empty());
    }
    if (seen.cancelled()) {
      progress.cancelled("the run was cancelled before it started");
      return new RunPlan(progress.record(), Optional.empty());
    }
    var obstacle = obstacle(seen);
    if (obstacle.isPresent()) {
      if (seen.plane() instanceof PlaneLookup.Found(var plane, var planeID, var _)
          && seen.recipe() instanceof Recipe.Found) {
        progress.pin(PinnedPlane.of(plane, planeID));
      }
      progress.waiting(obstacle.get().reason(), obstacle.get().message());
      return new RunPlan(progress.record(), Optional.empty());
    }
    return submission(seen, progress);
  }

  private record Obstacle(String reason, String message) {}

  private static Optional<Obstacle> obstacle(RunObserved seen) {
    if (seen.name().length() > Limits.LABEL_VALUE_CHARS) {
      return Optional.of(new Obstacle(
          Reason.INVALID_RUN_NAME,
          "expected a run name of at most 63 characters, found " + seen.name().length()
              + "; create the run again under a shorter name"));
    }
    if (seen.recipe() instanceof Recipe.Missing(var name)) {
      return Optional.of(new Obstacle(
          Reason.WORKFLOW_NOT_FOUND,
          "Workflow '" + name + "' not found in namespace " + seen.namespace()
              + "; create it or correct spec.workflow.name"));
    }
    return switch (seen.plane()) {
      case PlaneLookup.None _ ->
        Optional.of(new Obstacle(
            Reason.BUILD_PLANE_NOT_FOUND,
            "No build plane found for the project associated with this workflow run; name one in spec.buildPlaneRef of the"
                + " Workflow, or create a BuildPlane 'default' in namespace " + seen.namespace()
                + " or a ClusterBuildPlane 'default'"));
      case PlaneLookup.Missing(var plane) ->
        Optional.of(new Obstacle(
            Reason.BUILD_PLANE_RESOLUTION_FAILED,
            "Failed to resolve build plane: " + plane.kind().kind() + " '" + plane.name()
                + "' not found"
                + (plane.namespace() == null ? "" : " in namespace " + plane.namespace())
                + "; create it or correct spec.buildPlaneRef of the Workflow"));
      // What the author can mend is told before what has to be waited for.
      case PlaneLookup.Found(var plane, var _, var ready) ->
        refused(seen.rendering())
            .or(() -> unready(plane, ready))
            .or(() -> unrendered(seen.rendering()));
    };
  }

  private static Optional<Obstacle> refused(Rendering rendering) {
    return rendering instanceof Rendering.Refused(var reason, var message)
        ? Optional.of(new Obstacle(reason, message))
        : Optional.empty();
  }

  private static Optional<Obstacle> unrendered(Rendering rendering) {
    return rendering instanceof Rendering.Rendered
        ? Optional.empty()
        : Optional.of(new Obstacle(Reason.PENDING, "Workflow has not completed yet"));
  }

  private static Optional<Obstacle> unready(PlaneRef plane, Optional<Condition> ready) {
    if (ready.filter(Condition::holds).isPresent()) {
      return Optional.empty();
    }
    var why = ready
        .map(condition -> condition.reason() + ": " + condition.message())
        .orElse("nobody has looked at it yet");
    return Optional.of(new Obstacle(
        Reason.BUILD_PLANE_NOT_READY,
        plane.kind().kind() + " '" + plane.name() + "' is not ready: " + why
            + "; the run starts when it is"));
  }

  private static RunPlan submission(RunObserved seen, RunProgress progress) {
    var found = (PlaneLookup.Found) seen.plane();
    var rendered = (Rendering.Rendered) seen.rendering();
    progress.pin(PinnedPlane.of(found.plane(), found.planeID()));
    intend(progress, rendered);
    progress.trying();
    var actions = new ArrayList<RunAction>();
    adoptedTtl(seen).ifPresent(actions::add);
    actions.addAll(progress.record());
    var namespace = rendered.workflow().path("metadata").path("namespace").asText();
    var account = rendered.workflow().path("spec").path("serviceAccountName").asText();
    Prerequisites.of(namespace, account)
        .forEach(object -> actions.add(new RunAction.Ensure(found.plane(), object)));
    rendered
        .resources()
        .forEach(object ->
            actions.add(new RunAction.Apply(found.plane(), Prerequisites.marked(object, seen))));
    actions.add(
        new RunAction.Submit(found.plane(), Prerequisites.marked(rendered.workflow(), seen)));
    var after = new RunProgress(seen);
    after.pin(PinnedPlane.of(found.plane(), found.planeID()));
    intend(after, rendered);
    after.submitted("in namespace " + namespace);
    actions.addAll(after.record());
    return new RunPlan(actions, Optional.empty());
  }

  private static Optional<RunAction> adoptedTtl(RunObserved seen) {
    var own = seen.spec().ttlAfterCompletion();
    return (own == null || own.isEmpty())
            && seen.recipe() instanceof Recipe.Found(var ttl)
            && ttl != null
            && !ttl.isEmpty()
        ? Optional.of(new RunAction.AdoptTtl(ttl))
        : Optional.empty();
  }

  private static void intend(RunProgress progress, Rendering.Rendered rendered) {
    progress.intend(
        Prerequisites.reference(rendered.workflow()),
        rendered.resources().stream().map(Prerequisites::reference).toList());
  }

  // --- while the Argo Workflow exists ---

  private static RunPlan following(RunObserved seen, RunProgress progress) {
    var actions = new ArrayList<RunAction>();
    switch (seen.remote()) {
      case Remote.NotAsked _ -> {}
      case Remote.Unreachable(var why) -> {
        if (seen.plane() instanceof PlaneLookup.Missing(var gone)) {
          progress.planeGone(gone.kind().kind() + " '" + gone.name() + "'");
        } else {
          progress.disconnected(why);
        }
      }
      case Remote.Absent _ -> {
        progress.reachable();
        if (seen.cancelled()) {
          progress.cancelled("the run was cancelled");
        } else {
          progress.vanished();
        }
      }
      case Remote.Present(var uid, var _)
      when !uid.equals(seen.uid()) -> {
        progress.reachable();
        progress.vanished();
      }
      case Remote.Present(var _, var workflow) -> {
        progress.reachable();
        mirror(seen, progress, workflow);
        terminate(seen, progress, workflow).ifPresent(actions::add);
      }
    }
    actions.addAll(0, progress.record());
    return new RunPlan(actions, Optional.empty());
  }

  private static void mirror(RunObserved seen, RunProgress progress, ArgoWorkflow workflow) {
    progress.tasks(workflow.steps().stream().limit(TASKS).map(RunPlanner::task).toList());
    switch (workflow.phase()) {
      case "Running" -> progress.running();
      case "Succeeded" -> progress.succeeded();
      case "Failed", "Error" -> {
        if (seen.cancelled()) {
          progress.cancelled("the run was cancelled");
        } else {
          progress.failed(detail(workflow));
        }
      }
      default -> progress.pending(); // Pending, empty, or a phase of a later engine: not ended
    }
  }

  /// The first step that failed says more than the engine's own message, which is often `child failed`.
  private static String detail(ArgoWorkflow workflow) {
    return workflow.steps().stream()
        .filter(step -> step.phase().equals("Failed") || step.phase().equals("Error"))
        .findFirst()
        .map(step -> "step '" + step.name() + "' "
            + (step.phase().equals("Error") ? "had an error" : "failed")
            + (step.message().isEmpty() ? "" : ": " + step.message()))
        .orElse(workflow.message());
  }

  private static Task task(ArgoWorkflow.Step step) {
    var outputs = step.outputs().entrySet().stream()
        .filter(output -> !output.getKey().equals(WorkloadOutput.PARAMETER)
            && output.getValue().length() <= OUTPUT_CHARS)
        .sorted(Map.Entry.comparingByKey())
        .limit(OUTPUTS_PER_TASK)
        .map(output -> new Output(output.getKey(), output.getValue()))
        .toList();
    var phase = switch (step.phase()) {
      case "" -> "Pending";
      case "Omitted" -> "Skipped";
      default -> TASK_PHASES.contains(step.phase()) ? step.phase() : "Error";
    };
    return new Task(
        step.name(),
        phase,
        step.startedAt(),
        step.finishedAt(),
        step.message().isEmpty() ? null : step.message(),
        outputs);
  }

  private static Optional<RunAction> terminate(
      RunObserved seen, RunProgress progress, ArgoWorkflow workflow) {
    boolean over = Set.of("Succeeded", "Failed", "Error").contains(workflow.phase());
    var reference = progress.runReference();
    if (!seen.cancelled() || over || reference == null) {
      return Optional.empty();
    }
    return plane(seen).map(plane -> new RunAction.Terminate(plane, reference));
  }

  private static Optional<PlaneRef> plane(RunObserved seen) {
    return seen.plane() instanceof PlaneLookup.Found(var plane, var _, var _)
        ? Optional.of(plane)
        : Optional.empty();
  }

  private static String namespace(RunProgress progress) {
    var reference = progress.runReference();
    return reference == null || reference.namespace() == null ? "" : reference.namespace();
  }

  // --- after the end ---

  private static RunPlan ended(RunObserved seen) {
    if (workloadDue(seen.recorded())) {
      return workload(seen);
    }
    var wait = remaining(seen);
    if (wait.isPresent() && !wait.get().isPositive()) {
      return new RunPlan(List.of(new RunAction.DeleteRun()), Optional.empty());
    }
    var progress = new RunProgress(seen);
    var generationOnly = progress.record();
    return new RunPlan(
        generationOnly,
        wait.map(left -> left.compareTo(SHORTEST_RECHECK) < 0 ? SHORTEST_RECHECK : left));
  }

  private static Optional<Duration> remaining(RunObserved seen) {
    var completedAt = seen.recorded().completedAt();
    var ttl = seen.spec().ttlAfterCompletion();
    if (completedAt == null || ttl == null) {
      return Optional.empty();
    }
    return Ttl.parse(ttl)
        .map(keep -> Duration.between(seen.now(), Instant.parse(completedAt).plus(keep)));
  }

  /// The Workload comes before the time to live, so that a short one never loses it.
  private static RunPlan workload(RunObserved seen) {
    return switch (seen.remote()) {
      case Remote.NotAsked _ -> new RunPlan(List.of(), Optional.empty());
      case Remote.Unreachable(var why) -> {
        var progress = new RunProgress(seen);
        progress.disconnected(why);
        yield new RunPlan(progress.record(), Optional.empty());
      }
      case Remote.Absent _ ->
        workload(seen, new WorkloadOutput.Unusable("the Argo Workflow is gone"));
      case Remote.Present(var _, var workflow) -> workload(seen, WorkloadOutput.of(workflow, seen));
    };
  }

  private static RunPlan workload(RunObserved seen, WorkloadOutput output) {
    var progress = new RunProgress(seen);
    progress.reachable();
    var actions = new ArrayList<RunAction>();
    switch (output) {
      case WorkloadOutput.Usable(var workload) -> {
        actions.add(new RunAction.ApplyWorkload(workload));
        progress.workload(true, "Workload CR created/updated successfully");
      }
      case WorkloadOutput.Unusable(var detail) ->
        progress.workload(false, "Failed to create/update workload CR: " + detail);
      case WorkloadOutput.None _ ->
        progress.workload(
            false, "Failed to create/update workload CR: step " + WorkloadOutput.STEP + " is gone");
    }
    actions.addAll(progress.record());
    return new RunPlan(actions, Optional.empty());
  }

  // --- deletion ---

  private static RunPlan finalizing(RunObserved seen) {
    var recorded = seen.recorded();
    var reference = recorded.runReference();
    boolean nothingMade = reference == null && recorded.resources().isEmpty();
    if (nothingMade || seen.abandon()) {
      return new RunPlan(List.of(new RunAction.RemoveFinalizer()), Optional.empty());
    }
    return switch (seen.plane()) {
      case PlaneLookup.Missing _, PlaneLookup.None _ ->
        new RunPlan(List.of(new RunAction.RemoveFinalizer()), Optional.empty());
      case PlaneLookup.Found(var plane, var _, var _) -> {
        if (seen.remote() instanceof Remote.Unreachable(var why)) {
          var progress = new RunProgress(seen);
          progress.cleanupBlocked(why);
          yield new RunPlan(progress.record(), Optional.empty());
        }
        var actions = new ArrayList<RunAction>();
        if (reference != null) {
          actions.add(new RunAction.DeleteRemote(
              plane, reference)); // first, so that nothing runs on without its resources
        }
        recorded
            .resources()
            .forEach(object -> actions.add(new RunAction.DeleteRemote(plane, object)));
        actions.add(new RunAction.RemoveFinalizer());
        yield new RunPlan(actions, Optional.empty());
      }
    };
  }
}
