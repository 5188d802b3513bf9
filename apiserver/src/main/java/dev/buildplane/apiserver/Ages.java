package dev.buildplane.apiserver;

import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;

/// Durations as `kubectl` shows them (`k8s.io/apimachinery` `duration.HumanDuration`): at most two
/// units, the second dropped as the first grows.
final class Ages {
  private Ages() {}

  /// `5m`, `3d4h`; `<unknown>` without a time, `<invalid>` for a text that is none.
  static String since(String time, Instant now) {
    if (time.isEmpty()) {
      return "<unknown>";
    }
    try {
      return human(Duration.between(Instant.parse(time), now));
    } catch (DateTimeParseException _) {
      return "<invalid>";
    }
  }

  static String human(Duration age) {
    var seconds = age.toSeconds();
    if (seconds < -1) {
      return "<invalid>";
    }
    if (seconds < 0) {
      return "0s";
    }
    if (seconds < 120) {
      return seconds + "s";
    }
    var minutes = age.toMinutes();
    if (minutes < 10) {
      return pair(minutes, "m", seconds % 60, "s");
    }
    if (minutes < 180) {
      return minutes + "m";
    }
    var hours = age.toHours();
    if (hours < 8) {
      return pair(hours, "h", minutes % 60, "m");
    }
    if (hours < 48) {
      return hours + "h";
    }
    return days(hours);
  }

  private static String days(long hours) {
    var days = hours / 24;
    if (days < 8) {
      return pair(days, "d", hours % 24, "h");
    }
    if (days < 365 * 2) {
      return days + "d";
    }
    return days < 365 * 8 ? pair(days / 365, "y", days % 365, "d") : days / 365 + "y";
  }

  private static String pair(long large, String largeUnit, long small, String smallUnit) {
    return small == 0 ? large + largeUnit : large + largeUnit + small + smallUnit;
  }
}
