package dev.buildplane.model;

import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Version;

/// A cluster that keeps logs and metrics, for planes of every namespace.
@Group(Api.GROUP)
@Version(Api.VERSION)
public final class ClusterObservabilityPlane extends Plane {}
