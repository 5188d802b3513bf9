package dev.buildplane.plan;

/// Why an action could not be carried out.
public sealed interface ActionFailure {
  String detail();

  /// The plane's access rules forbid it.
  record Forbidden(String detail) implements ActionFailure {}

  /// The plane's API server refused the object, for example for a schema, a quota or an admission rule.
  record Rejected(String detail) implements ActionFailure {}

  /// An Argo Workflow of that name belongs to something else.
  record Conflict(String detail) implements ActionFailure {}

  /// The plane or the gateway could not be reached, or answered with an error of its own.
  record Unreachable(String detail) implements ActionFailure {}
}
