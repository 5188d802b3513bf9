package dev.buildplane.model;

import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Version;

/// A component of a project; the fields that builds read (`reference/workflows.md` section 3).
@Group(Api.GROUP)
@Version(Api.VERSION)
public final class Component extends CustomResource<ComponentSpec, ComponentStatus>
    implements Namespaced {}
