package dev.buildplane.model;

/// Condition types, reasons and phases of runs. Types and the reasons of the first group are those of v0.17
/// (`reference/workflows.md` section 8.3). Public API: add freely, never rename.
public final class RunConditions {
  public static final String COMPLETED = "WorkflowCompleted";
  public static final String RUNNING = "WorkflowRunning";
  public static final String SUCCEEDED = "WorkflowSucceeded";
  public static final String FAILED = "WorkflowFailed";
  public static final String WORKLOAD_UPDATED = "WorkloadUpdated";

  /// True while the plane of a run that has begun cannot be reached.
  public static final String PLANE_DISCONNECTED = "PlaneDisconnected";

  /// False, with the reason, while something keeps the run from starting.
  public static final String SUBMITTED = "Submitted";

  /// Reasons.
  public static final class Reason {
    public static final String PENDING = "WorkflowPending";
    public static final String RUNNING = "WorkflowRunning";
    public static final String SUCCEEDED = "WorkflowSucceeded";
    public static final String FAILED = "WorkflowFailed";
    public static final String BUILD_PLANE_NOT_FOUND = "BuildPlaneNotFound";
    public static final String BUILD_PLANE_RESOLUTION_FAILED = "BuildPlaneResolutionFailed";
    public static final String WORKLOAD_UPDATED = "WorkloadUpdated";
    public static final String WORKLOAD_UPDATE_FAILED = "WorkloadUpdateFailed";

    public static final String CANCELLED = "WorkflowCancelled";
    public static final String WORKFLOW_NOT_FOUND = "WorkflowNotFound";
    public static final String EXTERNAL_REF_NOT_FOUND = "ExternalRefNotFound";
    public static final String INVALID_PARAMETERS = "InvalidParameters";
    public static final String INVALID_SCHEMA = "InvalidSchema";
    public static final String RENDER_FAILED = "RenderFailed";
    public static final String NOT_CONFINED = "NotConfined";
    public static final String BUILD_PLANE_NOT_READY = "BuildPlaneNotReady";
    public static final String NAME_CONFLICT = "NameConflict";
    public static final String FORBIDDEN = "Forbidden";
    public static final String REJECTED_BY_PLANE = "RejectedByPlane";
    public static final String INVALID_RUN_NAME = "InvalidRunName";
    public static final String PLANE_DISCONNECTED = "PlaneDisconnected";
    public static final String PLANE_CONNECTED = "PlaneConnected";
    public static final String SUBMITTED = "Submitted";
    public static final String CLEANUP_BLOCKED = "CleanupBlocked";

    private Reason() {}
  }

  /// Values of `status.phase`.
  public static final class Phase {
    public static final String PENDING = "Pending";
    public static final String RUNNING = "Running";
    public static final String SUCCEEDED = "Succeeded";
    public static final String FAILED = "Failed";
    public static final String CANCELLED = "Cancelled";

    private Phase() {}
  }

  private RunConditions() {}
}
