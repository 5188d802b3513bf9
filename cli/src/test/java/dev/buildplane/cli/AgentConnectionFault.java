package dev.buildplane.cli;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.apiserver.ApiServer;
import dev.buildplane.apiserver.ApiServerSettings;
import dev.buildplane.apiserver.PodLogs;
import dev.buildplane.model.AgentConnection;
import dev.buildplane.model.ClientCA;
import dev.buildplane.model.ClusterBuildPlane;
import dev.buildplane.model.Condition;
import dev.buildplane.model.Crds;
import dev.buildplane.model.PlaneConditions;
import dev.buildplane.model.PlaneSpec;
import dev.buildplane.model.PlaneStatus;
import dev.buildplane.operator.BuildplaneOperator;
import dev.buildplane.operator.OperatorSettings;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.store.ObjectStore;
import dev.buildplane.store.StoreSettings;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.Watch;
import io.fabric8.kubernetes.client.Watcher;
import io.fabric8.kubernetes.client.WatcherException;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `status.agentConnection` with a gateway and agents that are processes and can be killed: no restart looks like a lost
/// agent, and a lost agent looks like one. Every revision of the resource is looked at.
///
/// The operator's clock stands still and is put forward by hand, so that nothing here depends on how long a process takes to
/// start: whoever returns while it stands returns within the operator's graces.
class AgentConnectionFault {
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  /// Longer than every grace of the operator.
  private static final Duration BEYOND_GRACE = Duration.ofMinutes(1);

  private static final Member GATEWAY = Member.gateway(2);
  private static final CertificateAuthority AGENTS =
      CertificateAuthority.create("agents", Duration.ofDays(1));

  @TempDir
  static Path folder;

  private static final Parts PARTS = new Parts();
  private static final AtomicReference<Instant> NOW = new AtomicReference<>(Instant.now());
  private static DataDirectory data;
  private static StandalonePki pki;
  private static String apiUrl;
  private static KubernetesClient client;
  private static Process gateway;
  private static RoleReady ready;
  private static BuildplaneOperator operator;

  @BeforeAll
  static void start() throws Exception {
    data = new DataDirectory(folder.resolve("data"));
    data.create();
    pki = new StandalonePki(data.pki());
    pki.ensure();
    var store =
        PARTS.add(ObjectStore.open(StoreSettings.at(data.controlPlane().resolve("objects.db"))));
    var api = PARTS.add(ApiServer.start(
        ApiServerSettings.of(
            "hub",
            ControlPlaneRole.loopback(0),
            pki.identity("hub-server"),
            pki.trust("internal-ca")),
        store,
        PodLogs.NONE));
    apiUrl = "https://127.0.0.1:" + api.port();
    client =
        PARTS.add(Clients.connect(apiUrl, pki.trust("control-plane-ca"), pki.identity("operator")));
    Clients.applyCrds(client, Crds.all());
    startGateway(0, 0);
    startOperator();
  }

  @AfterAll
  static void stop() throws Exception {
    operator.close();
    killGateway();
    PARTS.close();
  }

  private static ConditionFactory soon() {
    return await().atMost(PATIENCE).pollInterval(Duration.ofMillis(50));
  }

  private static void startGateway(int agentPort, int callersPort) throws IOException {
    Files.deleteIfExists(RoleReady.file(data, GATEWAY));
    var command = new ArrayList<>(JavaCommand.server(128, 64));
    command.addAll(List.of(
        "serve",
        "gateway",
        "--data-dir=" + data.root(),
        "--api-url=" + apiUrl,
        "--agent-port=" + agentPort,
        "--gateway-port=" + callersPort,
        "--health-port=0",
        "--member=" + GATEWAY.index()));
    gateway = new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(
            ProcessBuilder.Redirect.appendTo(folder.resolve("gateway.log").toFile()))
        .start();
    soon().until(() -> RoleReady.read(data, GATEWAY).isPresent() || !gateway.isAlive());
    ready = RoleReady.read(data, GATEWAY)
        .orElseThrow(() -> new AssertionError("the gateway ended: " + log("gateway")));
  }

  /// SIGKILL.
  private static void killGateway() throws InterruptedException {
    gateway.destroyForcibly();
    gateway.waitFor();
  }

  /// At the addresses it had.
  private static void startGatewayAgain() throws IOException {
    startGateway(ready.port("--agent-port"), ready.port("--gateway-port"));
  }

