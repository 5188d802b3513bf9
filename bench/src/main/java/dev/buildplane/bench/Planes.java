package dev.buildplane.bench;

import dev.buildplane.model.ClientCA;
import dev.buildplane.model.ClusterBuildPlane;
import dev.buildplane.model.PlaneSpec;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;

/// The planes of a benchmark, whose resources have the same names as their planeIDs.
final class Planes {
  private Planes() {}

  /// Creates one at the hub on that port.
  static void create(Certificates certificates, int hubPort, String name) throws Exception {
    try (var client = Part.client(certificates, hubPort)) {
      create(client, name, certificates.trust("agent-ca").pem());
    }
  }

  static void create(KubernetesClient client, String name, String agentCa) {
    var plane = new ClusterBuildPlane();
    plane.setMetadata(new ObjectMetaBuilder().withName(name).build());
    plane.setSpec(PlaneSpec.of(name, ClientCA.ofValue(agentCa)));
    client.resource(plane).create();
  }

  /// Path of the root of a plane's cluster at a gateway.
  static String path(String name) {
    return "/api/proxy/buildplane/" + name + "/_cluster/" + name + "/k8s";
  }
}
