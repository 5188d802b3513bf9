package dev.buildplane.plan;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.WorkflowRunStatus;
import dev.buildplane.model.WorkflowRunStatus.ObjectReference;

/// One thing to do for a run. Doing it twice is harmless.
public sealed interface RunAction {
  /// Store the status.
  record RecordStatus(WorkflowRunStatus status) implements RunAction {}

  /// Record a Kubernetes Event.
  record Announce(Announcement announcement) implements RunAction {}

  /// Write the Workflow's `ttlAfterCompletion` into the run, which has none.
  record AdoptTtl(String ttl) implements RunAction {}

  /// Create an object in the plane unless one of that name exists.
  record Ensure(PlaneRef plane, ObjectNode object) implements RunAction {}

  /// Create an object in the plane, or bring it to this shape.
  record Apply(PlaneRef plane, ObjectNode object) implements RunAction {}

  /// Create the Argo Workflow. One of that name marked with the same run counts as made; one marked otherwise is a conflict
  /// and is not touched.
  record Submit(PlaneRef plane, ObjectNode workflow) implements RunAction {}

  /// Tell the engine to end the workflow at once.
  record Terminate(PlaneRef plane, ObjectReference workflow) implements RunAction {}

  /// Delete an object in the plane if it is there and, where it is marked, marked with this run.
  record DeleteRemote(PlaneRef plane, ObjectReference object) implements RunAction {}

  /// Write the Workload the build produced.
  record ApplyWorkload(ObjectNode workload) implements RunAction {}

  /// Delete the run itself: its time is up.
  record DeleteRun() implements RunAction {}

  /// Let the run go.
  record RemoveFinalizer() implements RunAction {}
}
