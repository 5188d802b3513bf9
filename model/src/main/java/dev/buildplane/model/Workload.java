package dev.buildplane.model;

import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Version;

/// What a build produced: container image and how to run it. Only its owner is read here.
@Group(Api.GROUP)
@Version(Api.VERSION)
public final class Workload extends CustomResource<WorkloadSpec, ComponentStatus>
    implements Namespaced {}
