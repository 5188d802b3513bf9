package dev.buildplane.http;

import java.util.Locale;

/// The request target, split and checked once for everyone behind it (RFC 9112 section 3.2): what two parsers could
/// read in two ways is refused.
record RequestTarget(String rawPath, String rawQuery) {
  /// Splits and checks.
  ///
  /// @throws HttpProblem 400 for anything but a clean origin-form (or absolute-form) target
  static RequestTarget parse(String target) {
    var originForm = target.startsWith("/") ? target : fromAbsolute(target);
    for (int i = 0; i < originForm.length(); i++) {
      char c = originForm.charAt(i);
      if (c <= ' ' || c >= 0x7f || c == '#') {
        throw bad("a character that must be percent-encoded (code " + (int) c + ")");
      }
    }
    int question = originForm.indexOf('?');
    var path = question < 0 ? originForm : originForm.substring(0, question);
    checkPath(path);
    return new RequestTarget(path, question < 0 ? "" : originForm.substring(question + 1));
  }

  private static String fromAbsolute(String target) {
    int scheme = target.indexOf("://");
    var name = scheme < 0 ? "" : target.substring(0, scheme).toLowerCase(Locale.ROOT);
    if (!name.equals("http") && !name.equals("https")) {
      throw bad("neither a path nor an absolute http(s) URL");
    }
    int slash = target.indexOf('/', scheme + 3);
    return slash < 0 ? "/" : target.substring(slash);
  }

  private static void checkPath(String path) {
    if (path.indexOf('\\') >= 0) {
      throw bad("a back-slash");
    }
    if (path.indexOf('%') < 0 && !path.contains("/.")) {
      return; // most paths: no segment begins with a dot, and none hides one
    }
    int start = 1;
    while (start <= path.length()) {
      int end = path.indexOf('/', start);
      if (end < 0) {
        end = path.length();
      }
      checkSegment(path.substring(start, end));
      start = end + 1;
    }
  }

  private static void checkSegment(String segment) {
    if (segment.indexOf('%') < 0) {
      if (segment.equals(".") || segment.equals("..")) {
        throw bad("a dot segment");
      }
      return;
    }
    for (int i = segment.indexOf('%'); i >= 0; i = segment.indexOf('%', i + 1)) {
      if (i + 2 >= segment.length()
          || hex(segment.charAt(i + 1)) < 0
          || hex(segment.charAt(i + 2)) < 0) {
        throw bad("a '%' without two hex digits");
      }
    }
    var lower = segment.toLowerCase(Locale.ROOT);
    if (lower.contains("%00")) {
      throw bad("an encoded NUL");
    }
    if (lower.contains("%5c")) {
      throw bad("an encoded back-slash");
    }
    // An encoded slash may hide a dot segment from us that the next parser would see.
    for (var part : lower.replace("%2e", ".").split("%2f", -1)) {
      if (part.equals(".") || part.equals("..")) {
        throw bad("an encoded dot segment");
      }
    }
  }

  private static int hex(char c) {
    return Character.digit(c, 16);
  }

  private static HttpProblem bad(String found) {
    return new HttpProblem(
        400,
        "request path: expected a normalized path, found " + found + "; send the path without it");
  }
}
