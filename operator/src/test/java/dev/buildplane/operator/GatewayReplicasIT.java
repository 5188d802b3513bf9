package dev.buildplane.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.model.ClusterBuildPlane;
import dev.buildplane.model.Condition;
import dev.buildplane.model.PlaneStatus;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// An operator and two replicas of the gateway.
@Timeout(120)
class GatewayReplicasIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Duration LEASE = Duration.ofSeconds(2);

  @TempDir
  Path folder;

  private World world;
  private FakeGateway other;

  @BeforeEach
  void start() throws Exception {
    world = new World(folder);
    other = world.anotherGateway();
    world.operator.close();
    world.startOperator(world
        .settings()
        .withGateways(GatewaySet.of(world.gateway.uri(), other.uri()))
        .withGatewayLease(LEASE));
    world.agentCa("p");
    world.clusterBuildPlane("p", "");
  }

  @AfterEach
  void stop() throws Exception {
    world.close();
    other.close();
  }

  private Optional<PlaneStatus> status() {
    return Optional.ofNullable(
            world.hub.resources(ClusterBuildPlane.class).withName("p").get())
        .map(ClusterBuildPlane::getStatus);
  }

  private String condition(String type) {
    return World.brief(status().flatMap(status -> Condition.find(status.conditions(), type)));
  }

  private int agents() {
    return status()
        .flatMap(status -> Optional.ofNullable(status.agentConnection()))
        .map(dev.buildplane.model.AgentConnection::connectedAgents)
        .orElse(-1);
  }

  private void awaitReady() {
    await().atMost(PATIENCE).until(() -> condition("Ready").equals("True Ready"));
  }

  @Test
  void anAgentAtAnyReplicaMakesItsPlaneReady() {
    other.connect("c", "p-id", "/p");

    awaitReady();
  }

  @Test
  void twoConnectionsOfOneAgentAreOneAgentInStatus() {
    world.gateway.connectAs("i", "c", "p-id", "/p");
    other.connectAs("i", "d", "p-id", "/p");
    awaitReady();
    other.connectAs("j", "e", "p-id", "/p");
    await().atMost(PATIENCE).until(() -> agents() == 2);

    other.disconnect("e");

    await().atMost(PATIENCE).until(() -> agents() == 1);
  }

  @Test
  void aSilentReplicasAgentsAreGoneAfterItsLeaseAndOthersNot() {
    world.gateway.connectAs("i", "c", "p-id", "/p");
    other.connectAs("i", "d", "p-id", "/p");
    other.connectAs("j", "e", "p-id", "/p");
    await().atMost(PATIENCE).until(() -> agents() == 2);

    other.stopTalking();

    await().atMost(PATIENCE).until(() -> agents() == 1);
    assertThat(condition("Ready")).isEqualTo("True Ready");
  }

  @Test
  void whatIsFollowedInAPlaneIsTakenUpThroughAnotherReplicaWhenOneStops() {
    World.apply(world.plane, """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: clustersecretstores.external-secrets.io}
        spec:
          group: external-secrets.io
          names: {kind: ClusterSecretStore, listKind: ClusterSecretStoreList, plural: clustersecretstores, singular: clustersecretstore}
          scope: Cluster
          versions:
            - name: v1beta1
              served: true
              storage: true
              schema:
                openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}
        """);
    world.clusterBuildPlane("p", "secretStoreRef: {name: vault}");
    world.gateway.connectAs("i", "c", "p-id", "/p");
    other.connectAs("i", "d", "p-id", "/p");
    await().atMost(PATIENCE).until(() -> condition("SecretStoreReady").equals("False NotFound"));
    assertThat(world.gateway.proxied()).isPositive();

    world.gateway.stopTalking();
    World.apply(world.plane, """
        apiVersion: external-secrets.io/v1beta1
        kind: ClusterSecretStore
        metadata: {name: vault}
        status: {conditions: [{type: Ready, status: "True", reason: Valid, message: store validated}]}
        """);

    awaitReady();
    assertThat(other.proxied()).isPositive();
  }
}
