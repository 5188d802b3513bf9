package dev.buildplane.runner;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/// Evaluates `when` and `depends`: words, quoted strings, `== != < <= > >=`, `! && ||` and parentheses.
///
/// Words are filled in after the text is cut into tokens, so a value can never become an operator.
final class Logic {
  private static final int MAX_TOKENS = 1_000;
  private static final Pattern TOKEN = Pattern.compile(
      "\\s*(&&|\\|\\||==|!=|<=|>=|<|>|!|\\(|\\)|'[^']*'|\"[^\"]*\"|(?:\\{\\{[^{}]*}}|[^\\s()&|!=<>'\"])+)");

  /// Gives the value of a word.
  @FunctionalInterface
  interface Words {
    String value(String word) throws StepProblem;
  }

  private final String text;
  private final List<String> tokens = new ArrayList<>();
  private final Words words;
  private int next;

  private Logic(String text, Words words) {
    this.text = text;
    this.words = words;
  }

  static boolean evaluate(String text, Words words) throws StepProblem {
    var logic = new Logic(text, words);
    logic.tokenize();
    var result = logic.or();
    if (logic.next != logic.tokens.size()) {
      throw logic.problem("unexpected \"" + logic.tokens.get(logic.next) + "\"");
    }
    return result;
  }

  private void tokenize() throws StepProblem {
    var matcher = TOKEN.matcher(text);
    int end = 0;
    while (matcher.find() && matcher.start() == end && tokens.size() < MAX_TOKENS) {
      tokens.add(matcher.group(1));
      end = matcher.end();
    }
    if (!text.substring(end).isBlank()) {
      throw problem("cannot read \"" + text.substring(end).strip() + "\"");
    }
  }

  private boolean or() throws StepProblem {
    var result = and();
    while (take("||")) {
      result |= and();
    }
    return result;
  }

  private boolean and() throws StepProblem {
    var result = not();
    while (take("&&")) {
      result &= not();
    }
    return result;
  }

  private boolean not() throws StepProblem {
    return take("!") ? !not() : comparison();
  }

  private boolean comparison() throws StepProblem {
    if (take("(")) {
      var inner = or();
      if (!take(")")) {
        throw problem("a \")\" is missing");
      }
      return inner;
    }
    var left = operand();
    for (var operator : List.of("==", "!=", "<=", ">=", "<", ">")) {
      if (take(operator)) {
        return compare(left, operator, operand());
      }
    }
    return switch (left) {
      case "true" -> true;
      case "false" -> false;
      default -> throw problem("expected true, false or a comparison, found \"" + left + "\"");
    };
  }

  private static boolean compare(String left, String operator, String right) {
    int order = order(left, right);
    return switch (operator) {
      case "==" -> order == 0;
      case "!=" -> order != 0;
      case "<=" -> order <= 0;
      case ">=" -> order >= 0;
      case "<" -> order < 0;
      default -> order > 0;
    };
  }

  private static int order(String left, String right) {
    var number = "-?[0-9]{1,30}(\\.[0-9]{1,30})?";
    return left.matches(number) && right.matches(number)
        ? new BigDecimal(left).compareTo(new BigDecimal(right))
        : left.compareTo(right);
  }

  private String operand() throws StepProblem {
    if (next >= tokens.size()) {
      throw problem("it ends too early");
    }
    var token = tokens.get(next++);
    if (token.startsWith("'") || token.startsWith("\"")) {
      return words.value(token.substring(1, token.length() - 1));
    }
    if (token.matches("&&|\\|\\||==|!=|<=|>=|<|>|!|\\(|\\)")) {
      throw problem("unexpected \"" + token + "\"");
    }
    return words.value(token);
  }

  private boolean take(String token) {
    if (next < tokens.size() && tokens.get(next).equals(token)) {
      next++;
      return true;
    }
    return false;
  }

  private StepProblem problem(String detail) {
    return new StepProblem("invalid condition \"" + text + "\": " + detail);
  }
}
