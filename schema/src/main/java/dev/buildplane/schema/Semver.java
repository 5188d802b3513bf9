package dev.buildplane.schema;

import com.google.re2j.Pattern;
import java.math.BigInteger;
import java.util.List;
import java.util.Optional;

/// A semantic version 2.0.0; build metadata is not compared.
record Semver(BigInteger major, BigInteger minor, BigInteger patch, List<String> preRelease)
    implements Comparable<Semver> {
  private static final Pattern SHAPE =
      Pattern.compile("^(0|[1-9][0-9]{0,17})\\.(0|[1-9][0-9]{0,17})\\.(0|[1-9][0-9]{0,17})"
          + "(?:-((?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(?:\\.(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
          + "(?:\\+[0-9a-zA-Z-]+(?:\\.[0-9a-zA-Z-]+)*)?$");

  static Optional<Semver> parse(String text) {
    var matcher = SHAPE.matcher(text);
    if (text.length() > 256 || !matcher.find()) {
      return Optional.empty();
    }
    var tail = matcher.group(4);
    return Optional.of(new Semver(
        new BigInteger(matcher.group(1)),
        new BigInteger(matcher.group(2)),
        new BigInteger(matcher.group(3)),
        tail == null ? List.of() : List.of(tail.split("\\.", -1))));
  }

  @Override
  public int compareTo(Semver other) {
    var order = major.compareTo(other.major);
    order = order != 0 ? order : minor.compareTo(other.minor);
    order = order != 0 ? order : patch.compareTo(other.patch);
    if (order != 0 || preRelease.isEmpty() || other.preRelease.isEmpty()) {
      return order != 0 ? order : Boolean.compare(preRelease.isEmpty(), other.preRelease.isEmpty());
    }
    for (var i = 0; i < Math.min(preRelease.size(), other.preRelease.size()); i++) {
      order = compare(preRelease.get(i), other.preRelease.get(i));
      if (order != 0) {
        return order;
      }
    }
    return Integer.compare(preRelease.size(), other.preRelease.size());
  }

  private static int compare(String one, String other) {
    var numeric = one.matches("[0-9]+");
    var otherNumeric = other.matches("[0-9]+");
    if (numeric && otherNumeric) {
      return new BigInteger(one).compareTo(new BigInteger(other));
    }
    return numeric == otherNumeric ? one.compareTo(other) : numeric ? -1 : 1;
  }
}
