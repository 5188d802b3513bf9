package dev.buildplane.render;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;

/// Names for Kubernetes objects made of parts and a hash, equal to those of OpenChoreo v0.17.
final class NameParts {
  /// Characters of a Kubernetes name.
  static final int NAME = 253;

  /// Characters of a DNS label.
  static final int LABEL = 63;

  private static final int HASH = 8;

  private NameParts() {}

  /// The parts, made safe and cut to share the room evenly, and the start of the SHA-256 of the original parts.
  ///
  /// @throws IllegalArgumentException without any part, or with more parts than fit
  static String join(List<String> parts, int limit) {
    var room = limit - HASH - parts.size();
    if (parts.isEmpty() || room < parts.size()) {
      throw new IllegalArgumentException(
          parts.isEmpty()
              ? "a name needs at least one part"
              : "a name of " + limit + " characters cannot hold " + parts.size() + " parts");
    }
    var name = new StringBuilder();
    for (var i = 0; i < parts.size(); i++) {
      var share = room / parts.size() + (i < room % parts.size() ? 1 : 0);
      var safe = safe(parts.get(i));
      name.append(safe, 0, Math.min(share, safe.length())).append('-');
    }
    name.append(sha256(String.join("-", parts)), 0, HASH);
    return trim(name.toString());
  }

  private static String safe(String part) {
    return trim(part.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9.-]", "-"));
  }

  private static String trim(String text) {
    var start = 0;
    var end = text.length();
    while (start < end && !isAlphanumeric(text.charAt(start))) {
      start++;
    }
    while (end > start && !isAlphanumeric(text.charAt(end - 1))) {
      end--;
    }
    return text.substring(start, end);
  }

  private static boolean isAlphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  }

  private static String sha256(String text) {
    try {
      var digest =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /// FNV-1a of 32 bits as 8 hexadecimal digits.
  static String fnv1a(String text) {
    var hash = 0x811c9dc5;
    for (var b : text.getBytes(StandardCharsets.UTF_8)) {
      hash = (hash ^ (b & 0xff)) * 0x01000193;
    }
    return HexFormat.of().toHexDigits(hash);
  }
}
