package dev.buildplane.http;

import static java.util.Objects.requireNonNull;

import java.util.List;

/// Who a policy found the caller to be, in Kubernetes terms.
public record Principal(String user, List<String> groups) {
  /// A caller that a policy let in without asking who it is.
  public static final Principal ANONYMOUS =
      new Principal("system:anonymous", List.of("system:unauthenticated"));

  public Principal {
    requireNonNull(user, "user");
    groups = List.copyOf(groups);
  }
}
