package dev.buildplane.schema;

import com.google.common.primitives.UnsignedLong;
import dev.cel.common.values.CelByteString;
import dev.cel.common.values.NullValue;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// CEL's `'%s is %d'.format([a, b])`: verbs `s d f e b o x X` and `%%`, a precision for `f` and `e`.
final class StringFormat {
  private static final int MAX_PRECISION = 100;

  private final String template;
  private final List<?> arguments;
  private final StringBuilder text = new StringBuilder();
  private int used;
  private int at;

  private StringFormat(String template, List<?> arguments) {
    this.template = template;
    this.arguments = arguments;
  }

  /// @throws IllegalArgumentException for a verb that is unknown or does not fit its argument
  static String format(String template, List<?> arguments) {
    return new StringFormat(template, arguments).run();
  }

  private String run() {
    while (at < template.length()) {
      var c = template.charAt(at++);
      if (c != '%') {
        text.append(c);
      } else if (at < template.length() && template.charAt(at) == '%') {
        at++;
        text.append('%');
      } else {
        var shown = clause();
        BoundedFunctions.requireLength((long) text.length() + shown.length());
        text.append(shown);
      }
    }
    return text.toString();
  }

  private String clause() {
    var precision = 6;
    if (at < template.length() && template.charAt(at) == '.') {
      var start = ++at;
      while (at < template.length() && Character.isDigit(template.charAt(at))) {
        at++;
      }
      var digits = template.substring(start, at);
      precision =
          digits.isEmpty() ? 0 : digits.length() > 3 ? MAX_PRECISION + 1 : Integer.parseInt(digits);
      if (precision > MAX_PRECISION) {
        throw new IllegalArgumentException(
            "the precision of a formatting clause is at most " + MAX_PRECISION);
      }
    }
    if (at >= template.length()) {
      throw new IllegalArgumentException("unexpected end of format string");
    }
    var verb = template.charAt(at++);
    if (used >= arguments.size()) {
      throw new IllegalArgumentException(
          "index " + used + " out of range: more formatting clauses than arguments");
    }
    return clause(verb, precision, arguments.get(used++));
  }

  private static String clause(char verb, int precision, Object argument) {
    return switch (verb) {
      case 's' -> text(argument);
      case 'd' -> whole(argument, verb).toString();
      case 'f' -> String.format(Locale.ROOT, "%." + precision + "f", decimal(argument, verb));
      case 'e' -> String.format(Locale.ROOT, "%." + precision + "e", decimal(argument, verb));
      case 'b' ->
        argument instanceof Boolean b ? (b ? "1" : "0") : whole(argument, verb).toString(2);
      case 'o' -> whole(argument, verb).toString(8);
      case 'x' -> hex(argument, verb);
      case 'X' -> hex(argument, verb).toUpperCase(Locale.ROOT);
      default ->
        throw new IllegalArgumentException("unrecognized formatting clause \"" + verb + "\"");
    };
  }

  private static String hex(Object argument, char verb) {
    return switch (argument) {
      case String s -> HexFormat.of().formatHex(s.getBytes(StandardCharsets.UTF_8));
      case CelByteString bytes -> HexFormat.of().formatHex(bytes.toByteArray());
      default -> whole(argument, verb).toString(16);
    };
  }

  private static BigInteger whole(Object argument, char verb) {
    return switch (argument) {
      case Long n -> BigInteger.valueOf(n);
      case UnsignedLong n -> n.bigIntegerValue();
      default -> throw misfit(verb, "integers", argument);
    };
  }

  private static Object decimal(Object argument, char verb) {
    return switch (argument) {
      case Double d
      when d.isNaN() || d.isInfinite() -> throw misfit(verb, "finite numbers", argument);
      case Double d -> BigDecimal.valueOf(d);
      case Long n -> BigDecimal.valueOf(n);
      default -> throw misfit(verb, "numbers", argument);
    };
  }

  private static IllegalArgumentException misfit(char verb, String wanted, Object found) {
    return new IllegalArgumentException("error during formatting: %" + verb + " takes " + wanted
        + ", was given " + found.getClass().getSimpleName());
  }

  /// A value as `%s` shows it.
  static String text(Object value) {
    return switch (value) {
      case String s -> s;
      case Boolean b -> b.toString();
      case Long n -> n.toString();
      case UnsignedLong n -> n.toString();
      case Double d -> number(d);
      case NullValue _ -> "null";
      case CelByteString bytes -> bytes.toStringUtf8();
      case Instant time -> time.toString();
      case Duration duration -> CelValues.seconds(duration);
      case List<?> list -> {
        var parts = new ArrayList<String>();
        list.forEach(entry -> parts.add(text(entry)));
        yield "[" + String.join(", ", parts) + "]";
      }
      case Map<?, ?> map -> {
        var parts = new ArrayList<String>();
        map.forEach((key, entry) -> parts.add(text(key) + ": " + text(entry)));
        parts.sort(null);
        yield "{" + String.join(", ", parts) + "}";
      }
      default -> value.toString();
    };
  }

  private static String number(double value) {
    if (Double.isNaN(value)) {
      return "NaN";
    }
    return Double.isInfinite(value)
        ? (value > 0 ? "Infinity" : "-Infinity")
        : Numbers.plain(BigDecimal.valueOf(value));
  }
}
