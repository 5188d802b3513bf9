package dev.buildplane.operator;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.buildplane.fuzz.Corpus;
import org.junit.jupiter.api.Test;

/// A line of the gateway's feed is an event, one of a later version, or told as what was expected.
class GatewayEventJazzerFuzz {
  @FuzzTest(maxDuration = "2m")
  void line(byte[] input) {
    try {
      assertThat(GatewayEvent.parse(new String(input, UTF_8))).isNotNull();
    } catch (IllegalArgumentException refused) {
      assertThat(refused).hasMessageStartingWith("expected ");
    }
  }

  @Test
  void linesThatAreNearlyThose() {
    Corpus.nearly(getClass(), "line", this::line);
  }
}
