package dev.buildplane.model;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class PlaneTest {
  private static final KubernetesSerialization JSON = new KubernetesSerialization();

  @ParameterizedTest
  @EnumSource
  void theClassOfAKindAgreesWithItsData(PlaneKind kind) {
    assertThat(HasMetadata.getKind(kind.resourceClass())).isEqualTo(kind.kind());
    assertThat(HasMetadata.getPlural(kind.resourceClass())).isEqualTo(kind.plural());
    assertThat(HasMetadata.getApiVersion(kind.resourceClass())).isEqualTo(Api.GROUP_VERSION);
    assertThat(PlaneKind.ofKind(kind.kind())).contains(kind);
    assertThat(PlaneKind.of(kind.type(), kind.scope())).isEqualTo(kind);
    assertThat(kind.finalizer()).isEqualTo("openchoreo.dev/" + kind.singular() + "-cleanup");
  }

  @ParameterizedTest
  @CsvSource({
    "CLUSTER_BUILD,ClusterBuildPlaneCreated,Buildplane is created",
    "BUILD,BuildPlaneCreated,Buildplane is created",
    "CLUSTER_DATA,ClusterDataPlaneCreated,ClusterDataplane is created",
    "DATA,DataPlaneCreated,Dataplane is created",
    "CLUSTER_OBSERVABILITY,ClusterObservabilityPlaneCreated,Observabilityplane is created",
    "OBSERVABILITY,ObservabilityPlaneCreated,Observabilityplane is created"
  })
  void theCreatedConditionReadsAsInV017(PlaneKind kind, String reason, String message) {
    assertThat(kind.createdReason()).isEqualTo(reason);
    assertThat(kind.createdMessage()).isEqualTo(message);
  }

  @ParameterizedTest
  @EnumSource
  void aKeyLeadsBackToItsPlane(PlaneKind kind) {
    var ref = new PlaneRef(kind, kind.clusterScoped() ? null : "team", "forge");
    assertThat(ref.key()).isEqualTo(kind.clusterScoped() ? "/forge" : "team/forge");
    assertThat(PlaneRef.ofKey(kind.type(), ref.key())).contains(ref);
  }

  @Test
  void everyTypeInEveryScopeIsAKind() {
    for (var type : PlaneType.values()) {
      for (var scope : PlaneScope.values()) {
        assertThat(PlaneKind.of(type, scope))
            .extracting(PlaneKind::type, PlaneKind::scope)
            .containsExactly(type, scope);
      }
    }
    assertThat(PlaneKind.values()).hasSize(PlaneType.values().length * PlaneScope.values().length);
  }

  @Test
  void thePlaneIDDefaultsToTheName() {
    var plane = new ClusterBuildPlane();
    plane.setMetadata(new ObjectMetaBuilder().withName("forge").build());
    assertThat(plane.effectivePlaneID()).isEqualTo("forge");
    plane.setSpec(PlaneSpec.of("shared", ClientCA.ofValue("x")));
    assertThat(plane.effectivePlaneID()).isEqualTo("shared");
  }

  @Test
  void theFirstExampleOfTheSeedSurvivesARoundTrip() {
    var yaml = """
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
    var plane = JSON.unmarshal(yaml, ClusterBuildPlane.class);
    assertThat(plane.getSpec())
        .isEqualTo(PlaneSpec.of(
            "shared-builder",
            ClientCA.ofSecret("openchoreo-system", "buildplane-agent-ca", "ca.crt")));
    var again = JSON.unmarshal(JSON.asJson(plane), ClusterBuildPlane.class);
    assertThat(again.getSpec()).isEqualTo(plane.getSpec());
  }

  @ParameterizedTest
  @CsvSource({
    "shared-builder,true",
    "a,true",
    "Upper,false",
    "-a,false",
    "a-,false",
    "a.b,false",
    "'',false"
  })
  void aPlaneIDIsALabel(String text, boolean valid) {
    assertThat(Limits.isPlaneID(text)).isEqualTo(valid);
    assertThat(Limits.isPlaneID("a".repeat(63))).isTrue();
    assertThat(Limits.isPlaneID("a".repeat(64))).isFalse();
  }
}
