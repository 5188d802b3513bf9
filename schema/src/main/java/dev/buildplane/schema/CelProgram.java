package dev.buildplane.schema;

import dev.cel.common.CelAbstractSyntaxTree;
import dev.cel.common.CelErrorCode;
import dev.cel.common.types.CelType;
import dev.cel.runtime.CelEvaluationException;
import dev.cel.runtime.CelRuntime;
import java.util.Map;
import java.util.regex.Pattern;

/// A compiled CEL expression. Immutable and safe for concurrent use; it runs on the caller's thread.
public final class CelProgram {
  private static final Pattern AT =
      Pattern.compile("^evaluation error(?: at <input>:(\\d+))?: (.*)$", Pattern.DOTALL);
  private static final Pattern MISSING_KEY =
      Pattern.compile("^key '(.*)' is not present in map\\.$", Pattern.DOTALL);

  private static final int MAX_CAUSES = 10;
  private static final int MAX_DETAIL = 1_000;

  private final String expression;
  private final CelAbstractSyntaxTree tree;
  private final CelRuntime.Program program;

  CelProgram(String expression, CelAbstractSyntaxTree tree, CelRuntime.Program program) {
    this.expression = expression;
    this.tree = tree;
    this.program = program;
  }

  /// The static type of the result.
  public CelType resultType() {
    return tree.getResultType();
  }

  /// Whether the expression mentions the variable `name`.
  public boolean reads(String name) {
    return tree.getReferenceMap().values().stream()
        .anyMatch(reference -> reference.name().equals(name));
  }

  /// Evaluates once.
  ///
  /// @param variables values as [CelValues#fromJson] makes them, by variable name
  /// @return a CEL value; see [CelValues#toJson]
  /// @throws CelProblem when evaluation fails, or takes more steps than [CelDialect#MAX_ITERATIONS]
  public Object evaluate(Map<String, Object> variables) throws CelProblem {
    try {
      return program.eval(variables);
    } catch (CelEvaluationException e) {
      throw problem(e);
    }
  }

  private CelProblem problem(CelEvaluationException e) {
    var message = String.valueOf(e.getMessage());
    var matcher = AT.matcher(message);
    var found = matcher.matches();
    var whole = plain(found ? matcher.group(2) : message, e);
    var detail = whole.length() <= MAX_DETAIL ? whole : whole.substring(0, MAX_DETAIL) + "...";
    var budget = e.getErrorCode() == CelErrorCode.ITERATION_BUDGET_EXCEEDED;
    var kind = budget ? CelProblem.Kind.BUDGET : CelProblem.Kind.EVALUATION;
    if (!found || matcher.group(1) == null) {
      return new CelProblem(kind, expression, 0, 0, detail, e);
    }
    // the evaluator gives an offset in code points
    var offset = Math.min(
        Integer.parseInt(matcher.group(1)), expression.codePointCount(0, expression.length()));
    var before = expression.substring(0, expression.offsetByCodePoints(0, offset));
    var lineStart = before.lastIndexOf('\n') + 1;
    var line = 1 + (int) before.chars().filter(c -> c == '\n').count();
    return new CelProblem(kind, expression, line, 1 + before.length() - lineStart, detail, e);
  }

  /// The words of the Kubernetes API server's CEL where the library's differ.
  private static String plain(String text, CelEvaluationException e) {
    var missing = MISSING_KEY.matcher(text);
    if (missing.matches()) {
      return "no such key: " + missing.group(1);
    }
    return switch (e.getErrorCode()) {
      case INDEX_OUT_OF_BOUNDS -> text.replace("Index out of bounds", "index out of bounds");
      case DIVIDE_BY_ZERO -> "division by zero";
      case OVERLOAD_NOT_FOUND ->
        text.replaceFirst("^No matching overload for function '(.*?)'.*", "no such overload: $1");
      case INTERNAL_ERROR -> withCause(text, e);
      // an index gives the bare key, a selection a sentence
      case ATTRIBUTE_NOT_FOUND ->
        text.startsWith("Error resolving") ? text : "no such key: " + text;
      case DUPLICATE_ATTRIBUTE,
          INVALID_ARGUMENT,
          AMBIGUOUS_OVERLOAD,
          TYPE_NOT_FOUND,
          NUMERIC_OVERFLOW,
          ITERATION_BUDGET_EXCEEDED,
          BAD_FORMAT -> text;
    };
  }

  /// The library's own sentence repeats the arguments, which may be long or secret: the reason below it says enough.
  private static String withCause(String text, CelEvaluationException e) {
    var reason = text;
    Throwable cause = e.getCause();
    for (var depth = 0; cause != null && depth < MAX_CAUSES; depth++) {
      var message = cause.getMessage();
      reason = message == null ? reason : message;
      cause = cause.getCause();
    }
    var arguments = reason.indexOf(" failed with arg(s)");
    return arguments < 0 ? reason : reason.substring(0, arguments) + " failed";
  }
}
