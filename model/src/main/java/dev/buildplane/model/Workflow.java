package dev.buildplane.model;

import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Version;

/// A recipe for builds: parameters and the Argo Workflow made from them (`reference/workflows.md` section 1).
@Group(Api.GROUP)
@Version(Api.VERSION)
public final class Workflow extends CustomResource<WorkflowSpec, WorkflowStatus>
    implements Namespaced {}
