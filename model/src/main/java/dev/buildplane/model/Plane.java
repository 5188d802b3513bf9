package dev.buildplane.model;

import io.fabric8.kubernetes.client.CustomResource;

/// A plane of any kind: one spec and one status for all six.
///
/// Mutable as all fabric8 resources are; not for sharing between threads.
public abstract sealed class Plane extends CustomResource<PlaneSpec, PlaneStatus>
    permits ClusterBuildPlane,
        BuildPlane,
        ClusterDataPlane,
        DataPlane,
        ClusterObservabilityPlane,
        ObservabilityPlane {

  /// Which of the six kinds this is.
  public PlaneKind planeKind() {
    return PlaneKind.of(this);
  }

  /// Kind, namespace and name.
  public PlaneRef ref() {
    return new PlaneRef(
        planeKind(),
        planeKind().clusterScoped() ? null : getMetadata().getNamespace(),
        getMetadata().getName());
  }

  /// The planeID this resource stands for: `spec.planeID`, else the resource's name. The one place of that rule; the
  /// result is not checked, see [Limits#isPlaneID].
  public String effectivePlaneID() {
    var spec = getSpec();
    var given = spec == null ? null : spec.planeID();
    return given == null || given.isEmpty() ? getMetadata().getName() : given;
  }
}
