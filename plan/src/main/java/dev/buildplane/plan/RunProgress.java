package dev.buildplane.plan;

import dev.buildplane.model.Condition;
import dev.buildplane.model.RunConditions;
import dev.buildplane.model.RunConditions.Phase;
import dev.buildplane.model.RunConditions.Reason;
import dev.buildplane.model.WorkflowRunStatus;
import dev.buildplane.model.WorkflowRunStatus.ObjectReference;
import dev.buildplane.model.WorkflowRunStatus.PinnedPlane;
import dev.buildplane.model.WorkflowRunStatus.Task;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A run's status in the making. Starts as what is recorded. Conditions, reasons and messages are those of v0.17
/// (`reference/workflows.md` section 8.3) unless said otherwise. Not for sharing.
final class RunProgress {
  private static final Set<String> ANSWERS = Set.of(
      Reason.FORBIDDEN, Reason.REJECTED_BY_PLANE, Reason.NAME_CONFLICT, Reason.PLANE_DISCONNECTED);

  private final RunObserved seen;
  private final Conditions conditions;
  private final List<Announcement> told = new ArrayList<>();
  private @Nullable PinnedPlane plane;
  private @Nullable ObjectReference runReference;
  private List<ObjectReference> resources;
  private List<Task> tasks;
  private @Nullable String completedAt;

  RunProgress(RunObserved seen) {
    this.seen = seen;
    var recorded = seen.recorded();
    conditions = Conditions.carryOn(recorded.conditions(), seen.generation(), seen.now());
    plane = recorded.buildPlane();
    runReference = recorded.runReference();
    resources = recorded.resources();
    tasks = recorded.tasks();
    completedAt = recorded.completedAt();
  }

  /// Accepted, and waiting for nothing in particular.
  void pending() {
    waiting(Reason.PENDING, "Workflow has not completed yet");
  }

  /// About to be submitted. What the plane answered to the last attempt stands until this one has an outcome, so that a run
  /// whose attempts keep failing does not flap.
  void trying() {
    if (conditions
        .get(RunConditions.COMPLETED)
        .filter(before -> ANSWERS.contains(before.reason()))
        .isEmpty()) {
      pending();
    }
  }

  /// Not completed, for a reason a person can act on. Says so in an Event when the reason is new.
  void waiting(String reason, String message) {
    var before = conditions.get(RunConditions.COMPLETED);
    conditions.set(RunConditions.COMPLETED, false, reason, message);
    boolean news = before.isEmpty() || !before.get().reason().equals(reason);
    if (news && !reason.equals(Reason.PENDING)) {
      told.add(Announcement.warning(reason, message));
    }
  }

  void pin(PinnedPlane chosen) {
    plane = chosen;
  }

  void intend(ObjectReference workflow, List<ObjectReference> extras) {
    runReference = workflow;
    resources = extras;
  }

  void submitted(String where) {
    if (!has(RunConditions.SUBMITTED)) {
      conditions.set(
          RunConditions.SUBMITTED,
          true,
          Reason.SUBMITTED,
          "the Argo Workflow was created " + where);
      pending();
      told.add(Announcement.normal(Reason.SUBMITTED, "Argo Workflow created " + where));
    }
  }

  void reachable() {
    if (has(RunConditions.PLANE_DISCONNECTED)) {
      conditions.set(
          RunConditions.PLANE_DISCONNECTED,
          false,
          Reason.PLANE_CONNECTED,
          "the build plane is back");
      told.add(Announcement.normal(Reason.PLANE_CONNECTED, "the build plane is back"));
    }
  }

  void disconnected(String why) {
    var message = "the build plane cannot be reached: " + why
        + "; the run goes on there and is followed again when it is back";
    if (!has(RunConditions.PLANE_DISCONNECTED)) {
      told.add(Announcement.warning(Reason.PLANE_DISCONNECTED, message));
    }
    conditions.set(RunConditions.PLANE_DISCONNECTED, true, Reason.PLANE_DISCONNECTED, message);
  }

  void cleanupBlocked(String why) {
    var message = "the objects of this run in its build plane cannot be deleted: " + why
        + "; they are when the plane is back, or annotate the run with openchoreo.dev/force-delete=true to leave them";
    if (!has(Reason.CLEANUP_BLOCKED)) {
      told.add(Announcement.warning(Reason.CLEANUP_BLOCKED, message));
    }
    conditions.set(Reason.CLEANUP_BLOCKED, true, Reason.PLANE_DISCONNECTED, message);
  }

