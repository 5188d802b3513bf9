package dev.buildplane.render;

import java.util.ArrayList;
import java.util.List;

/// A string of a template, cut into literal text and `${...}` expressions.
///
/// `${` opens an expression, the matching `}` ends it; braces inside single- or double-quoted CEL strings do not count. Another
/// `${` inside an expression must be quoted. A `${` that is never closed is literal text, as everything after it.
record TemplateText(List<Segment> segments) {
  /// Literal text, or an expression without its marker.
  record Segment(String text, boolean isExpression) {}

  /// Thrown for an expression inside an expression.
  static final class Nested extends Exception {
    private static final long serialVersionUID = 1L;

    Nested(String expression) {
      super("nested CEL expressions must be quoted, found ${ inside ${" + expression);
    }
  }

  static TemplateText parse(String text) throws Nested {
    var segments = new ArrayList<Segment>();
    var literalStart = 0;
    var open = text.indexOf("${");
    while (open >= 0) {
      var close = close(text, open + 2);
      if (close < 0) {
        break;
      }
      if (open > literalStart) {
        segments.add(new Segment(text.substring(literalStart, open), false));
      }
      segments.add(new Segment(text.substring(open + 2, close), true));
      literalStart = close + 1;
      open = text.indexOf("${", literalStart);
    }
    if (literalStart < text.length()) {
      segments.add(new Segment(text.substring(literalStart), false));
    }
    return new TemplateText(List.copyOf(segments));
  }

  /// The index of the brace that ends the expression starting at `from`, or -1 when none does.
  private static int close(String text, int from) throws Nested {
    var depth = 1;
    for (var i = from; i < text.length(); i++) {
      var c = text.charAt(i);
      switch (c) {
        case '"', '\'' -> {
          i = quoteEnd(text, i);
          if (i < 0) {
            return -1;
          }
        }
        case '{' -> depth++;
        case '}' -> {
          if (--depth == 0) {
            return i;
          }
        }
        case '$' -> {
          if (text.startsWith("${", i)) {
            throw new Nested(text.substring(from, i));
          }
        }
        default -> {}
      }
    }
    return -1;
  }

  private static int quoteEnd(String text, int from) {
    var quote = text.charAt(from);
    for (var i = from + 1; i < text.length(); i++) {
      if (text.charAt(i) == '\\') {
        i++;
      } else if (text.charAt(i) == quote) {
        return i;
      }
    }
    return -1;
  }

  boolean hasExpression() {
    return segments.stream().anyMatch(Segment::isExpression);
  }

  /// Whether the text, white space around it aside, is one expression and nothing else.
  boolean isWhole() {
    return segments.stream().filter(Segment::isExpression).count() == 1
        && segments.stream()
            .allMatch(segment -> segment.isExpression() || segment.text().isBlank());
  }

  /// The expression of a text that [#isWhole].
  String expression() {
    return segments.stream()
        .filter(Segment::isExpression)
        .findFirst()
        .orElseThrow()
        .text();
  }
}
