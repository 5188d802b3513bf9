package dev.buildplane.render;

import java.util.Set;

/// What rendered objects may be and ask for. Everything not allowed is refused.
///
/// @param runKinds allowed run objects as `apiVersion/kind`, for example `argoproj.io/v1alpha1/Workflow`
/// @param resourceKinds allowed extra resources; a version of `*` stands for any version of the group
/// @param serviceAccounts service accounts runs may use; empty means any but `default`
/// @param allowHostPath volumes from the node's file system
/// @param allowHostNamespaces the node's network, process and IPC namespaces, and host ports
/// @param allowPrivileged privileged containers, privilege escalation and added capabilities
/// @param allowPodSpecPatch patches of the pod that could undo all the rest
/// @param allowResourceTemplates Argo templates of kind `resource`, which create objects of any kind
/// @param allowHooks life-cycle hooks
/// @param allowArtifactLocations artifacts stored elsewhere than the plane's own repository
public record ConfinementPolicy(
    Set<String> runKinds,
    Set<String> resourceKinds,
    Set<String> serviceAccounts,
    boolean allowHostPath,
    boolean allowHostNamespaces,
    boolean allowPrivileged,
    boolean allowPodSpecPatch,
    boolean allowResourceTemplates,
    boolean allowHooks,
    boolean allowArtifactLocations) {

  public ConfinementPolicy {
    runKinds = Set.copyOf(runKinds);
    resourceKinds = Set.copyOf(resourceKinds);
    serviceAccounts = Set.copyOf(serviceAccounts);
  }

  /// Argo Workflows, with Secrets, ConfigMaps, ServiceAccounts and ExternalSecrets beside them, and no special rights.
  public static ConfinementPolicy strict() {
    return new ConfinementPolicy(
        Set.of("argoproj.io/v1alpha1/Workflow"),
        Set.of(
            "v1/Secret",
            "v1/ConfigMap",
            "v1/ServiceAccount",
            "v1/PersistentVolumeClaim",
            "external-secrets.io/*/ExternalSecret"),
        Set.of(),
        false,
        false,
        false,
        false,
        false,
        false,
        false);
  }
}
