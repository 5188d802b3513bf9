package dev.buildplane.schema;

import java.math.BigDecimal;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/// Durations in Go's notation, such as `1h30m` or `-1.5s`.
final class GoDuration {
  private static final Map<String, Long> NANOS = Map.of(
      "ns",
      1L,
      "us",
      1_000L,
      "µs",
      1_000L,
      "μs",
      1_000L,
      "ms",
      1_000_000L,
      "s",
      1_000_000_000L,
      "m",
      60_000_000_000L,
      "h",
      3_600_000_000_000L);
  private static final int MAX_LENGTH = 64;
  private static final BigDecimal MAX = BigDecimal.valueOf(Long.MAX_VALUE);

  private GoDuration() {}

  static Optional<Duration> parse(String text) {
    if (text.length() > MAX_LENGTH) {
      return Optional.empty();
    }
    var negative = text.startsWith("-");
    var rest = negative || text.startsWith("+") ? text.substring(1) : text;
    if (rest.equals("0")) {
      return Optional.of(Duration.ZERO);
    }
    var total = BigDecimal.ZERO;
    var at = 0;
    if (rest.isEmpty()) {
      return Optional.empty();
    }
    while (at < rest.length()) {
      var numberEnd = run(rest, at, true);
      var unitEnd = run(rest, numberEnd, false);
      var nanos = NANOS.get(rest.substring(numberEnd, unitEnd));
      var number = rest.substring(at, numberEnd);
      if (nanos == null || !number.matches("[0-9]+\\.?[0-9]*|\\.[0-9]+")) {
        return Optional.empty();
      }
      total = total.add(new BigDecimal(number).multiply(BigDecimal.valueOf(nanos)));
      at = unitEnd;
    }
    if (total.compareTo(MAX) > 0) {
      return Optional.empty();
    }
    return Optional.of(Duration.ofNanos(negative ? -total.longValue() : total.longValue()));
  }

  private static int run(String text, int from, boolean digits) {
    var at = from;
    while (at < text.length()
        && digits == (text.charAt(at) == '.' || Character.isDigit(text.charAt(at)))) {
      at++;
    }
    return at;
  }
}
