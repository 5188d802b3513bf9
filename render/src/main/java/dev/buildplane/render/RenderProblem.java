package dev.buildplane.render;

/// One thing that keeps a run from being rendered, told so that its author can mend it.
///
/// @param where the field, for example `spec.runTemplate.spec.arguments.parameters[2].value` of the Workflow, or
///     `spec.workflow.parameters.jdk` of the WorkflowRun
/// @param expression the CEL expression; empty when none is involved
/// @param position line and column in the expression, from 1, such as `1:12`; empty when unknown
/// @param message what was expected and what was found
/// @param remedy what to do
public record RenderProblem(
    Code code, String where, String expression, String position, String message, String remedy) {

  /// What kind of problem. Codes are public API: add freely, never rename.
  public enum Code {
    /// The Workflow's parameter schema cannot be read.
    SCHEMA_INVALID,
    /// A parameter of the run does not fit the Workflow's schema.
    PARAMETER_INVALID,
    /// A CEL expression does not compile.
    EXPRESSION_INVALID,
    /// A CEL expression failed for the values of this run.
    EXPRESSION_FAILED,
    /// A template is not well formed, or does not come to a usable Kubernetes object.
    TEMPLATE_INVALID
  }

  static RenderProblem schema(String where, String message) {
    return new RenderProblem(
        Code.SCHEMA_INVALID, where, "", "", message, "correct the field in the Workflow");
  }

  static RenderProblem parameter(String where, String message) {
    return new RenderProblem(
        Code.PARAMETER_INVALID,
        where,
        "",
        "",
        message,
        "start a run with a value that fits the Workflow's schema");
  }

  static RenderProblem template(String where, String message, String remedy) {
    return new RenderProblem(Code.TEMPLATE_INVALID, where, "", "", message, remedy);
  }

  /// One line for a condition or a log: where, what, in which expression, and the remedy.
  public String summary() {
    var text = new StringBuilder(where).append(": ").append(message);
    if (!expression.isEmpty()) {
      text.append(" in ${").append(shortened(expression)).append('}');
    }
    if (!position.isEmpty()) {
      text.append(" at ").append(position);
    }
    return text.append("; ").append(remedy).toString();
  }

  private static String shortened(String text) {
    var line = text.strip().replace('\n', ' ');
    return line.length() <= 120 ? line : line.substring(0, 117) + "...";
  }
}
