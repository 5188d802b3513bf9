package dev.buildplane.cli;

import dev.buildplane.agent.AgentProblem;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.IOException;
import java.net.ConnectException;
import javax.net.ssl.SSLException;
import org.slf4j.LoggerFactory;

/// Turns what a command threw into words for its user.
final class Problems {
  private Problems() {}

  static CliProblem explain(Exception thrown) {
    return switch (thrown) {
      case CliProblem told -> told;
      case KubernetesClientException refused -> explain(refused);
      case AgentProblem configured -> new CliProblem(message(configured), configured);
      default -> {
        LoggerFactory.getLogger(Problems.class).error("unexpected", thrown);
        yield new CliProblem(
            "unexpected " + thrown + "; please report it with the stack trace above", thrown);
      }
    };
  }

  static CliProblem explain(KubernetesClientException refused) {
    if (refused.getCode() == 404) {
      return new CliProblem(message(refused), ExitCode.NOT_FOUND);
    }
    if (refused.getCode() > 0) {
      return new CliProblem(message(refused), ExitCode.FAILED);
    }
    for (Throwable cause = refused; cause != null; cause = cause.getCause()) {
      if (cause instanceof ConnectException) {
        return new CliProblem(
            "expected a control plane to answer, found nobody listening; start one with 'buildplane up', or name another with --data-dir or --kubeconfig",
            ExitCode.UNREACHABLE);
      }
      if (cause instanceof SSLException untrusted) {
        return new CliProblem(
            "expected the control plane of the kubeconfig, found one it does not trust ("
                + untrusted.getMessage() + "); use the kubeconfig of this installation",
            ExitCode.UNREACHABLE);
      }
      if (cause instanceof IOException broken && cause.getCause() == null) {
        return new CliProblem(
            "lost the control plane: " + broken.getMessage(), ExitCode.UNREACHABLE);
      }
    }
    return new CliProblem(String.valueOf(refused.getMessage()));
  }

  /// The innermost cause, in few words.
  static String root(Throwable thrown) {
    var cause = thrown;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    return cause instanceof ConnectException
        ? "nobody is listening"
        : java.util.Objects.requireNonNullElse(cause.getMessage(), cause.toString());
  }

  private static String message(AgentProblem configured) {
    return java.util.Objects.requireNonNullElse(configured.getMessage(), configured.toString());
  }

  private static String message(KubernetesClientException refused) {
    var status = refused.getStatus();
    return status != null && status.getMessage() != null
        ? status.getMessage()
        : String.valueOf(refused.getMessage());
  }
}
