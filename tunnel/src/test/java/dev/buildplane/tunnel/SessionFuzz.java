package dev.buildplane.tunnel;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/// Walks [Session] through random histories and holds its invariants at each step.
class SessionFuzz {
  private static final long SEED = Long.getLong("seed", 20_261_122L);
  private static final int STEPS = 300_000;

  private final Random random = new Random(SEED);
  private int dials;
  private int timers;
  private long nextId;
  private final Set<Long> open = new HashSet<>();
  private final List<Long> everOpened = new ArrayList<>();

  @Test
  void theInvariantsHoldInAnyHistory() {
    System.out.println("SessionFuzz seed " + SEED);
    for (int walk = 0; walk < 30; walk++) {
      dials = timers = 0;
      open.clear();
      everOpened.clear();
      var step = Session.start();
      perform(step);
      for (int i = 0; i < STEPS / 30; i++) {
        var event = event(step.state());
        step = Session.step(step.state(), event);
        perform(step);
        check(step.state(), event);
      }
    }
  }

  private Session.Event event(Session.State state) {
    while (true) {
      switch (random.nextInt(10)) {
        case 0:
          if (timers > 0) {
            timers--;
            return new Session.Event.DialDue();
          }
          break;
        case 1, 2:
          if (dials > 0) {
            dials--;
            open.add(++nextId);
            everOpened.add(nextId);
            return new Session.Event.Opened(nextId);
          }
          break;
        case 3:
          if (dials > 0) {
            dials--;
            return new Session.Event.DialFailed();
          }
          break;
        case 4:
          if (!everOpened.isEmpty()) {
            var lost = everOpened.get(random.nextInt(everOpened.size()));
            open.remove(lost);
            return new Session.Event.Lost(lost);
          }
          break;
        case 5:
          if (!everOpened.isEmpty()) {
            return new Session.Event.GoAway(everOpened.getLast());
          }
          break;
        case 6:
          return new Session.Event.ReplaceAsked();
        case 7:
          if (!everOpened.isEmpty()) {
            return new Session.Event.Healthy(everOpened.getLast());
          }
          break;
        case 8:
          open.add(++nextId);
          everOpened.add(nextId);
          return new Session.Event.Bettered(nextId);
        default:
          if (random.nextInt(2000) == 0) {
            return new Session.Event.StopAsked();
          }
      }
    }
  }

  private void perform(Session.Step step) {
    for (var effect : step.effects()) {
      switch (effect) {
        case Session.Effect.Dial _ -> dials++;
        case Session.Effect.WaitThenDial _ -> timers++;
        case Session.Effect.Drain(var id) -> open.remove(id);
        case Session.Effect.Close(var id) -> assertThat(open.remove(id)).isTrue();
        case Session.Effect.WatchHealth _ -> {}
      }
    }
  }

  private void check(Session.State state, Session.Event event) {
    assertThat(dials).as("dials after %s in %s", event, state).isBetween(0, 1);
    assertThat(timers).as("timers after %s in %s", event, state).isBetween(0, 1);
    switch (state) {
      case Session.State.Down _ -> assertThat(timers).isEqualTo(1);
      case Session.State.Dialing _ -> assertThat(dials).isEqualTo(1);
      case Session.State.Up(var id, var _) -> {
        assertThat(dials + timers).isZero();
        assertThat(open).containsExactly(id);
      }
      case Session.State.Replacing(var id, var _, var dialing) -> {
        assertThat(dialing ? dials : timers).isEqualTo(1);
        assertThat(open).containsExactly(id);
      }
      case Session.State.Stopped _ -> assertThat(open).isEmpty();
    }
  }

  /// Half of what all agents have come back with is spread over ten times as long.
  @Test
  void whoIsServedElsewhereMeanwhileSpreadsItsReturn() {
    var first = LongStream.generate(() -> Session.delay(0, true, random).toMillis())
        .limit(1000)
        .summaryStatistics();
    assertThat(first.getMax()).isBetween(4_000L, 5_000L);
    assertThat(first.getAverage()).isBetween(2_000.0, 3_000.0);
    for (int i = 0; i < 100; i++) {
      assertThat(Session.delay(100, true, random).toMillis()).isBetween(0L, 30_000L);
    }
  }

  @Test
  void theWaitDoublesToItsCapAndIsNeverLonger() {
    for (int failures = 0; failures < 100; failures++) {
      long cap = Math.min(30_000, 500L << Math.min(failures, 16));
      for (int i = 0; i < 100; i++) {
        assertThat(Session.delay(failures, false, random).toMillis()).isBetween(0L, cap);
      }
    }
  }
}
