package dev.buildplane.model;

import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Version;

/// A cluster that runs deployed components of one namespace.
@Group(Api.GROUP)
@Version(Api.VERSION)
public final class DataPlane extends Plane implements Namespaced {}
