package dev.buildplane.tunnel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

class TunnelMeterTest {
  private static final long MILLI = 1_000_000;
  private static final long SHORTEST = TunnelMeter.SHORTEST_STALL.toNanos();

  private long now = 5_000 * MILLI;
  private final TunnelMeter meter = new TunnelMeter(() -> now);
  private final TunnelMeter.Flow flow = meter.received();

  @Test
  void bytesAddUpByDirection() {
    meter.sent().passed(3);
    meter.sent().passed(4);
    meter.received().passed(5);
    assertThat(meter.sent().bytes()).isEqualTo(7);
    assertThat(meter.received().bytes()).isEqualTo(5);
  }

  @Test
  void aStreamThatStandsStillIsCountedWhileItDoesAndItsStallAfterwards() {
    long since = flow.stands(0, true);
    assertThat(since).isNotZero();
    assertThat(flow.stalled()).isEqualTo(1);
    assertThat(flow.stalls()).as("not yet over").isZero();

    now += 250 * MILLI;
    assertThat(flow.stands(since, false)).isZero();
    assertThat(flow.stalled()).isZero();
    assertThat(flow.stalls()).isEqualTo(1);
    assertThat(flow.stallSeconds()).isCloseTo(0.25, within(1e-9));
  }

  @Test
  void aPauseShorterThanTheShortestStallIsNone() {
    long since = flow.stands(0, true);
    now += SHORTEST - 1;
    flow.stands(since, false);
    assertThat(flow.stalls()).isZero();
    assertThat(flow.stallSeconds()).isZero();
    assertThat(flow.stalled()).isZero();

    since = flow.stands(0, true);
    now += SHORTEST;
    flow.stands(since, false);
    assertThat(flow.stalls()).isEqualTo(1);
  }

  @Test
  void whatIsToldTwiceCountsOnce() {
    long since = flow.stands(0, true);
    now += 20 * MILLI;
    assertThat(flow.stands(since, true)).as("since when, unchanged").isEqualTo(since);
    assertThat(flow.stalled()).isEqualTo(1);

    now += 20 * MILLI;
    assertThat(flow.stands(since, false)).isZero();
    assertThat(flow.stands(0, false)).isZero();
    assertThat(flow.stalled()).isZero();
    assertThat(flow.stalls()).isEqualTo(1);
    assertThat(flow.stallSeconds()).isCloseTo(0.04, within(1e-9));
  }

  @Test
  void aClockAtZeroIsATimeLikeAnyOther() {
    now = 0;
    long since = flow.stands(0, true);
    assertThat(since).isNotZero();
    now = 30 * MILLI;
    flow.stands(since, false);
    assertThat(flow.stalled()).isZero();
    assertThat(flow.stalls()).isEqualTo(1);
  }

  @Test
  void aClockThatRunsOverGoesOnCounting() {
    now = Long.MAX_VALUE - 10 * MILLI;
    long since = flow.stands(0, true);
    now += 30 * MILLI;
    flow.stands(since, false);
    assertThat(flow.stallSeconds()).isCloseTo(0.03, within(1e-9));
  }

  @Test
  void directionsStandStillApart() {
    long since = meter.sent().stands(0, true);
    assertThat(meter.received().stalled()).isZero();
    now += 20 * MILLI;
    meter.sent().stands(since, false);
    assertThat(meter.sent().stalls()).isEqualTo(1);
    assertThat(meter.received().stalls()).isZero();
  }

  @Test
  void theLastRoundTripIsKept() {
    assertThat(meter.roundTripNanos()).isZero();
    meter.answered(3);
    meter.answered(2);
    assertThat(meter.roundTripNanos()).isEqualTo(2);
  }

  @Test
  void streamsOfManyLoopsAddUp() {
    try (var loops = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int loop = 0; loop < 8; loop++) {
        loops.execute(() -> {
          for (int turn = 0; turn < 1000; turn++) {
            flow.passed(1);
            flow.stands(flow.stands(0, true), false);
          }
        });
      }
    }
    assertThat(flow.bytes()).isEqualTo(8000);
    assertThat(flow.stalled()).isZero();
    assertThat(flow.stalls()).as("none took any time").isZero();
  }
}