  private static void startOperator() {
    operator = BuildplaneOperator.start(
        OperatorSettings.of(
                URI.create("https://127.0.0.1:" + ready.port("--gateway-port")),
                pki.identity("operator"),
                pki.trust("control-plane-ca"))
            .withClock(NOW::get),
        client);
  }

  private static String log(String name) {
    try {
      return Files.readString(folder.resolve(name + ".log"));
    } catch (IOException unreadable) {
      return unreadable.toString();
    }
  }

  private static void create(String name, String planeID) {
    var plane = new ClusterBuildPlane();
    plane.setMetadata(new ObjectMetaBuilder().withName(name).build());
    plane.setSpec(PlaneSpec.of(planeID, ClientCA.ofValue(AGENTS.certificatePem())));
    client.resource(plane).create();
  }

  private static AgentProcess agent(String name, String planeID) throws IOException {
    var kubeconfig = folder.resolve("cluster.kubeconfig");
    Files.writeString(
        kubeconfig,
        KubeconfigFile.render(List.of(new KubeconfigFile.Context(
            "cluster", apiUrl, pki.trust("control-plane-ca"), pki.identity("admin")))));
    return AgentProcess.start(
        folder,
        name,
        AGENTS,
        planeID,
        new AgentProcess.Route(
            "wss://127.0.0.1:" + ready.port("--agent-port") + "/ws",
            pki.certificateFile("control-plane-ca"),
            kubeconfig));
  }

  private static AgentConnection connection(String name) {
    return requireNonNull(status(name).agentConnection());
  }

  private static PlaneStatus status(String name) {
    var status = client.resources(ClusterBuildPlane.class).withName(name).get().getStatus();
    assertThat(status).as("the operator has seen " + name).isNotNull();
    return status;
  }

  private static void awaitMessage(String name, String expected) {
    soon()
        .untilAsserted(() -> assertThat(status(name).agentConnection())
            .as("%s%s", log("gateway"), status(name))
            .isNotNull()
            .extracting(AgentConnection::message)
            .isEqualTo(expected));
  }

  private static String brief(PlaneStatus status, String type) {
    return status
        .condition(type)
        .map(found -> found.status().text() + " " + found.reason())
        .orElse("absent");
  }

  private static Instant connectedSince(String name) {
    return Instant.parse(requireNonNull(connection(name).lastConnectedTime()));
  }

  /// When an agent connected last. The clock has passed that second, which is as fine as a status tells, so that who connects from
  /// now on has a later one.
  private static Instant beforeNow(String name) {
    var last = connectedSince(name);
    soon().until(() -> Instant.now().truncatedTo(ChronoUnit.SECONDS).isAfter(last));
    return last;
  }

  private static void awaitBothBackAfter(String name, Instant moment) {
    soon()
        .until(() ->
            connection(name).connectedAgents() == 2 && connectedSince(name).isAfter(moment));
  }

  /// A resource made now for agents that are there, and seen Ready: all that the gateway said before has been acted on.
  private static void witness(String name, String planeID) {
    create(name, planeID);
    soon()
        .untilAsserted(() -> assertThat(brief(status(name), PlaneConditions.READY))
            .as(log("gateway"))
            .isEqualTo("True Ready"));
  }

  /// Every revision of one resource, from now on.
  private static final class Revisions implements Watcher<ClusterBuildPlane>, AutoCloseable {
    private final List<PlaneStatus> seen = new CopyOnWriteArrayList<>();
    private final List<String> ends = new CopyOnWriteArrayList<>();
    private final Watch watch;

    Revisions(String name) {
      watch = client.resources(ClusterBuildPlane.class).withName(name).watch(this);
      soon().until(() -> !seen.isEmpty());
    }

    @Override
    public void eventReceived(Action action, ClusterBuildPlane plane) {
      seen.add(requireNonNull(plane.getStatus()));
    }

    @Override
    public void onClose(WatcherException cause) {
      ends.add(cause.toString());
    }

    void assertNeverDisconnected() {
      assertThat(ends).as("the watch saw everything").isEmpty();
      assertThat(seen).allSatisfy(status -> {
        assertThat(requireNonNull(status.agentConnection()).connected()).isTrue();
        assertThat(requireNonNull(status.agentConnection()).connectedAgents()).isPositive();
        assertThat(brief(status, PlaneConditions.AGENT_CONNECTED)).isEqualTo("True Connected");
        assertThat(brief(status, PlaneConditions.READY)).isEqualTo("True Ready");
      });
    }

    @Override
    public void close() {
      watch.close();
    }
  }

