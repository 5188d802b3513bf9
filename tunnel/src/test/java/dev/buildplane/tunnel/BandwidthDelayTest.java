package dev.buildplane.tunnel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class BandwidthDelayTest {
  private static final int FIRST = 1 << 20;

  private final BandwidthDelay estimate = new BandwidthDelay(FIRST);
  private final BandwidthDelay.Window window = estimate.new Window();
  private long now;

  private void sampleBegins() {
    now += BandwidthDelay.SAMPLE_EVERY_NANOS;
    assertThat(estimate.came(now)).as("a sample begins").isTrue();
  }

  @Test
  void aRoundTripThatBringsLittleLeavesTheWindow() {
    sampleBegins();
    window.came(FIRST / 2);
    assertThat(window.read(FIRST / 2)).isZero();
  }

  @Test
  void aRoundTripThatFillsTheWindowDoublesItBeforeItIsOver() {
    sampleBegins();
    window.came(FIRST);
    assertThat(window.read(FIRST)).isEqualTo(FIRST);
    window.grow(FIRST);
    assertThat(window.bytes()).isEqualTo(2 * FIRST);

    window.came(FIRST);
    assertThat(window.read(FIRST)).as("half of what it is now").isZero();
    window.came(FIRST);
    assertThat(window.read(FIRST)).isEqualTo(2 * FIRST);
  }

  @Test
  void whatCameAndIsNotReadMovesNothing() {
    sampleBegins();
    window.came(FIRST);
    assertThat(window.read(FIRST / 2)).isZero();
  }

  @Test
  void whatHadComeBeforeIsNoBandwidth() {
    sampleBegins();
    window.came(FIRST);
    estimate.answered();
    sampleBegins();
    assertThat(window.read(FIRST)).isZero();
  }

  @Test
  void whatComesBetweenSamplesMovesNothing() {
    sampleBegins();
    estimate.answered();
    window.came(FIRST);
    assertThat(window.read(FIRST)).isZero();
  }

  @Test
  void oneStreamThatIsHeldBackWidensNoOther() {
    var other = estimate.new Window();
    sampleBegins();
    window.came(FIRST);
    window.grow(window.read(FIRST));
    assertThat(other.bytes()).isEqualTo(FIRST);
    assertThat(estimate.new Window().bytes()).as("one that begins").isEqualTo(FIRST);
  }

  /// Of four times the first window.
  private void widened() {
    for (int i = 0; i < 2; i++) {
      sampleBegins();
      window.came(window.bytes());
      window.grow(window.read(window.bytes()));
      estimate.answered();
    }
  }

  @Test
  void aStreamThatIsReadMayHaveTheWidestWindowGivenBefore() {
    widened();
    window.end();
    var next = estimate.new Window();
    next.came(FIRST);
    assertThat(next.read(FIRST / 2 - 1)).as("its reader may stand still yet").isZero();
    assertThat(next.read(1)).isEqualTo(3 * FIRST);
    next.grow(0);
    assertThat(next.read(FIRST / 2)).as("memory is asked once").isZero();
    assertThat(next.bytes()).isEqualTo(FIRST);
  }

  @Test
  void streamsShareWhatOneHasFoundOut() {
    widened();
    var next = estimate.new Window();
    next.came(FIRST);
    assertThat(next.read(FIRST)).as("beside the one that found it out").isEqualTo(FIRST);
    window.end();
    window.end();
    next.end();
    next.came(1); // of an ended stream, still under way
    var last = estimate.new Window();
    last.came(FIRST);
    assertThat(last.read(FIRST)).as("the others have ended").isEqualTo(3 * FIRST);
  }

  @Test
  void theWindowStopsAtItsMost() {
    while (window.bytes() < BandwidthDelay.MOST_WINDOW_BYTES) {
      sampleBegins();
      window.came(window.bytes());
      int more = window.read(window.bytes());
      assertThat(more).isPositive();
      window.grow(more);
      estimate.answered();
    }
    sampleBegins();
    window.came(window.bytes());
    assertThat(window.read(window.bytes())).isZero();
    assertThat(window.bytes()).isEqualTo(BandwidthDelay.MOST_WINDOW_BYTES);
  }

  @Test
  void memoryThatLendsNothingIsAskedAgainAfterAnotherWindow() {
    sampleBegins();
    window.came(FIRST);
    assertThat(window.read(FIRST)).isEqualTo(FIRST);
    window.grow(0);
    window.came(1);
    assertThat(window.read(1)).isZero();
    assertThat(window.bytes()).isEqualTo(FIRST);
  }

  @Test
  void samplesAreApartUnlessAWindowGrew() {
    sampleBegins();
    assertThat(estimate.came(now + 1)).as("one at a time").isFalse();
    estimate.answered();
    assertThat(estimate.came(now + BandwidthDelay.SAMPLE_EVERY_NANOS - 1)).isFalse();

    sampleBegins();
    window.came(FIRST);
    window.grow(window.read(FIRST));
    assertThat(estimate.came(now + 1)).as("one at a time").isFalse();
    estimate.answered();
    assertThat(estimate.came(now + 1)).isTrue();
  }
}
