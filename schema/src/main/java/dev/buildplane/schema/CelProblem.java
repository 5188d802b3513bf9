package dev.buildplane.schema;

/// Thrown when a CEL expression cannot be compiled or evaluated.
public final class CelProblem extends Exception {
  private static final long serialVersionUID = 1L;

  /// What went wrong.
  public enum Kind {
    /// The expression is not valid CEL, or its types do not fit.
    COMPILE,
    /// The expression failed for the values given.
    EVALUATION,
    /// The expression took more steps than allowed.
    BUDGET
  }

  private final Kind kind;
  private final String expression;
  private final int line;
  private final int column;
  private final String detail;

  CelProblem(Kind kind, String expression, int line, int column, String detail, Throwable cause) {
    super("%s at %d:%d of '%s'".formatted(detail, line, column, expression), cause);
    this.kind = kind;
    this.expression = expression;
    this.line = line;
    this.column = column;
    this.detail = detail;
  }

  /// What went wrong.
  public Kind kind() {
    return kind;
  }

  /// The whole expression, as it was compiled.
  public String expression() {
    return expression;
  }

  /// The line in the expression, from 1; 0 when unknown.
  public int line() {
    return line;
  }

  /// The column in the line, in characters from 1; 0 when unknown.
  public int column() {
    return column;
  }

  /// What is wrong, without position and expression, for example `undefined field 'foo'`.
  public String detail() {
    return detail;
  }

  /// Several lines with the expression and a mark below the fault, as kubectl users know them.
  public String pretty() {
    if (line == 0) {
      return "ERROR: <input>: " + detail;
    }
    var lines = expression.split("\n", -1);
    var shown = line <= lines.length ? lines[line - 1] : "";
    return "ERROR: <input>:%d:%d: %s%n | %s%n | %s^"
        .formatted(line, column, detail, shown, ".".repeat(Math.max(0, column - 1)))
        .replace("\r\n", "\n");
  }
}