  @Test
  void theStatusCountsAgentsAsTheyComeAndGo() throws Exception {
    create("counted", "counted");
    awaitMessage("counted", "No agents connected");
    assertThat(brief(status("counted"), PlaneConditions.READY)).isEqualTo("False NoAgentConnected");
    assertThat(connection("counted").lastConnectedTime()).isNull();

    try (var first = agent("counted-1", "counted");
        var second = agent("counted-2", "counted")) {
      awaitMessage("counted", "2 agents connected (HA mode)");
      assertThat(connection("counted").connectedAgents()).isEqualTo(2);
      assertThat(status("counted").condition(PlaneConditions.AGENT_CONNECTED))
          .map(Condition::message)
          .contains("2 agents connected (HA mode)");
      assertThat(connection("counted").lastDisconnectedTime()).isNull();
      try (var revisions = new Revisions("counted")) {
        first.stop();
        awaitMessage("counted", "1 agent connected");
        revisions.assertNeverDisconnected();
      }
      second.kill();
      awaitMessage("counted", "No agents connected");
    }

    var gone = connection("counted");
    assertThat(gone.connected()).isFalse();
    assertThat(gone.connectedAgents()).isZero();
    assertThat(brief(status("counted"), PlaneConditions.READY)).isEqualTo("False NoAgentConnected");
    assertThat(Instant.parse(requireNonNull(gone.lastDisconnectedTime())))
        .isAfterOrEqualTo(requireNonNull(gone.lastConnectedTime()));

    try (var _ = agent("counted-1", "counted")) {
      awaitMessage("counted", "1 agent connected");
      assertThat(connectedSince("counted"))
          .isAfterOrEqualTo(requireNonNull(gone.lastDisconnectedTime()));
    }
  }

  @Test
  void noRestartOfGatewayOrOperatorLooksLikeALostAgent() throws Exception {
    create("steady", "steady");
    try (var _ = agent("steady-1", "steady");
        var _ = agent("steady-2", "steady")) {
      awaitMessage("steady", "2 agents connected (HA mode)");
      try (var revisions = new Revisions("steady")) {
        var before = beforeNow("steady");
        killGateway();
        startGatewayAgain();
        awaitBothBackAfter("steady", before);
        witness("steady-witness-1", "steady");
        revisions.assertNeverDisconnected();

        operator.close();
        startOperator();
        witness("steady-witness-2", "steady");
        revisions.assertNeverDisconnected();

        var both = beforeNow("steady");
        operator.close();
        killGateway();
        startGatewayAgain();
        startOperator();
        awaitBothBackAfter("steady", both);
        witness("steady-witness-3", "steady");
        revisions.assertNeverDisconnected();
      }
    }
    awaitMessage("steady", "No agents connected");
    assertThat(brief(status("steady"), PlaneConditions.READY)).isEqualTo("False NoAgentConnected");
  }

  @Test
  void anAgentThatDoesNotComeBackAfterARestartIsGoneOnceTheGraceIsOver() throws Exception {
    create("leaver", "leaver");
    create("stayer", "stayer");
    try (var leaver = agent("leaver", "leaver");
        var _ = agent("stayer", "stayer")) {
      awaitMessage("leaver", "1 agent connected");
      awaitMessage("stayer", "1 agent connected");
      try (var revisions = new Revisions("leaver")) {
        var before = beforeNow("stayer");
        killGateway();
        leaver.kill();
        startGatewayAgain();
        soon().until(() -> connectedSince("stayer").isAfter(before));
        witness("leaver-witness", "stayer");
        revisions.assertNeverDisconnected();
      }

      NOW.updateAndGet(now -> now.plus(BEYOND_GRACE));
      for (var name : List.of("leaver", "stayer")) {
        wake(name);
      }

      awaitMessage("leaver", "No agents connected");
      assertThat(connection("leaver").connected()).isFalse();
      assertThat(brief(status("leaver"), PlaneConditions.AGENT_CONNECTED))
          .isEqualTo("False NoAgentConnected");
      assertThat(connection("leaver").lastDisconnectedTime()).isNotNull();
      witness("stayer-witness", "stayer");
      assertThat(connection("stayer").connected()).isTrue();
    } finally {
      operator.close(); // what it knows is of a future that the other tests do not share
      NOW.set(Instant.now());
      startOperator();
    }
  }

  /// The clock was put forward by hand, so the resource is looked at again by hand.
  private static void wake(String name) {
    client.resources(ClusterBuildPlane.class).withName(name).edit(plane -> {
      plane.getMetadata().setAnnotations(Map.of("test/clock", NOW.get().toString()));
      return plane;
    });
  }
}
