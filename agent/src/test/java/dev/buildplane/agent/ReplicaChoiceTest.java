package dev.buildplane.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.agent.ReplicaChoice.Rank;
import dev.buildplane.tunnel.TunnelDestination;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class ReplicaChoiceTest {
  private static final TunnelDestination TO =
      new TunnelDestination(URI.create("wss://gateway.example/ws"), "buildplane", "p");
  private static final GatewayAddress A = at("10.0.0.1");
  private static final GatewayAddress B = at("10.0.0.2");
  private static final GatewayAddress C = at("10.0.0.3");

  private final ReplicaChoice choice = new ReplicaChoice();

  private static GatewayAddress at(String address) {
    return new GatewayAddress(TO, new InetSocketAddress(address, 8443));
  }

  private Object open(int link, GatewayAddress address, String replica) {
    var connection = new Object();
    choice.met(link, address, Optional.of(replica), connection);
    choice.took(link, address, connection);
    return connection;
  }

  private List<GatewayAddress> order(int link, long seed) {
    return choice.order(link, List.of(A, B, C), new SplittableRandom(seed));
  }

  @Test
  void whatAnotherLinkHoldsIsDialledLast() {
    open(0, B, "b");

    for (long seed = 0; seed < 50; seed++) {
      assertThat(order(1, seed).getLast()).isEqualTo(B);
    }
  }

  @Test
  void agentsDoNotAllBeginAtTheSameAddress() {
    assertThat(List.of(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L))
        .extracting(seed -> order(0, seed).getFirst())
        .contains(A, B, C);
  }

  @Test
  void twoAddressesOfOneReplicaAreOnePlace() {
    open(0, A, "same");

    assertThat(choice.met(1, B, Optional.of("same"), new Object())).isEqualTo(Rank.SHARED);
    assertThat(choice.isDouble(1)).isFalse();
  }

  @Test
  void ofTwoLinksDiallingAtOnceOnlyTheFirstHasThePlace() {
    assertThat(choice.met(0, A, Optional.of("a"), new Object())).isEqualTo(Rank.FREE);
    assertThat(choice.met(1, A, Optional.of("a"), new Object())).isEqualTo(Rank.SHARED);
  }

  @Test
  void aReplicaThatSentUsAwayIsTheLastResort() {
    var connection = open(0, A, "a");
    open(1, B, "b");

    choice.sentAway(0, connection);

    assertThat(choice.expected(0, A)).isEqualTo(Rank.LEAVING);
    assertThat(choice.expected(0, B)).isEqualTo(Rank.SHARED);
    assertThat(order(0, 1)).containsExactly(C, B, A);
  }

  @Test
  void onlyTheLaterOfTwoLinksAtOneReplicaMoves() {
    open(0, A, "a");
    open(1, A, "a");

    assertThat(choice.isDouble(0)).isFalse();
    assertThat(choice.isDouble(1)).isTrue();
  }

  @Test
  void theEndOfAReplacedConnectionDoesNotFreeThePlaceOfItsSuccessor() {
    var before = open(0, A, "a");
    open(0, A, "a");

    choice.lost(0, before);

    assertThat(choice.expected(1, A)).isEqualTo(Rank.SHARED);
  }

  @Test
  void aRestartedReplicaIsAnotherOneAtTheSameAddress() {
    var connection = open(0, A, "a");
    choice.sentAway(0, connection);
    choice.lost(0, connection);

    assertThat(choice.expected(0, A)).isEqualTo(Rank.FREE);
    assertThat(choice.met(0, A, Optional.of("a-restarted"), new Object())).isEqualTo(Rank.FREE);
  }
}
