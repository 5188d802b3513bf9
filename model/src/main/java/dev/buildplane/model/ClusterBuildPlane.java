package dev.buildplane.model;

import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Version;

/// A build cluster every namespace may run workflows on.
@Group(Api.GROUP)
@Version(Api.VERSION)
public final class ClusterBuildPlane extends Plane {}