  void tasks(List<Task> list) {
    tasks = list;
  }

  void running() {
    if (!has(RunConditions.RUNNING)) {
      told.add(Announcement.normal(Reason.RUNNING, "Argo Workflow is running"));
    }
    conditions.set(RunConditions.RUNNING, true, Reason.RUNNING, "Argo Workflow is running");
    pending();
  }

  void succeeded() {
    stopped("Argo Workflow running has completed");
    conditions.set(
        RunConditions.SUCCEEDED, true, Reason.SUCCEEDED, "Workflow completed successfully");
    complete(Reason.SUCCEEDED, "Workflow has completed successfully");
    told.add(Announcement.normal(Reason.SUCCEEDED, "Workflow completed successfully"));
  }

  void failed(String detail) {
    stopped("Argo Workflow running has completed");
    fail(Reason.FAILED, "Workflow execution failed" + (detail.isEmpty() ? "" : ": " + detail));
    complete(Reason.FAILED, "Workflow has completed with failure");
  }

  void vanished() {
    stopped("Workflow is not found in the cluster");
    fail(
        Reason.FAILED,
        "the Argo Workflow was deleted in the build plane before it ended; start the run again");
    complete(Reason.FAILED, "Workflow has been deleted from the cluster");
  }

  void planeGone(String which) {
    stopped("Workflow is not found in the cluster");
    fail(
        Reason.FAILED,
        "the " + which + " was deleted while the run was on it; start the run again");
    complete(Reason.BUILD_PLANE_NOT_FOUND, "the build plane of this run has been deleted");
  }

  void cancelled(String message) {
    if (conditions.get(RunConditions.RUNNING).isPresent()) {
      stopped("Argo Workflow running has completed");
    }
    fail(Reason.CANCELLED, message);
    complete(Reason.CANCELLED, "Workflow was cancelled");
  }

  void workload(boolean updated, String message) {
    var reason = updated ? Reason.WORKLOAD_UPDATED : Reason.WORKLOAD_UPDATE_FAILED;
    var before = conditions.get(RunConditions.WORKLOAD_UPDATED);
    if (before.filter(old -> old.message().equals(message)).isEmpty()) {
      told.add(
          updated ? Announcement.normal(reason, message) : Announcement.warning(reason, message));
    }
    conditions.set(RunConditions.WORKLOAD_UPDATED, updated, reason, message);
  }

  private void stopped(String message) {
    conditions.set(RunConditions.RUNNING, false, Reason.RUNNING, message);
  }

  private void fail(String reason, String message) {
    conditions.set(RunConditions.FAILED, true, reason, message);
    told.add(Announcement.warning(reason, message));
  }

  private void complete(String reason, String message) {
    conditions.set(RunConditions.COMPLETED, true, reason, message);
    completedAt = Conditions.text(seen.now());
  }

  private boolean has(String type) {
    return conditions.get(type).filter(Condition::holds).isPresent();
  }

  boolean isSubmitted() {
    return has(RunConditions.SUBMITTED);
  }

  @Nullable
  ObjectReference runReference() {
    return runReference;
  }

  WorkflowRunStatus status() {
    var startedAt = seen.recorded().startedAt();
    return new WorkflowRunStatus(
        seen.generation(),
        phase(),
        conditions.list(),
        plane,
        runReference,
        resources,
        tasks,
        startedAt == null ? Conditions.text(seen.now()) : startedAt,
        completedAt);
  }

  /// The first match decides, as in the REST API of v0.17; a cancelled run is told apart.
  private String phase() {
    var failed = conditions.get(RunConditions.FAILED).filter(Condition::holds);
    if (failed.isPresent()) {
      return failed.get().reason().equals(Reason.CANCELLED) ? Phase.CANCELLED : Phase.FAILED;
    }
    if (has(RunConditions.SUCCEEDED)) {
      return Phase.SUCCEEDED;
    }
    return has(RunConditions.RUNNING) ? Phase.RUNNING : Phase.PENDING;
  }

  /// Actions that store the status and tell what is new, none when nothing is.
  List<RunAction> record() {
    var next = status();
    var actions = new ArrayList<RunAction>();
    if (!next.equals(seen.recorded())) {
      actions.add(new RunAction.RecordStatus(next));
    }
    told.stream().map(RunAction.Announce::new).forEach(actions::add);
    return actions;
  }
}
