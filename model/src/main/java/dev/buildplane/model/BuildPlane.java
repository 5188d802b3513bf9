package dev.buildplane.model;

import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Version;

/// A build cluster the workflows of one namespace run on.
@Group(Api.GROUP)
@Version(Api.VERSION)
public final class BuildPlane extends Plane implements Namespaced {}
