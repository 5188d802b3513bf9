package dev.buildplane.model;

import java.time.Duration;
import java.util.regex.Pattern;

/// Bounds and patterns of the API, with units.
public final class Limits {
  /// Characters of a planeID, of an observability plane's name in a reference, and of a run name used as a label value.
  public static final int PLANE_ID_CHARS = 63;

  /// A DNS-1123 label.
  public static final String PLANE_ID_PATTERN = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

  /// Characters of a label value.
  public static final int LABEL_VALUE_CHARS = 63;

  /// Characters of a condition message that Kubernetes accepts.
  public static final int CONDITION_MESSAGE_CHARS = 32_768;

  /// How long before it expires a client CA or the newest agent certificate of a plane is reported.
  public static final Duration CERTIFICATE_EXPIRY_WARNING = Duration.ofDays(30);

  /// How often `lastHeartbeatTime` alone may cause a status write.
  public static final Duration HEARTBEAT_STATUS_INTERVAL = Duration.ofSeconds(60);

  /// Duration in days, hours, minutes and seconds, in that order: `1d12h`.
  public static final String TTL_PATTERN = "^(\\d+d)?(\\d+h)?(\\d+m)?(\\d+s)?$";

  private static final Pattern PLANE_ID = Pattern.compile(PLANE_ID_PATTERN);

  private Limits() {}

  /// Whether a text may serve as planeID: 1 to 63 characters of a DNS-1123 label.
  public static boolean isPlaneID(String text) {
    return text.length() <= PLANE_ID_CHARS && PLANE_ID.matcher(text).matches();
  }
}
