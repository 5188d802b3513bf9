package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.model.ClientCA;
import dev.buildplane.model.ClusterBuildPlane;
import dev.buildplane.model.PlaneSpec;
import io.fabric8.kubernetes.api.model.ManagedFieldsEntryBuilder;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import org.junit.jupiter.api.Test;

class LeanPlanesTest {
  @Test
  void whatTrustDependsOnIsKeptAndTheRestIsNot() {
    var plane = new ClusterBuildPlane();
    plane.setMetadata(new ObjectMetaBuilder()
        .withName("eu")
        .withDeletionTimestamp("2026-03-01T12:00:00Z")
        .withManagedFields(
            new ManagedFieldsEntryBuilder().withManager("kubectl").build())
        .build());
    plane.setSpec(PlaneSpec.of("p", ClientCA.ofValue("certificates")));
    var planes = new LeanPlanes<ClusterBuildPlane>();

    planes.put(planes.getKey(plane), plane);

    var kept = planes.get(planes.getKey(plane));
    assertThat(kept.getMetadata().getManagedFields()).isEmpty();
    assertThat(kept.getStatus()).isNull();
    assertThat(kept.getSpec()).isEqualTo(PlaneSpec.of("p", ClientCA.ofValue("certificates")));
    assertThat(kept.getMetadata().getDeletionTimestamp()).isEqualTo("2026-03-01T12:00:00Z");
  }
}
