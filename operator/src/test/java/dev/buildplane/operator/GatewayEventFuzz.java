package dev.buildplane.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Lines that are nearly events of a gateway: an event, nothing, or the one exception that says what is wrong.
class GatewayEventFuzz {
  private static final long SEED = Long.getLong("seed", 20_261_125L);
  private static final int ROUNDS = 30_000;
  private static final List<String> LINES = List.of(
      "{\"type\":\"CONNECTION\",\"connectionID\":\"c\",\"planeType\":\"buildplane\",\"planeID\":\"p\",\"authorized\":[\"/a\",\"n/b\"],"
          + "\"connectedAt\":\"2026-01-01T00:00:00Z\",\"lastSeen\":\"2026-01-01T00:00:00Z\",\"agent\":{\"version\":\"1\"}}",
      "{\"type\":\"DISCONNECTED\",\"connectionID\":\"c\",\"at\":\"2026-01-01T00:00:00Z\",\"reason\":\"x\"}",
      "{\"type\":\"REJECTED\",\"planeType\":\"buildplane\",\"planeID\":\"p\",\"at\":\"2026-01-01T00:00:00Z\",\"reason\":\"x\",\"subject\":\"y\"}",
      "{\"type\":\"HEARTBEAT\",\"connectionID\":\"c\",\"lastSeen\":\"2026-01-01T00:00:00Z\"}",
      "{\"type\":\"SYNCED\"}");
  private static final List<String> PIECES = List.of(
      "\"",
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      "null",
      "1e999999999",
      "-",
      "\\u0000",
      "\\ud800",
      "\u0000",
      "\u20ac",
      "\"type\":\"CONNECTION\",",
      "\"authorized\":{\"a\":[[]]},",
      "99999999999-01-01T00:00:00Z");

  @Test
  void aLineIsAnEventNothingOrAProblem() {
    System.out.println("GatewayEventFuzz seed " + SEED);
    var random = new Random(SEED);
    int events = 0;
    int problems = 0;
    for (int round = 0; round < ROUNDS; round++) {
      try {
        events += GatewayEvent.parse(mutated(random)).isPresent() ? 1 : 0;
      } catch (IllegalArgumentException problem) {
        assertThat(problem.getMessage()).contains("expected");
        problems++;
      }
    }
    assertThat(events).isPositive();
    assertThat(problems).isPositive();
  }

  private static String mutated(Random random) {
    var text = new StringBuilder(LINES.get(random.nextInt(LINES.size())));
    for (int change = random.nextInt(4); change > 0; change--) {
      int at = random.nextInt(text.length());
      switch (random.nextInt(3)) {
        case 0 -> text.setCharAt(at, (char) random.nextInt(256));
        case 1 -> text.insert(at, PIECES.get(random.nextInt(PIECES.size())));
        default -> text.deleteCharAt(at);
      }
    }
    return text.toString();
  }

  @ParameterizedTest
  @ValueSource(strings = {"[", "{\"a\":", "[{\"type\":"})
  void depthIsAProblemAndNoStackOverflow(String piece) {
    assertThatThrownBy(() -> GatewayEvent.parse(piece.repeat(200_000)))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
