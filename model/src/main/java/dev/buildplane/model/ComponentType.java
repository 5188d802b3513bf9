package dev.buildplane.model;

import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Version;

/// A type of component; the fields that builds read.
@Group(Api.GROUP)
@Version(Api.VERSION)
public final class ComponentType extends CustomResource<ComponentTypeSpec, ComponentStatus>
    implements Namespaced {}
