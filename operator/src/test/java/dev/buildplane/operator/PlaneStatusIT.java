package dev.buildplane.operator;

import static dev.buildplane.operator.World.brief;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.model.ClusterBuildPlane;
import dev.buildplane.model.Plane;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.PlaneStatus;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.Watcher;
import io.fabric8.kubernetes.client.WatcherException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// What a status says, how often it is written, and who else may write into it.
class PlaneStatusIT {
  private static World world;

  @BeforeAll
  static void open(@TempDir Path folder) throws Exception {
    world = new World(folder);
  }

  @AfterAll
  static void close() throws Exception {
    world.close();
  }

  private static ConditionFactory soon() {
    return await().atMost(Duration.ofSeconds(45)).pollInterval(Duration.ofMillis(50));
  }

  private static PlaneRef cluster(String name) {
    return new PlaneRef(PlaneKind.CLUSTER_BUILD, null, name);
  }

  private static Optional<Plane> find(PlaneRef ref) {
    var all = world.hub.resources(ref.kind().resourceClass());
    return Optional.ofNullable(
        ref.namespace() == null
            ? all.withName(ref.name()).get()
            : all.inNamespace(ref.namespace()).withName(ref.name()).get());
  }

  private static Optional<PlaneStatus> status(PlaneRef ref) {
    return find(ref).map(Plane::getStatus);
  }

  private static void awaitCondition(PlaneRef ref, String type, String expected) {
    soon()
        .untilAsserted(() -> assertThat(
                brief(status(ref).flatMap(status -> status.condition(type))))
            .as("%s of %s", type, status(ref))
            .isEqualTo(expected));
  }

  private static String message(PlaneRef ref, String type) {
    return status(ref).orElseThrow().condition(type).orElseThrow().message();
  }

  private static void readyPlane(String name) {
    world.agentCa(name);
    world.clusterBuildPlane(name, "");
    world.gateway.connect(name + "-c1", name + "-id", "/" + name);
    awaitCondition(cluster(name), "Ready", "True Ready");
  }

  /// A watch on one plane that keeps every state it has seen.
  private static final class Recording implements Watcher<ClusterBuildPlane>, AutoCloseable {
    final List<ClusterBuildPlane> seen = new CopyOnWriteArrayList<>();
    private final io.fabric8.kubernetes.client.Watch watch;

    Recording(String name) {
      watch = world.hub.resources(ClusterBuildPlane.class).withName(name).watch(this);
      soon().until(() -> !seen.isEmpty());
    }

    @Override
    public void eventReceived(Action action, ClusterBuildPlane plane) {
      seen.add(plane);
    }

    @Override
    public void onClose(WatcherException cause) {}

    List<PlaneStatus> statuses() {
      return seen.stream().map(Plane::getStatus).toList();
    }

    @Override
    public void close() {
      watch.close();
    }
  }

  private static void assertNeverDisconnected(Recording recording) {
    assertThat(recording.statuses())
        .allSatisfy(status -> assertThat(status.agentConnection().connected()).isTrue())
        .allSatisfy(status -> assertThat(brief(status.condition("Ready"))).isEqualTo("True Ready"));
  }

  /// A plane made now and seen Ready: everything the gateway said before has been acted on.
  private static void witness(String name) {
    readyPlane(name);
  }

  @Test
  void aRestartOfTheOperatorIsNoDisconnect() {
    readyPlane("operator-restart");
    try (var recording = new Recording("operator-restart")) {
      world.operator.close();
      world.startOperator();
      witness("operator-restart-witness");
      assertNeverDisconnected(recording);
    }
  }

