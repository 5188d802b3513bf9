package dev.buildplane.model;

import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Version;

/// A type of component for every namespace; the fields that builds read.
@Group(Api.GROUP)
@Version(Api.VERSION)
public final class ClusterComponentType
    extends CustomResource<ComponentTypeSpec, ComponentStatus> {}
