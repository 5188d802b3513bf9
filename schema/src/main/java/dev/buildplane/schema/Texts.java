package dev.buildplane.schema;

/// The string functions of CEL that count in code points.
final class Texts {
  private Texts() {}

  static long indexOf(String text, String part) {
    return points(text, text.indexOf(part));
  }

  static long indexOf(String text, String part, long from) {
    return points(text, text.indexOf(part, offset(text, from)));
  }

  static long lastIndexOf(String text, String part) {
    return points(text, text.lastIndexOf(part));
  }

  static long lastIndexOf(String text, String part, long from) {
    return points(text, text.lastIndexOf(part, offset(text, from)));
  }

  private static long points(String text, int index) {
    return index < 0 ? -1 : text.codePointCount(0, index);
  }

  private static int offset(String text, long points) {
    if (points < 0 || points > text.codePointCount(0, text.length())) {
      throw new IllegalArgumentException("index out of range: " + points);
    }
    return text.offsetByCodePoints(0, (int) points);
  }
}
