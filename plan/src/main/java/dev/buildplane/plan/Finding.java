package dev.buildplane.plan;

import dev.buildplane.model.Condition;

/// What one look at the world says about one condition; a [Condition] without its history.
record Finding(String type, Condition.Status status, String reason, String message) {
  static Finding yes(String type, String reason, String message) {
    return new Finding(type, Condition.Status.TRUE, reason, message);
  }

  static Finding no(String type, String reason, String message) {
    return new Finding(type, Condition.Status.FALSE, reason, message);
  }

  static Finding unknown(String type, String reason, String message) {
    return new Finding(type, Condition.Status.UNKNOWN, reason, message);
  }

  /// The finding that was recorded.
  static Finding of(Condition condition) {
    return new Finding(
        condition.type(), condition.status(), condition.reason(), condition.message());
  }
}
