package dev.buildplane.plan;

import dev.buildplane.model.Limits;
import java.time.Duration;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// `ttlAfterCompletion`: days, hours, minutes, seconds.
final class Ttl {
  private static final Pattern SHAPE = Pattern.compile(Limits.TTL_PATTERN);

  /// Longer values count as this; it keeps sums of times within range.
  private static final double LONGEST_SECONDS = 36_500 * 86_400.0;

  private Ttl() {}

  /// The duration a text stands for; empty for an empty or malformed text, which means: keep.
  static Optional<Duration> parse(String text) {
    Matcher matcher = SHAPE.matcher(text);
    if (text.isEmpty() || !matcher.matches()) {
      return Optional.empty();
    }
    double seconds = part(matcher, 1) * 86_400
        + part(matcher, 2) * 3_600
        + part(matcher, 3) * 60
        + part(matcher, 4);
    return Optional.of(Duration.ofSeconds((long) Math.min(seconds, LONGEST_SECONDS)));
  }

  private static double part(Matcher matcher, int group) {
    var text = matcher.group(group);
    return text == null ? 0 : Double.parseDouble(text.substring(0, text.length() - 1));
  }
}
