package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.model.PlaneType;
import dev.buildplane.tunnel.TunnelTransport;
import io.netty.channel.EventLoopGroup;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class RemoteConnectionsTest {
  private static final Duration LEASE = Duration.ofSeconds(30);
  private static final Instant NOON = Instant.parse("2026-03-01T12:00:00Z");
  private static final PlaneKey PLANE = new PlaneKey(PlaneType.BUILD, "p");
  private static final PlaneRef ONE = new PlaneRef(PlaneKind.CLUSTER_BUILD, null, "one");
  private static final EventLoopGroup LOOPS = TunnelTransport.eventLoops(1, "test");
  private static final PeerPool POOL = new PeerPool(
      new PeerDialer(
          MeshSettings.none(),
          new MeshSettings.Credentials(
              () -> {
                throw new AssertionError("nothing is dialled here");
              },
              () -> {
                throw new AssertionError("nothing is dialled here");
              })),
      new PeerAddress("peer", InetSocketAddress.createUnresolved("peer", 1)),
      LOOPS);

  private final AtomicLong nanos = new AtomicLong();
  private final RemoteConnections remote = new RemoteConnections(LEASE, nanos::get);

  @AfterAll
  static void stop() {
    LOOPS.shutdownGracefully();
  }

  private static RemoteConnections.Entry entry(String id, String... keys) {
    return new RemoteConnections.Entry(id, PLANE, Set.of(keys), id, NOON);
  }

  private void pass(Duration time) {
    nanos.addAndGet(time.toNanos());
  }

  private List<String> ways(int count) {
    return java.util.stream.IntStream.range(0, count)
        .mapToObj(_ -> remote.pick(ONE, PLANE, Set.of()).orElseThrow().entry().id())
        .toList();
  }

  @Test
  void onlyConnectionsThatMayServeTheResourceAreWays() {
    remote.replace("a", POOL, List.of(entry("c1", "/one"), entry("c2", "/two")));

    assertThat(ways(3)).containsOnly("c1");
    assertThat(remote.of(PLANE)).hasSize(2);
  }

  @Test
  void theWaysTakeTurns() {
    remote.replace("a", POOL, List.of(entry("c1", "/one")));
    remote.replace("b", POOL, List.of(entry("c2", "/one")));

    assertThat(ways(4)).containsExactly("c1", "c2", "c1", "c2");
    assertThat(remote.pick(ONE, PLANE, Set.of("a", "b"))).isEmpty();
  }

  @Test
  void whatAPeerToldDiesWithItsLease() {
    remote.replace("a", POOL, List.of(entry("c1", "/one")));
    pass(LEASE);
    assertThat(remote.pick(ONE, PLANE, Set.of())).isPresent();

    pass(Duration.ofNanos(1));

    assertThat(remote.pick(ONE, PLANE, Set.of())).isEmpty();
    assertThat(remote.of(PLANE)).isEmpty();
    assertThat(remote.replicas()).isEmpty();
  }

  @Test
  void aLineAfterTheEndOfTheLeaseRevivesNothing() {
    remote.replace("a", POOL, List.of(entry("c1", "/one")));
    pass(LEASE.plusSeconds(1));

    assertThat(remote.heard("a")).isFalse();
    assertThat(remote.heard("a")).isFalse();
    assertThat(remote.of(PLANE)).isEmpty();
  }

  @Test
  void everyLineRenewsTheLeaseOfItsPeerAlone() {
    remote.replace("a", POOL, List.of(entry("c1", "/one")));
    remote.replace("b", POOL, List.of(entry("c2", "/one")));
    pass(LEASE.minusSeconds(1));
    assertThat(remote.heard("a")).isTrue();

    pass(Duration.ofSeconds(2));

    assertThat(ways(2)).containsOnly("c1");
  }

  @Test
  void aSnapshotReplacesWhatWasToldBefore() {
    remote.replace("a", POOL, List.of(entry("c1", "/one")));
    remote.replace("a", POOL, List.of(entry("c2", "/one")));

    assertThat(ways(2)).containsOnly("c2");
  }

  @Test
  void aRevokedResourceHasNoWayAnyMore() {
    remote.replace("a", POOL, List.of(entry("c1", "/one")));

    remote.connected("a", entry("c1", "/two"));

    assertThat(remote.pick(ONE, PLANE, Set.of())).isEmpty();
  }

  @Test
  void aLineOfTheFeedIsAConnectionOrAnError() throws Exception {
    var json = new ObjectMapper();
    var line = json.readTree("""
        {"type":"CONNECTION","connectionID":"c","planeType":"buildplane","planeID":"p","authorized":["/one"],"lastSeen":"2026-03-01T12:00:00Z","agent":{"instance":"i"}}""");

    assertThat(RemoteConnections.entry(line))
        .contains(new RemoteConnections.Entry("c", PLANE, Set.of("/one"), "i", NOON));
    assertThatThrownBy(() -> RemoteConnections.entry(json.readTree("{}")))
        .hasMessageContaining("expected connectionID");
  }

  @Test
  void anAddressOfAPeerIsAnHttpsUrl() {
    assertThat(PeerAddress.of(URI.create("https://gateway-1:8444")).toString())
        .isEqualTo("gateway-1:8444");
    assertThatThrownBy(() -> PeerAddress.of(URI.create("http://gateway-1:8444")))
        .hasMessageContaining("expected a URL like https://");
  }
}
