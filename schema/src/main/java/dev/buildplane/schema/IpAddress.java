package dev.buildplane.schema;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/// An IPv4 or IPv6 address, read strictly: no leading zeros in IPv4, no zones, no IPv4-mapped IPv6, as Kubernetes' CEL library.
record IpAddress(int family, BigInteger bits) {
  static Optional<IpAddress> parse(String text) {
    return text.indexOf(':') >= 0 ? parse6(text) : parse4(text);
  }

  int width() {
    return family == 4 ? 32 : 128;
  }

  private static Optional<IpAddress> parse4(String text) {
    var parts = text.split("\\.", -1);
    if (parts.length != 4) {
      return Optional.empty();
    }
    var bits = 0L;
    for (var part : parts) {
      if (!part.matches("0|[1-9][0-9]{0,2}") || Integer.parseInt(part) > 255) {
        return Optional.empty();
      }
      bits = bits << 8 | Integer.parseInt(part);
    }
    return Optional.of(new IpAddress(4, BigInteger.valueOf(bits)));
  }

  private static Optional<IpAddress> parse6(String text) {
    var gap = text.indexOf("::");
    if (gap >= 0 && text.indexOf("::", gap + 1) >= 0) {
      return Optional.empty();
    }
    var head = groups(gap < 0 ? text : text.substring(0, gap));
    var tail = gap < 0 ? Optional.of(List.<Integer>of()) : groups(text.substring(gap + 2));
    if (head.isEmpty() || tail.isEmpty()) {
      return Optional.empty();
    }
    var given = head.get().size() + tail.get().size();
    if (gap < 0 ? given != 8 : given > 7) {
      return Optional.empty();
    }
    var all = new ArrayList<>(head.get());
    all.addAll(Collections.nCopies(8 - given, 0));
    all.addAll(tail.get());
    var bits = BigInteger.ZERO;
    for (var group : all) {
      bits = bits.shiftLeft(16).or(BigInteger.valueOf(group));
    }
    var mapped = bits.shiftRight(32).equals(BigInteger.valueOf(0xffff));
    return mapped ? Optional.empty() : Optional.of(new IpAddress(6, bits));
  }

  private static Optional<List<Integer>> groups(String text) {
    if (text.isEmpty()) {
      return Optional.of(List.of());
    }
    var found = new ArrayList<Integer>();
    for (var part : text.split(":", -1)) {
      if (!part.matches("[0-9a-fA-F]{1,4}")) {
        return Optional.empty();
      }
      found.add(Integer.parseInt(part, 16));
    }
    return Optional.of(found);
  }

  boolean isUnspecified() {
    return bits.signum() == 0;
  }

  boolean isLoopback() {
    return family == 4 ? top(8) == 127 : bits.equals(BigInteger.ONE);
  }

  boolean isLinkLocalMulticast() {
    return family == 4 ? bits.shiftRight(8).intValue() == 0xe00000 : (top(16) & 0xff0f) == 0xff02;
  }

  boolean isLinkLocalUnicast() {
    return family == 4 ? top(16) == 0xa9fe : top(10) == 0x3fa;
  }

  boolean isGlobalUnicast() {
    var multicast = family == 4 ? top(4) == 0xe : top(8) == 0xff;
    var broadcast = family == 4 && bits.equals(BigInteger.valueOf(0xffffffffL));
    return !multicast && !broadcast && !isUnspecified() && !isLoopback() && !isLinkLocalUnicast();
  }

  private int top(int count) {
    return bits.shiftRight(width() - count).intValue();
  }

  @Override
  public String toString() {
    return family == 4 ? text4() : text6();
  }

  private String text4() {
    var value = bits.longValue();
    return (value >> 24) + "." + (value >> 16 & 255) + "." + (value >> 8 & 255) + "."
        + (value & 255);
  }

  /// RFC 5952: lower case, the longest run of two or more zero groups shortened.
  private String text6() {
    var groups = new int[8];
    for (var i = 0; i < 8; i++) {
      groups[i] = bits.shiftRight(16 * (7 - i)).intValue() & 0xffff;
    }
    var start = -1;
    var length = 1;
    for (var i = 0; i < 8; i++) {
      var end = i;
      while (end < 8 && groups[end] == 0) {
        end++;
      }
      if (end - i > length) {
        start = i;
        length = end - i;
      }
    }
    var text = new StringBuilder();
    for (var i = 0; i < 8; i++) {
      if (i == start) {
        text.append("::");
        i += length - 1;
      } else {
        text.append(text.isEmpty() || text.charAt(text.length() - 1) == ':' ? "" : ":")
            .append(Integer.toHexString(groups[i]));
      }
    }
    return text.toString();
  }
}