  @Test
  void aRestartOfTheGatewayIsNoDisconnectForAgentsThatComeBack() throws Exception {
    readyPlane("gateway-restart");
    var before = status(cluster("gateway-restart")).orElseThrow().agentConnection();
    try (var recording = new Recording("gateway-restart")) {
      int port = world.gateway.port();
      world.gateway.close();
      world.startGateway(port);
      witness("gateway-restart-witness");
      assertNeverDisconnected(recording);
      world.gateway.connect("gateway-restart-c2", "gateway-restart-id", "/gateway-restart");
      soon()
          .until(() -> !status(cluster("gateway-restart"))
              .orElseThrow()
              .agentConnection()
              .lastConnectedTime()
              .equals(before.lastConnectedTime()));
      assertNeverDisconnected(recording);
    }
  }

  @Test
  void anIdlePlaneWritesItsHeartbeatOncePerIntervalAndNothingElse() {
    readyPlane("idle");
    var start =
        Instant.parse(status(cluster("idle")).orElseThrow().agentConnection().lastHeartbeatTime());
    try (var recording = new Recording("idle")) {
      int settled = recording.seen.size();
      for (int second = 10; second <= 600; second += 10) {
        world.gateway.heartbeat("idle-c1", start.plusSeconds(second));
        int beat = second;
        if (second % 60 == 0) {
          soon()
              .until(() -> status(cluster("idle"))
                  .orElseThrow()
                  .agentConnection()
                  .lastHeartbeatTime()
                  .equals(start.plusSeconds(beat).toString()));
        }
      }
      witness("idle-witness");
      var writes = recording.statuses().subList(settled, recording.seen.size());
      assertThat(writes).hasSize(10);
      assertThat(writes)
          .extracting(PlaneStatus::conditions)
          .containsOnly(recording.statuses().getFirst().conditions());
    }
  }

  @Test
  void whatOthersWriteSurvivesAndNobodyWritesInALoop() {
    readyPlane("shared");
    var other = new PatchContext.Builder()
        .withPatchType(PatchType.SERVER_SIDE_APPLY)
        .withFieldManager("auditor")
        .build();
    world.hub.resources(ClusterBuildPlane.class).withName("shared").patch(other, """
            {"apiVersion":"openchoreo.dev/v1alpha1","kind":"ClusterBuildPlane","metadata":{"name":"shared","labels":{"team":"ci"}}}""");
    world
        .hub
        .resources(ClusterBuildPlane.class)
        .withName("shared")
        .subresource("status")
        .patch(other, """
            {"apiVersion":"openchoreo.dev/v1alpha1","kind":"ClusterBuildPlane","metadata":{"name":"shared"},
            "status":{"conditions":[{"type":"AAudited","status":"False","reason":"Pending","message":"not yet","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}""");

    try (var recording = new Recording("shared")) {
      witness("shared-witness-1");
      assertThat(recording.seen).as("no write without a change").hasSize(1);

      world.gateway.disconnect("shared-c1");
      awaitCondition(cluster("shared"), "Ready", "False NoAgentConnected");
      world.gateway.connect("shared-c2", "shared-id", "/shared");
      awaitCondition(cluster("shared"), "Ready", "True Ready");
      witness("shared-witness-2");
      assertThat(recording.seen).as("one write per change").hasSize(3);
    }
    assertThat(status(cluster("shared")).orElseThrow().condition("AAudited")).isPresent();
    var plane = find(cluster("shared")).orElseThrow();
    assertThat(plane.getMetadata().getLabels()).containsEntry("team", "ci");
    assertThat(plane.getMetadata().getManagedFields()).anySatisfy(owner -> {
      assertThat(owner.getManager()).isEqualTo("buildplane-operator");
      assertThat(owner.getSubresource()).isEqualTo("status");
      assertThat(owner.getOperation()).isEqualTo("Apply");
    });
  }

  private static PlaneRef ref(PlaneKind kind, String name) {
    return new PlaneRef(kind, kind.clusterScoped() ? null : "default", name);
  }

