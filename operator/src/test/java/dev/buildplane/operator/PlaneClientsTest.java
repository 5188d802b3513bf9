package dev.buildplane.operator;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import java.net.URI;
import org.junit.jupiter.api.Test;

class PlaneClientsTest {
  private static final URI GATEWAY = URI.create("https://gateway:8444");

  @Test
  void theUrlNamesTypePlaneAndResource() {
    assertThat(PlaneClients.masterUrl(
            GATEWAY, new PlaneRef(PlaneKind.CLUSTER_BUILD, null, "shared"), "builder"))
        .isEqualTo(
            URI.create("https://gateway:8444/api/proxy/buildplane/builder/_cluster/shared/k8s/"));
    assertThat(PlaneClients.masterUrl(GATEWAY, new PlaneRef(PlaneKind.DATA, "team", "eu"), "eu"))
        .isEqualTo(URI.create("https://gateway:8444/api/proxy/dataplane/eu/team/eu/k8s/"));
  }
}
