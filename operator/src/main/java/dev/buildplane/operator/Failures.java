package dev.buildplane.operator;

import dev.buildplane.plan.ActionFailure;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.util.Set;

/// Reads answers of API servers.
final class Failures {
  private static final int FORBIDDEN = 403;
  private static final Set<Integer> REJECTED = Set.of(400, 404, 405, 409, 413, 415, 422);

  private Failures() {}

  /// What an error means for an action that met it.
  static ActionFailure of(KubernetesClientException problem) {
    int code = problem.getCode();
    if (code == FORBIDDEN) {
      return new ActionFailure.Forbidden(detail(problem));
    }
    return REJECTED.contains(code)
        ? new ActionFailure.Rejected(detail(problem))
        : new ActionFailure.Unreachable(detail(problem));
  }

  /// The server's own words where it has any, else the cause's.
  static String detail(KubernetesClientException problem) {
    var status = problem.getStatus();
    if (status != null && status.getMessage() != null && !status.getMessage().isEmpty()) {
      return status.getMessage();
    }
    var cause = problem.getCause();
    var text =
        cause != null && cause.getMessage() != null ? cause.getMessage() : problem.getMessage();
    return text == null ? problem.getClass().getSimpleName() : text;
  }
}