  /// A plane of any kind whose agent is not there.
  private static PlaneRef create(PlaneKind kind, String name, String extra) {
    var ref = ref(kind, name);
    world.agentCa(name);
    world.hub("apiVersion: openchoreo.dev/v1alpha1\nkind: " + kind.kind() + "\nmetadata: {name: "
        + name + (kind.clusterScoped() ? "" : ", namespace: default") + "}\nspec:\n"
        + "  clusterAgent: {clientCA: {secretRef: {name: " + name
        + ", namespace: default, key: ca.crt}}}\n"
        + switch (kind.type()) {
          case BUILD, DATA -> "";
          case OBSERVABILITY -> "  observerURL: https://observer.example\n";
        }
        + extra.indent(2));
    return ref;
  }

  @ParameterizedTest
  @EnumSource
  void everyKindHasTheSameLife(PlaneKind kind) {
    var ref = create(kind, "life-" + kind.singular(), "");
    awaitCondition(ref, "Created", "True " + kind.createdReason());
    awaitCondition(ref, "ClientCAResolved", "True Resolved");
    awaitCondition(ref, "Ready", "False NoAgentConnected");
    assertThat(message(ref, "Created")).isEqualTo(kind.createdMessage());
    var created = find(ref).orElseThrow();
    assertThat(created.getFinalizers()).containsExactly(kind.finalizer());
    assertThat(status(ref).orElseThrow().planeID()).isEqualTo(ref.name());

    world.hub(withPlaneID(created, "another"));
    soon().untilAsserted(() -> {
      assertThat(status(ref).orElseThrow().observedGeneration()).isEqualTo(2);
      assertThat(status(ref).orElseThrow().planeID()).isEqualTo("another");
    });
    soon()
        .untilAsserted(
            () -> assertThat(world.hub.v1().events().inAnyNamespace().list().getItems())
                .filteredOn(event -> event.getInvolvedObject().getName().equals(ref.name()))
                .extracting(io.fabric8.kubernetes.api.model.Event::getReason)
                .contains("ReconcileComplete", "NoAgentConnected", "NotReady"));
    assertThat(world.metrics.render())
        .contains("buildplane_plane_ready{kind=\"" + kind.kind() + "\",name=\"" + ref.name()
            + "\",namespace=\"" + (kind.clusterScoped() ? "" : "default") + "\"} 0.0");
  }

  private static String withPlaneID(Plane plane, String planeID) {
    var copy = new GenericKubernetesResource();
    copy.setApiVersion(plane.getApiVersion());
    copy.setKind(plane.getKind());
    copy.setMetadata(new io.fabric8.kubernetes.api.model.ObjectMetaBuilder()
        .withName(plane.getMetadata().getName())
        .withNamespace(plane.getMetadata().getNamespace())
        .build());
    var spec = java.util.Objects.requireNonNull(plane.getSpec());
    copy.setAdditionalProperty(
        "spec",
        new dev.buildplane.model.PlaneSpec(
            planeID, spec.clusterAgent(), null, null, null, null, spec.observerURL(), null));
    return io.fabric8.kubernetes.client.utils.Serialization.asYaml(copy);
  }

  @ParameterizedTest
  @EnumSource
  void everyKindGoesWithoutAgentAndWithoutGateway(PlaneKind kind) throws Exception {
    var ref = create(kind, "gone-" + kind.singular(), "");
    awaitCondition(ref, "Ready", "False NoAgentConnected");
    int port = world.gateway.port();
    world.gateway.close();
    try {
      world.hub.resource(find(ref).orElseThrow()).delete();
      soon().until(() -> find(ref).isEmpty());
    } finally {
      world.startGateway(port);
    }
    soon()
        .untilAsserted(
            () -> assertThat(world.metrics.render()).doesNotContain("name=\"" + ref.name() + "\""));
  }

  static Stream<Arguments> observabilityByDefault() {
    return Stream.of(
        Arguments.of(PlaneKind.CLUSTER_BUILD, PlaneKind.CLUSTER_OBSERVABILITY),
        Arguments.of(PlaneKind.CLUSTER_DATA, PlaneKind.CLUSTER_OBSERVABILITY),
        Arguments.of(PlaneKind.BUILD, PlaneKind.OBSERVABILITY),
        Arguments.of(PlaneKind.DATA, PlaneKind.OBSERVABILITY));
  }

