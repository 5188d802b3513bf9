package dev.buildplane.schema;

import com.google.common.primitives.UnsignedLong;
import dev.cel.common.values.CelByteString;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;

/// The list functions of Kubernetes' CEL library.
final class Lists {
  private Lists() {}

  static boolean isSorted(List<?> values) {
    for (var i = 1; i < values.size(); i++) {
      if (compare(values.get(i - 1), values.get(i)) > 0) {
        return false;
      }
    }
    return true;
  }

  /// @param direction 1 for the greatest, -1 for the least
  static Object extreme(List<?> values, int direction) {
    if (values.isEmpty()) {
      throw new IllegalArgumentException(
          direction > 0 ? "max called on empty list" : "min called on empty list");
    }
    Object best = values.getFirst();
    for (var value : values) {
      best = compare(value, best) * direction > 0 ? value : best;
    }
    return best;
  }

  static Object sum(List<?> values) {
    Object total = 0L;
    for (var i = 0; i < values.size(); i++) {
      total = i == 0 ? values.get(i) : add(total, values.get(i));
    }
    if (total instanceof Number || total instanceof Duration) {
      return total;
    }
    throw new IllegalArgumentException(
        "sum takes numbers or durations, found " + total.getClass().getSimpleName());
  }

  private static Object add(Object one, Object other) {
    if (one instanceof Long a && other instanceof Long b) {
      return Math.addExact(a, b);
    }
    if (one instanceof UnsignedLong a && other instanceof UnsignedLong b) {
      return a.plus(b);
    }
    if (one instanceof Duration a && other instanceof Duration b) {
      return a.plus(b);
    }
    if (one instanceof Number a && other instanceof Number b) {
      return a.doubleValue() + b.doubleValue();
    }
    throw new IllegalArgumentException(
        "sum takes numbers or durations, found " + other.getClass().getSimpleName());
  }

  static long indexOf(List<?> values, Object wanted) {
    for (var i = 0; i < values.size(); i++) {
      if (same(values.get(i), wanted)) {
        return i;
      }
    }
    return -1;
  }

  static long lastIndexOf(List<?> values, Object wanted) {
    for (var i = values.size() - 1; i >= 0; i--) {
      if (same(values.get(i), wanted)) {
        return i;
      }
    }
    return -1;
  }

  private static boolean same(Object one, Object other) {
    return (one instanceof Number && other instanceof Number)
        ? compare(one, other) == 0
        : Objects.equals(one, other);
  }

  static int compare(Object one, Object other) {
    if (one instanceof Long a && other instanceof Long b) {
      return Long.compare(a, b);
    }
    if (one instanceof Number a && other instanceof Number b) {
      return Double.compare(a.doubleValue(), b.doubleValue());
    }
    if (one instanceof CelByteString a && other instanceof CelByteString b) {
      return CelByteString.unsignedLexicographicalComparator().compare(a, b);
    }
    return switch (one) {
      case String a when other instanceof String b -> a.compareTo(b);
      case Boolean a when other instanceof Boolean b -> a.compareTo(b);
      case Instant a when other instanceof Instant b -> a.compareTo(b);
      case Duration a when other instanceof Duration b -> a.compareTo(b);
      default ->
        throw new IllegalArgumentException("cannot compare " + one.getClass().getSimpleName()
            + " with " + other.getClass().getSimpleName());
    };
  }
}
