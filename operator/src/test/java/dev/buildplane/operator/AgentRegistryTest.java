package dev.buildplane.operator;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.plan.PlaneObserved.Agents;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class AgentRegistryTest {
  private static final Instant NOON = Instant.parse("2026-03-01T12:00:00Z");
  private static final PlaneRef ONE = new PlaneRef(PlaneKind.CLUSTER_BUILD, null, "one");
  private static final PlaneRef TWO = new PlaneRef(PlaneKind.CLUSTER_BUILD, null, "two");

  private final AgentRegistry registry = new AgentRegistry(NOON);

  private static GatewayEvent connection(String id, String... keys) {
    return new GatewayEvent.Connection(
        id,
        "buildplane",
        "p",
        Set.of(keys),
        NOON.plusSeconds(1),
        NOON.plusSeconds(2),
        Optional.empty());
  }

  private Agents.Known known(PlaneRef ref) {
    return (Agents.Known) registry.agents(ref, "p");
  }

  private void synced() {
    registry.apply(new GatewayEvent.Synced("r"), NOON.plusSeconds(3));
  }

  @Test
  void nothingIsJudgedBeforeTheSnapshotIsComplete() {
    registry.apply(connection("c", "/one"), NOON);
    assertThat(registry.agents(ONE, "p")).isInstanceOf(Agents.Silent.class);
    synced();
    assertThat(known(ONE).authorised()).hasSize(1);
    assertThat(known(TWO).others()).isEqualTo(1);
  }

  @Test
  void aLostStreamKeepsWhatWasKnownUntilTheNextSnapshot() {
    registry.apply(connection("c", "/one"), NOON);
    registry.apply(connection("d", "/one"), NOON);
    synced();
    assertThat(registry.silent(NOON.plusSeconds(10), "reset")).isEqualTo(AgentRegistry.Change.ALL);
    assertThat(registry.agents(ONE, "p"))
        .isEqualTo(new Agents.Silent(NOON.plusSeconds(10), "reset"));
    registry.apply(connection("c", "/one"), NOON.plusSeconds(11));
    synced();
    assertThat(registry.connectionIDs()).containsExactly("c");
    assertThat(known(ONE).authorised().getFirst().since()).isEqualTo(NOON.plusSeconds(1));
    assertThat(known(ONE).lastDisconnected()).contains(NOON.plusSeconds(10));
  }

  @Test
  void grantAndRevokeMoveOneResourceOnly() {
    synced();
    registry.apply(connection("c", "/one"), NOON);
    var granted = registry.apply(connection("c", "/one", "/two"), NOON.plusSeconds(5));
    assertThat(granted.concerns(TWO, "p")).isTrue();
    assertThat(known(TWO).authorised().getFirst().since()).isEqualTo(NOON.plusSeconds(5));
    registry.apply(connection("c", "/two"), NOON.plusSeconds(9));
    assertThat(known(ONE).authorised()).isEmpty();
    assertThat(known(ONE).lastDisconnected()).contains(NOON.plusSeconds(9));
    assertThat(known(TWO).authorised()).hasSize(1);
  }

  @Test
  void aDisconnectHappensWhenTheGatewaySaysItDid() {
    synced();
    registry.apply(connection("c", "/one"), NOON);
    var change = registry.apply(
        new GatewayEvent.Disconnected("c", NOON.plusSeconds(7)), NOON.plusSeconds(8));
    assertThat(change.concerns(ONE, "p")).isTrue();
    assertThat(known(ONE).lastDisconnected()).contains(NOON.plusSeconds(7));
  }

  @Test
  void aGatewayIsKnownSinceItsFirstSnapshotAndAnotherOneSinceItsOwn() {
    synced();
    registry.silent(NOON.plusSeconds(10), "reset");
    registry.apply(new GatewayEvent.Synced("r"), NOON.plusSeconds(11));
    assertThat(known(ONE).knownSince()).isEqualTo(NOON.plusSeconds(3));
    registry.silent(NOON.plusSeconds(20), "reset");
    registry.apply(new GatewayEvent.Synced("another"), NOON.plusSeconds(21));
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
}