  @ParameterizedTest
  @MethodSource("observabilityByDefault")
  void thePlaneCalledDefaultIsTakenUpAndLetGo(PlaneKind kind, PlaneKind observability) {
    var ref = create(kind, "obs-" + kind.singular(), "");
    awaitCondition(ref, "ObservabilityResolved", "True NotConfigured");
    var byDefault = create(observability, "default", "");
    awaitCondition(ref, "ObservabilityResolved", "True Resolved");
    assertThat(message(ref, "ObservabilityResolved")).contains("default");
    world.hub.resource(find(byDefault).orElseThrow()).delete();
    awaitCondition(ref, "ObservabilityResolved", "True NotConfigured");
  }

  @Test
  void aNamespacedPlaneMayNameAClusterScopedObservabilityPlane() {
    var ref = create(
        PlaneKind.DATA,
        "obs-named",
        "observabilityPlaneRef: {kind: ClusterObservabilityPlane, name: obs-of-all}");
    awaitCondition(ref, "ObservabilityResolved", "False ClusterObservabilityPlaneNotFound");
    awaitCondition(ref, "Ready", "False ClusterObservabilityPlaneNotFound");
    create(PlaneKind.CLUSTER_OBSERVABILITY, "obs-of-all", "");
    awaitCondition(ref, "ObservabilityResolved", "True Resolved");
  }

