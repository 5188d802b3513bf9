package dev.buildplane.model;

/// Names of the API group all kinds belong to, and of the annotations, labels and finalizers it defines.
public final class Api {
  public static final String GROUP = "openchoreo.dev";
  public static final String VERSION = "v1alpha1";
  public static final String GROUP_VERSION = GROUP + "/" + VERSION;

  /// Annotation: name shown by user interfaces.
  public static final String DISPLAY_NAME = GROUP + "/display-name";

  /// Annotation: what the resource is for.
  public static final String DESCRIPTION = GROUP + "/description";

  /// Annotation: `"true"` lets a plane go although runs on it have not ended.
  public static final String FORCE_DELETE = GROUP + "/force-delete";

  /// Annotation: `"true"` on a run has the effect of `spec.cancel: true`.
  public static final String CANCEL = GROUP + "/cancel";

  /// Annotation and label on every object a run makes in its build plane: the UID of the run.
  public static final String RUN_UID = GROUP + "/workflowrun-uid";

  /// Label on objects in the build plane: the run's name.
  public static final String RUN = GROUP + "/workflowrun";

  /// Label on objects in the build plane: the run's namespace.
  public static final String RUN_NAMESPACE = GROUP + "/workflowrun-namespace";

  /// Label on objects in the build plane: who made them.
  public static final String MANAGED_BY = GROUP + "/managed-by";

  /// Value of [#MANAGED_BY].
  public static final String MANAGED_BY_RUNS = "workflowrun-controller";

  public static final String PROJECT = GROUP + "/project";
  public static final String COMPONENT = GROUP + "/component";

  /// Finalizer of a run.
  public static final String RUN_FINALIZER = GROUP + "/workflowrun-cleanup";

  /// Field manager of every status the operator writes.
  public static final String FIELD_MANAGER = "buildplane-operator";

  /// Name of the build plane used when a Workflow names none.
  public static final String DEFAULT_PLANE = "default";

  private Api() {}
}
