package dev.buildplane.model;

import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Version;

/// Which keys of an external secret store make up a Secret (`reference/workflows.md` section 4).
@Group(Api.GROUP)
@Version(Api.VERSION)
public final class SecretReference
    extends CustomResource<SecretReferenceSpec, SecretReferenceStatus> implements Namespaced {}
