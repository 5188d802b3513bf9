package dev.buildplane.tunnel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class BandwidthDelayTest {
  private static final int FIRST = 1 << 20;
  private static final int MOST = 16 << 20;

  private final BandwidthDelay estimate = new BandwidthDelay(FIRST);
  private long now;

  private int sample(int bytes, int most) {
    now += BandwidthDelay.SAMPLE_EVERY_NANOS;
    assertThat(estimate.came(bytes / 2, now)).as("a sample begins").isTrue();
    assertThat(estimate.came(bytes - bytes / 2, now + 1)).as("one at a time").isFalse();
    return estimate.answered(most);
  }

  @Test
  void aRoundTripThatBringsLittleLeavesTheWindow() {
    assertThat(sample(FIRST / 2, MOST)).isEqualTo(FIRST);
  }

  @Test
  void aRoundTripThatFillsTheWindowDoublesIt() {
    assertThat(sample(FIRST, MOST)).isEqualTo(2 * FIRST);
    assertThat(sample(2 * FIRST, MOST)).isEqualTo(4 * FIRST);
  }

  @Test
  void theWindowStopsAtWhatMemoryAllows() {
    assertThat(sample(FIRST, 3 * FIRST / 2)).isEqualTo(3 * FIRST / 2);
  }

  @Test
  void aWindowThatMemoryNoLongerAllowsShrinksButNeverBelowTheFirst() {
    sample(FIRST, MOST);
    sample(2 * FIRST, MOST);

    assertThat(sample(1, 2 * FIRST)).isEqualTo(2 * FIRST);
    assertThat(sample(1, 0)).isEqualTo(FIRST);
  }

  @Test
  void samplesAreApart() {
    sample(FIRST, MOST);

    assertThat(estimate.came(1, now + BandwidthDelay.SAMPLE_EVERY_NANOS - 1)).isFalse();
    assertThat(estimate.came(1, now + BandwidthDelay.SAMPLE_EVERY_NANOS)).isTrue();
  }

  @Test
  void anAnswerNobodyAskedForChangesNothing() {
    assertThat(estimate.answered(MOST)).isEqualTo(FIRST);
  }
}
