package dev.buildplane.gateway;

import java.time.Instant;

/// Kubernetes' `MicroTime`: RFC 3339 in UTC, always with six digits behind the second. Remembers the second it has told last, as most are told
/// many times. Not for several threads.
final class MicroTime {
  private static final int DIGITS = 6;
  private static final int NANOS_PER_MICRO = 1000;

  private long second = Long.MIN_VALUE;
  private String upToSecond = "";

  String of(Instant at) {
    if (at.getEpochSecond() != second) {
      second = at.getEpochSecond();
      var whole = Instant.ofEpochSecond(second).toString();
      upToSecond = whole.substring(0, whole.length() - 1) + ".";
    }
    var micros = Integer.toString(at.getNano() / NANOS_PER_MICRO);
    return upToSecond + "0".repeat(DIGITS - micros.length()) + micros + "Z";
  }
}
