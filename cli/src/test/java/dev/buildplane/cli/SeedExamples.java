package dev.buildplane.cli;

/// The manifests of planes in the seed, unchanged.
final class SeedExamples {
  static final String SHARED = """
      apiVersion: openchoreo.dev/v1alpha1
      kind: ClusterBuildPlane
      metadata:
        name: shared-buildplane
      spec:
        planeID: "shared-builder"
        clusterAgent:
          clientCA:
            secretRef:
              name: buildplane-agent-ca
              namespace: openchoreo-system
              key: ca.crt
      """;
  static final String SECURE = """
      apiVersion: openchoreo.dev/v1alpha1
      kind: ClusterBuildPlane
      metadata:
        name: secure-buildplane
      spec:
        planeID: "secure-builder"
        clusterAgent:
          clientCA:
            secretRef:
              name: agent-ca-cert
              namespace: openchoreo-system
              key: ca.crt
        secretStoreRef:
          name: vault-backend
      """;
  static final String MONITORED = """
      apiVersion: openchoreo.dev/v1alpha1
      kind: ClusterBuildPlane
      metadata:
        name: monitored-buildplane
      spec:
        planeID: "prod-ci"
        clusterAgent:
          clientCA:
            secretRef:
              name: buildplane-agent-ca
              namespace: openchoreo-system
              key: ca.crt
        secretStoreRef:
          name: default
        observabilityPlaneRef:
          kind: ClusterObservabilityPlane
          name: production-observability
      """;

  private SeedExamples() {}
}