  private static String base64(String text) {
    return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void everyFormOfClientCAIsReadAndItsRotationSeenAtOnce() {
    var ref = create(PlaneKind.BUILD, "forms", "");
    awaitCondition(ref, "ClientCAResolved", "True Resolved");
    var one = world.ca.certificatePem();
    var two = dev.buildplane.pki.CertificateAuthority.create("next", Duration.ofDays(99))
        .certificatePem();
    secret("forms", "ca.crt", one + "-----BEGIN NOTE-----\nAAAA\n-----END NOTE-----\n" + two);
    soon().until(() -> message(ref, "ClientCAResolved").startsWith("2 CA certificates"));
    secret("forms", "ca.crt", base64(one));
    soon().until(() -> message(ref, "ClientCAResolved").startsWith("1 CA certificate,"));
    secret("forms", "other", one);
    awaitCondition(ref, "ClientCAResolved", "False KeyNotFound");
    secret("forms", "ca.crt", "no certificate");
    awaitCondition(ref, "ClientCAResolved", "False InvalidCertificate");
    world.hub.secrets().inNamespace("default").withName("forms").delete();
    awaitCondition(ref, "ClientCAResolved", "False SecretNotFound");
    secret("forms", "ca.crt", one);
    awaitCondition(ref, "ClientCAResolved", "True Resolved");
  }

  private static void secret(String name, String key, String text) {
    var secret = new io.fabric8.kubernetes.api.model.SecretBuilder()
        .withNewMetadata()
        .withName(name)
        .withNamespace("default")
        .endMetadata()
        .addToData(key, base64(text))
        .build();
    var named = world.hub.secrets().inNamespace("default").resource(secret);
    if (named.get() == null) {
      named.create();
    } else {
      named.update();
    }
  }

  @Test
  void aNameThatIsNoPlaneIDIsAcceptedAndToldWhatToDo() {
    var ref = create(PlaneKind.CLUSTER_BUILD, "ci.prod", "");
    awaitCondition(ref, "AgentConnected", "False InvalidPlaneID");
    awaitCondition(ref, "Ready", "False InvalidPlaneID");
    assertThat(message(ref, "Ready")).contains("ci.prod", "spec.planeID");
    world.hub(withPlaneID(find(ref).orElseThrow(), "ci-prod"));
    awaitCondition(ref, "Ready", "False NoAgentConnected");
  }

  @Test
  void anAgentCertificateThatExpiresSoonIsReportedAndMeasured() {
    world.agentCa("leaf");
    world.clusterBuildPlane("leaf", "");
    var soonExpired = Instant.now().plus(Duration.ofDays(29));
    world.gateway.connectExpiring(soonExpired, "leaf-c1", "leaf-id", "/leaf");
    awaitCondition(cluster("leaf"), "CertificatesCurrent", "False AgentCertificateExpiresSoon");
    awaitCondition(cluster("leaf"), "Ready", "True Ready");
    assertThat(world.metrics.render().lines())
        .anyMatch(line ->
            line.startsWith("buildplane_certificate_expiry_timestamp_seconds{certificate=\"agent\"")
                && line.contains("name=\"leaf\"")
                && (long) Double.parseDouble(line.substring(line.lastIndexOf(' ')))
                    == soonExpired.getEpochSecond());
    world.gateway.connect("leaf-c2", "leaf-id", "/leaf");
    awaitCondition(cluster("leaf"), "CertificatesCurrent", "True Valid");
  }

  private static final String STORES = """
      apiVersion: apiextensions.k8s.io/v1
      kind: CustomResourceDefinition
      metadata: {name: clustersecretstores.external-secrets.io}
      spec:
        group: external-secrets.io
        names: {kind: ClusterSecretStore, listKind: ClusterSecretStoreList, plural: clustersecretstores, singular: clustersecretstore}
        scope: Cluster
        versions:
          - name: v1
            served: true
            storage: true
            schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
          - name: v1beta1
            served: true
            storage: false
            schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
      """;

  private static void store(String name, String ready, String reason) {
    World.apply(world.plane, """
        apiVersion: external-secrets.io/v1
        kind: ClusterSecretStore
        metadata: {name: %s}
        status: {conditions: [{type: Ready, status: "%s", reason: %s, message: told by the store}]}
        """.formatted(name, ready, reason));
  }

  @Test
  void theSecretStoreInsideThePlaneIsWatchedInItsNewestVersion() {
    World.apply(world.plane, STORES);
    world.agentCa("vaulted");
    world.clusterBuildPlane("vaulted", "secretStoreRef: {name: vault}");
    awaitCondition(cluster("vaulted"), "SecretStoreReady", "Unknown PlaneDisconnected");
    world.gateway.connect("vaulted-c1", "vaulted-id", "/vaulted");
    awaitCondition(cluster("vaulted"), "SecretStoreReady", "False NotFound");
    store("vault", "False", "InvalidProviderConfig");
    awaitCondition(cluster("vaulted"), "SecretStoreReady", "False NotReady");
    assertThat(message(cluster("vaulted"), "SecretStoreReady")).contains("told by the store");
    store("vault", "True", "Valid");
    awaitCondition(cluster("vaulted"), "Ready", "True Ready");
    store("another", "False", "Whatever");
    World.apply(world.plane, STORES);
    world
        .plane
        .genericKubernetesResources("external-secrets.io/v1", "ClusterSecretStore")
        .withName("vault")
        .delete();
    awaitCondition(cluster("vaulted"), "SecretStoreReady", "False NotFound");
    world.gateway.disconnect("vaulted-c1");
    awaitCondition(cluster("vaulted"), "SecretStoreReady", "Unknown PlaneDisconnected");
  }

  @Test
  void passesAreCountedUnderTheNamesOfControllerRuntime() {
    readyPlane("counted");
    soon()
        .untilAsserted(() -> assertThat(world.metrics.render())
            .contains(
                "controller_runtime_reconcile_total{controller=\"clusterbuildplane\",result=\"success\"}",
                "controller_runtime_reconcile_time_seconds_bucket{controller=\"clusterbuildplane\",le=\"0.005\"}",
                "workqueue_adds_total{name=\"clusterbuildplane\"}",
                "workqueue_depth{name=\"clusterbuildplane\"} 0.0",
                "workqueue_depth{name=\"workflowrun\"} 0.0"));
  }
}
