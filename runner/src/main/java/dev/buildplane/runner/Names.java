package dev.buildplane.runner;

import java.util.regex.Pattern;

/// Names that become parts of paths.
final class Names {
  private static final Pattern SAFE =
      Pattern.compile("[A-Za-z0-9]([-A-Za-z0-9_.]{0,251}[A-Za-z0-9])?");

  private Names() {}

  /// The name itself, once it is known to be a single harmless path segment (what Kubernetes allows in names).
  static String safe(String name) {
    if (!SAFE.matcher(name).matches()) {
      throw new IllegalArgumentException("expected a Kubernetes name, found \"" + name + "\"");
    }
    return name;
  }
}
