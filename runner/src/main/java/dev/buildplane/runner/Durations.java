package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Durations as Argo writes them: a number of seconds, or Go's `1h30m10s`.
final class Durations {
  private static final Pattern SECONDS = Pattern.compile("[0-9]{1,9}");
  private static final Pattern GO =
      Pattern.compile("(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,9})s)?");

  private Durations() {}

  static Duration of(JsonNode value, String field) throws StepProblem {
    var text = value.asText();
    if (SECONDS.matcher(text).matches()) {
      return Duration.ofSeconds(Long.parseLong(text));
    }
    var matcher = GO.matcher(text);
    if (text.isEmpty() || !matcher.matches()) {
      throw new StepProblem(
          field + ": expected seconds or a duration such as 1h30m10s, found \"" + text + "\"");
    }
    return Duration.ofHours(part(matcher.group(1)))
        .plusMinutes(part(matcher.group(2)))
        .plusSeconds(part(matcher.group(3)));
  }

  private static long part(@Nullable String digits) {
    return digits == null ? 0 : Long.parseLong(digits);
  }
}
