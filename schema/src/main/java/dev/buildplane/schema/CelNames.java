package dev.buildplane.schema;

import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/// How a JSON field is called in a rule: `__dash__` for `-`, `__namespace__` for a reserved word, and so on.
final class CelNames {
  private static final Pattern ACCESSIBLE = Pattern.compile("[a-zA-Z_./-][a-zA-Z0-9_./-]*");
  private static final Set<String> RESERVED = Set.of(
      "true",
      "false",
      "null",
      "in",
      "as",
      "break",
      "const",
      "continue",
      "else",
      "for",
      "function",
      "if",
      "import",
      "let",
      "loop",
      "package",
      "namespace",
      "return",
      "var",
      "void",
      "while");

  private CelNames() {}

  /// The name in CEL, or empty when a rule cannot reach the field.
  static Optional<String> escape(String name) {
    if (!ACCESSIBLE.matcher(name).matches()) {
      return Optional.empty();
    }
    if (RESERVED.contains(name)) {
      return Optional.of("__" + name + "__");
    }
    return Optional.of(name.replace("__", "__underscores__")
        .replace(".", "__dot__")
        .replace("-", "__dash__")
        .replace("/", "__slash__"));
  }
}
