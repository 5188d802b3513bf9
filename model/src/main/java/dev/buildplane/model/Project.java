package dev.buildplane.model;

import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Version;

/// A group of components.
@Group(Api.GROUP)
@Version(Api.VERSION)
public final class Project extends CustomResource<ProjectSpec, ComponentStatus>
    implements Namespaced {}
