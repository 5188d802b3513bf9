package dev.buildplane.plan;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.model.Condition;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.WorkflowRunSpec;
import dev.buildplane.model.WorkflowRunStatus;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Everything one pass over a run looked at. Read once, then frozen: a pass never looks twice.
///
/// @param recorded the status as stored
/// @param cancelled whether `spec.cancel` or the annotation asks for an end
/// @param abandon whether the force-delete annotation lets the run go without cleaning its plane
public record RunObserved(
    String namespace,
    String name,
    String uid,
    long generation,
    Map<String, String> labels,
    WorkflowRunSpec spec,
    WorkflowRunStatus recorded,
    boolean deleting,
    boolean cancelled,
    boolean abandon,
    Recipe recipe,
    PlaneLookup plane,
    Rendering rendering,
    Remote remote,
    Instant now) {

  public RunObserved {
    labels = Map.copyOf(labels);
  }

  /// The Workflow a run names.
  public sealed interface Recipe {
    /// It exists. `ttl` is its `ttlAfterCompletion`.
    record Found(@Nullable String ttl) implements Recipe {}

    /// It does not exist.
    record Missing(String name) implements Recipe {}
  }

  /// The build plane of a run: the one it is bound to, else the one its Workflow leads to.
  public sealed interface PlaneLookup {
    /// It exists. `ready` is its Ready condition, absent when it has none yet.
    record Found(PlaneRef plane, String planeID, Optional<Condition> ready)
        implements PlaneLookup {}

    /// A named one, or the one the run is bound to, does not exist.
    record Missing(PlaneRef plane) implements PlaneLookup {}

    /// None is named and none is called `default`.
    record None() implements PlaneLookup {}
  }

  /// What the Workflow's templates made of the run's parameters.
  public sealed interface Rendering {
    /// Not needed on this pass, or impossible yet.
    record NotTried() implements Rendering {}

    /// Objects to make in the plane, checked to be confined.
    ///
    /// @param workflow the Argo Workflow
    record Rendered(ObjectNode workflow, List<ObjectNode> resources) implements Rendering {
      public Rendered {
        resources = List.copyOf(resources);
      }
    }

    /// Nothing can be made.
    ///
    /// @param reason one of `RunConditions.Reason`
    /// @param message what is wrong, where, and what to do
    record Refused(String reason, String message) implements Rendering {}
  }

  /// The Argo Workflow in the plane.
  public sealed interface Remote {
    /// Not looked for: nothing has been made yet, or nothing depends on it any more.
    record NotAsked() implements Remote {}

    /// The plane cannot be asked now.
    record Unreachable(String why) implements Remote {}

    /// The plane said that it does not exist. Never concluded from a cache.
    record Absent() implements Remote {}

    /// It exists. `runUid` is the run it is marked with, empty when with none.
    record Present(String runUid, ArgoWorkflow workflow) implements Remote {}
  }
}
