package dev.buildplane.model;

import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Version;

/// A cluster that keeps logs and metrics, for planes of one namespace.
@Group(Api.GROUP)
@Version(Api.VERSION)
public final class ObservabilityPlane extends Plane implements Namespaced {}
