package dev.buildplane.model;

import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Version;

/// One execution of a [Workflow] on one build plane (`reference/workflows.md` section 2).
@Group(Api.GROUP)
@Version(Api.VERSION)
public final class WorkflowRun extends CustomResource<WorkflowRunSpec, WorkflowRunStatus>
    implements Namespaced {}
