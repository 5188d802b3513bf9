package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import org.junit.jupiter.api.Test;

class MicroTimeTest {
  private final MicroTime micro = new MicroTime();

  @Test
  void thereAreSixDigitsWhateverTheyAre() {
    assertThat(of("2026-11-26T16:09:52.123456789Z")).isEqualTo("2026-11-26T16:09:52.123456Z");
    assertThat(of("2026-11-26T16:09:52.001Z")).isEqualTo("2026-11-26T16:09:52.001000Z");
    assertThat(of("2026-11-26T16:09:52.000001Z")).isEqualTo("2026-11-26T16:09:52.000001Z");
    assertThat(of("2026-11-26T16:09:53Z")).isEqualTo("2026-11-26T16:09:53.000000Z");
    assertThat(of("2026-11-26T16:09:52.999999999Z")).isEqualTo("2026-11-26T16:09:52.999999Z");
    assertThat(of("1969-12-31T23:59:59.5Z")).isEqualTo("1969-12-31T23:59:59.500000Z");
  }

  private String of(String instant) {
    return micro.of(Instant.parse(instant));
  }
}
