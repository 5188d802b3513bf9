package dev.buildplane.render;

import java.util.ArrayList;
import java.util.List;

/// Splits the constraints of a shorthand field (`default=a enum="b c",d | minLength=1`) into tokens and values.
///
/// White space separates tokens, except inside quotes and inside `[ ]` and `{ }`. Either quote character opens a quoted run
/// anywhere in a token; a backslash inside quotes protects the next character. A token that is only `|` is no token.
final class ConstraintTokens {
  private ConstraintTokens() {}

  static List<String> split(String text) {
    var tokens = new ArrayList<String>();
    var token = new StringBuilder();
    var scanner = new Scanner();
    for (var i = 0; i < text.length(); i++) {
      var c = text.charAt(i);
      if (Character.isWhitespace(c) && scanner.isOutside()) {
        keep(token, tokens);
      } else {
        scanner.step(c);
        token.append(c);
      }
    }
    keep(token, tokens);
    return tokens;
  }

  private static void keep(StringBuilder token, List<String> tokens) {
    if (!token.isEmpty() && !token.toString().equals("|")) {
      tokens.add(token.toString());
    }
    token.setLength(0);
  }

  /// Splits a list of values at the commas outside double quotes. Single quotes do not protect a comma.
  static List<String> list(String text) {
    var parts = new ArrayList<String>();
    var start = 0;
    var quoted = false;
    for (var i = 0; i < text.length(); i++) {
      var c = text.charAt(i);
      if (quoted && c == '\\') {
        i++;
      } else if (c == '"') {
        quoted = !quoted;
      } else if (c == ',' && !quoted) {
        parts.add(text.substring(start, i).strip());
        start = i + 1;
      }
    }
    parts.add(text.substring(start).strip());
    return parts;
  }

  /// Takes the quotes off a value that is quoted as a whole; any other value stays as it is.
  ///
  /// Double quotes follow the rules of Go strings, and stay when the text breaks them. In single quotes `''` means `'`.
  static String unquote(String value) {
    if (value.length() < 2 || value.charAt(0) != value.charAt(value.length() - 1)) {
      return value;
    }
    var inner = value.substring(1, value.length() - 1);
    return switch (value.charAt(0)) {
      case '\'' -> inner.replace("''", "'");
      case '"' -> GoString.unescape(inner).orElse(value);
      default -> value;
    };
  }

  /// Follows quotes and brackets.
  private static final class Scanner {
    private char quote;
    private boolean escaped;
    private int depth;

    boolean isOutside() {
      return quote == 0 && depth == 0;
    }

    void step(char c) {
      if (quote != 0) {
        if (escaped) {
          escaped = false;
        } else if (c == '\\') {
          escaped = true;
        } else if (c == quote) {
          quote = 0;
        }
        return;
      }
      switch (c) {
        case '"', '\'' -> quote = c;
        case '[', '{' -> depth++;
        case ']', '}' -> depth = Math.max(0, depth - 1);
        default -> {}
      }
    }
  }
}
