package dev.buildplane.tunnel;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class SessionTest {
  /// From the restart of one replica of a gateway to that of the next.
  private static final Duration BETWEEN_RESTARTS = Duration.ofSeconds(30);

  /// Each restart may take the tunnel that was dialled after the one before; a minute as the threshold made agents wait longer each time.
  @Test
  void restartsOfOneReplicaAfterTheOtherAreNoFailuresInARow() {
    var up =
        Session.step(new Session.State.Dialing(5), new Session.Event.Opened(1)).state();
    var healthy = Session.step(up, new Session.Event.Healthy(1)).state();

    var lost = Session.step(healthy, new Session.Event.Lost(1));

    assertThat(lost.effects()).containsExactly(new Session.Effect.WaitThenDial(0));
    assertThat(Session.HEALTHY_AFTER).isLessThan(BETWEEN_RESTARTS.minus(Session.FIRST_WAIT));
  }
}
