package dev.buildplane.operator;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.plan.PlaneObserved.Agents;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class AgentRegistryTest {
  private static final Instant NOON = Instant.parse("2026-03-01T12:00:00Z");
  private static final PlaneRef ONE = new PlaneRef(PlaneKind.CLUSTER_BUILD, null, "one");
  private static final PlaneRef TWO = new PlaneRef(PlaneKind.CLUSTER_BUILD, null, "two");

  private static final Duration LEASE = Duration.ofSeconds(30);
  private static final String A = "https://a";
  private static final String B = "https://b";

  private final AgentRegistry registry = new AgentRegistry(NOON, LEASE);

  @BeforeEach
  void oneReplica() {
    registry.retain(Set.of(A), NOON);
  }

  private static GatewayEvent connection(String id, String... keys) {
    return connectionOf(id, id, keys);
  }

  private static GatewayEvent connectionOf(String agent, String id, String... keys) {
    return new GatewayEvent.Connection(
        id,
        agent,
        "buildplane",
        "p",
        Set.of(keys),
        NOON.plusSeconds(1),
        NOON.plusSeconds(2),
        Optional.empty(),
        List.of("get pods/log"),
        !agent.startsWith("v0.17"));
  }

  @Test
  void aPlaneStreamsWhileOneOfItsAgentsDoes() {
    registry.apply(A, connectionOf("v0.17", "old", "/one"), NOON);
    registry.apply(A, connection("new-of-another", "/other"), NOON);
    registry.apply(A, new GatewayEvent.Synced("r"), NOON);
    assertThat(registry.streams(ONE)).isFalse();

    registry.apply(A, connection("new", "/one"), NOON);
    assertThat(registry.streams(ONE)).isTrue();
    registry.apply(A, new GatewayEvent.Disconnected("new", NOON), NOON);
    assertThat(registry.streams(ONE)).isFalse();
  }

  @Test
  void whatAnAgentLacksIsToldOfEachPlaneItServes() {
    registry.apply(A, connection("c", "/one"), NOON);
    registry.apply(A, new GatewayEvent.Synced("r"), NOON);
    assertThat(known(ONE).authorised())
        .singleElement()
        .satisfies(agent -> assertThat(agent.permissionsMissing()).containsExactly("get pods/log"));
  }

  private Agents.Known known(PlaneRef ref) {
    return (Agents.Known) registry.agents(ref, "p");
  }

  private void synced() {
    registry.apply(A, new GatewayEvent.Synced("r"), NOON.plusSeconds(3));
  }

  @Test
  void nothingIsJudgedBeforeTheSnapshotIsComplete() {
    registry.apply(A, connection("c", "/one"), NOON);
    assertThat(registry.agents(ONE, "p")).isInstanceOf(Agents.Silent.class);
    synced();
    assertThat(known(ONE).authorised()).hasSize(1);
    assertThat(known(TWO).others()).isEqualTo(1);
  }

  @Test
  void aLostStreamKeepsWhatWasKnownUntilTheNextSnapshot() {
    registry.apply(A, connection("c", "/one"), NOON);
    registry.apply(A, connection("d", "/one"), NOON);
    synced();
    assertThat(registry.silent(A, NOON.plusSeconds(10), "reset"))
        .isEqualTo(AgentRegistry.Change.ALL);
    assertThat(registry.agents(ONE, "p"))
        .isEqualTo(new Agents.Silent(NOON.plusSeconds(10), "reset"));
    registry.apply(A, connection("c", "/one"), NOON.plusSeconds(11));
    synced();
    assertThat(registry.connectionIDs()).containsExactly("c");
    assertThat(known(ONE).authorised().getFirst().since()).isEqualTo(NOON.plusSeconds(1));
    assertThat(known(ONE).lastDisconnected()).contains(NOON.plusSeconds(10));
  }

  @Test
  void grantAndRevokeMoveOneResourceOnly() {
    synced();
    registry.apply(A, connection("c", "/one"), NOON);
    var granted = registry.apply(A, connection("c", "/one", "/two"), NOON.plusSeconds(5));
    assertThat(granted.concerns(TWO, "p")).isTrue();
    assertThat(known(TWO).authorised().getFirst().since()).isEqualTo(NOON.plusSeconds(5));
    registry.apply(A, connection("c", "/two"), NOON.plusSeconds(9));
    assertThat(known(ONE).authorised()).isEmpty();
    assertThat(known(ONE).lastDisconnected()).contains(NOON.plusSeconds(9));
    assertThat(known(TWO).authorised()).hasSize(1);
  }

  @Test
  void aDisconnectHappensWhenTheGatewaySaysItDid() {
    synced();
    registry.apply(A, connection("c", "/one"), NOON);
    var change = registry.apply(
        A, new GatewayEvent.Disconnected("c", NOON.plusSeconds(7)), NOON.plusSeconds(8));
    assertThat(change.concerns(ONE, "p")).isTrue();
    assertThat(known(ONE).lastDisconnected()).contains(NOON.plusSeconds(7));
  }

  @Test
  void aGatewayIsKnownSinceItsFirstSnapshotAndAnotherOneSinceItsOwn() {
    synced();
    registry.silent(A, NOON.plusSeconds(10), "reset");
    registry.apply(A, new GatewayEvent.Synced("r"), NOON.plusSeconds(11));
    assertThat(known(ONE).knownSince()).isEqualTo(NOON.plusSeconds(3));
    registry.silent(A, NOON.plusSeconds(20), "reset");
    registry.apply(A, new GatewayEvent.Synced("another"), NOON.plusSeconds(21));
    assertThat(known(ONE).knownSince()).isEqualTo(NOON.plusSeconds(21));
  }

  @Test
  void theEndOfACertificateIsToldWhereTheGatewayTellsIt() {
    var line = """
        {"type":"CONNECTION","connectionID":"c","planeType":"buildplane","planeID":"p","authorized":[],
        "connectedAt":"2026-03-01T12:00:00Z","lastSeen":"2026-03-01T12:00:00Z"%s}""";
    assertThat(expiry(line.formatted(""))).isEmpty();
    assertThat(expiry(line.formatted(",\"certificateExpires\":\"2026-04-01T12:00:00Z\"")))
        .contains(Instant.parse("2026-04-01T12:00:00Z"));
  }

  private static Optional<Instant> expiry(String line) {
    return ((GatewayEvent.Connection) GatewayEvent.parse(line).orElseThrow()).certificateExpires();
  }

  @Test
  void aLineOfALaterGatewayIsNoError() {
    assertThat(GatewayEvent.parse("{\"type\":\"WEATHER\"}")).isEmpty();
    assertThat(GatewayEvent.parse("{\"type\":\"PING\",\"at\":\"2026-03-01T12:00:00Z\"}"))
        .contains(new GatewayEvent.Ping());
  }

  // ---- several replicas

  private void twoReplicas() {
    registry.retain(Set.of(A, B), NOON);
    synced();
    registry.apply(B, new GatewayEvent.Synced("r"), NOON.plusSeconds(3));
  }

  private AgentRegistry.Change lost(String replica, long second) {
    return registry.silent(replica, NOON.plusSeconds(second), "reset");
  }

  @Test
  void twoConnectionsOfOneAgentAreOneAgent() {
    twoReplicas();
    registry.apply(A, connectionOf("agent", "c", "/one"), NOON);
    registry.apply(B, connectionOf("agent", "d", "/one"), NOON);
    registry.apply(B, connectionOf("other", "e", "/one"), NOON);
    registry.apply(A, connectionOf("stock", "stock"), NOON);

    assertThat(known(ONE).authorised()).hasSize(2);
    assertThat(known(TWO).others()).isEqualTo(3);
  }

  @Test
  void anAgentHasDisconnectedWhenItsLastConnectionHas() {
    twoReplicas();
    registry.apply(A, connectionOf("agent", "c", "/one"), NOON);
    registry.apply(B, connectionOf("agent", "d", "/one"), NOON);

    registry.apply(A, new GatewayEvent.Disconnected("c", NOON.plusSeconds(5)), NOON);
    assertThat(known(ONE).authorised()).hasSize(1);
    assertThat(known(ONE).lastDisconnected()).isEmpty();

    registry.apply(B, new GatewayEvent.Disconnected("d", NOON.plusSeconds(6)), NOON);
    assertThat(known(ONE).lastDisconnected()).contains(NOON.plusSeconds(6));
  }

  @Test
  void aSilentReplicaIsNoFlapForAnAgentThatIsConnectedElsewhereToo() {
    twoReplicas();
    registry.apply(A, connectionOf("agent", "c", "/one"), NOON);
    registry.apply(B, connectionOf("agent", "d", "/one"), NOON);
    var before = known(ONE).authorised().size();

    lost(A, 10);
    assertThat(known(ONE).authorised()).hasSize(before);
    registry.expire(NOON.plusSeconds(10).plus(LEASE));

    assertThat(known(ONE).authorised()).hasSize(before);
    assertThat(known(ONE).lastDisconnected()).isEmpty();
    assertThat(registry.connectionIDs()).containsExactly("d");
  }

  @Test
  void aSilentReplicaMakesItsOwnAgentsUnknownAndAfterItsLeaseGone() {
    twoReplicas();
    registry.apply(A, connection("c", "/one"), NOON);
    registry.apply(B, connection("d", "/two"), NOON);

    lost(A, 10);
    assertThat(registry.agents(ONE, "p"))
        .isEqualTo(new Agents.Silent(NOON.plusSeconds(10), "reset"));
    assertThat(known(TWO).authorised()).hasSize(1);

    assertThat(registry.expire(NOON.plusSeconds(10).plus(LEASE).minusMillis(1)))
        .isEqualTo(AgentRegistry.Change.NONE);
    assertThat(registry.expire(NOON.plusSeconds(10).plus(LEASE)))
        .isEqualTo(AgentRegistry.Change.ALL);
    assertThat(known(ONE).authorised()).isEmpty();
    assertThat(known(ONE).lastDisconnected()).contains(NOON.plusSeconds(10));
  }

  @Test
  void whileAllReplicasAreSilentNobodyIsGone() {
    twoReplicas();
    registry.apply(A, connection("c", "/one"), NOON);
    lost(A, 10);
    lost(B, 20);

    registry.expire(NOON.plus(LEASE).plusSeconds(100));

    assertThat(registry.agents(ONE, "p"))
        .isEqualTo(new Agents.Silent(NOON.plusSeconds(20), "reset"));
    assertThat(registry.connectionIDs()).containsExactly("c");
  }

  @Test
  void aReplicaNotHeardYetMayHoldAnyAgentUntilItsLeaseIsOver() {
    registry.retain(Set.of(A, B), NOON);
    synced();
    assertThat(registry.agents(ONE, "p")).isInstanceOf(Agents.Silent.class);
    registry.apply(A, connection("c", "/two"), NOON);
    assertThat(known(TWO).authorised()).hasSize(1);

    registry.expire(NOON.plus(LEASE));

    assertThat(known(ONE).authorised()).isEmpty();
  }

  @Test
  void aReplicaThatIsNoMoreGoesWithItsLease() {
    twoReplicas();
    registry.apply(B, connection("d", "/one"), NOON);

    registry.retain(Set.of(A), NOON.plusSeconds(10));
    assertThat(registry.agents(ONE, "p")).isInstanceOf(Agents.Silent.class);
    registry.expire(NOON.plusSeconds(10).plus(LEASE));

    assertThat(known(ONE).authorised()).isEmpty();
    assertThat(registry.apply(B, connection("late", "/one"), NOON))
        .isEqualTo(AgentRegistry.Change.NONE);
    assertThat(known(ONE).authorised()).isEmpty();
  }

  @Test
  void theInstanceAnAgentNamesTellsItFromOthers() {
    var line = """
        {"type":"CONNECTION","connectionID":"c","planeType":"buildplane","planeID":"p","authorized":[],\
        "connectedAt":"2026-03-01T12:00:00Z","lastSeen":"2026-03-01T12:00:00Z","agent":{%s}}""";
    assertThat(GatewayEvent.parse(line.formatted("\"instance\":\"i\"")).orElseThrow())
        .extracting("agent")
        .isEqualTo("i");
    assertThat(GatewayEvent.parse(line.formatted("")).orElseThrow())
        .extracting("agent")
        .isEqualTo("c");
  }
}
