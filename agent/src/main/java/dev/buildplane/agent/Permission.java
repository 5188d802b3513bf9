package dev.buildplane.agent;

import java.util.List;

/// One thing the control plane does in a build cluster by way of the agent, so that the agent must be allowed to.
///
/// @param group API group, empty for the core
/// @param resource plural, with `/subresource` where one is meant
/// @param why what it is needed for
record Permission(String verb, String group, String resource, String why) {
  private static final String ARGO = "argoproj.io";
  private static final String RBAC = "rbac.authorization.k8s.io";
  private static final String EXTERNAL_SECRETS = "external-secrets.io";

  /// All of them. The one place: the agent asks its cluster for each.
  static final List<Permission> NEEDED = List.of(
      new Permission("get", "", "namespaces", "the namespace of builds"),
      new Permission("create", "", "namespaces", "the namespace of builds"),
      new Permission("create", "", "serviceaccounts", "the user builds run as"),
      new Permission("create", RBAC, "roles", "what builds may do"),
      new Permission("create", RBAC, "rolebindings", "what builds may do"),
      new Permission("create", ARGO, "workflows", "starting builds"),
      new Permission("get", ARGO, "workflows", "the state of builds"),
      new Permission("watch", ARGO, "workflows", "the state of builds"),
      new Permission("delete", ARGO, "workflows", "cancelling and cleaning up builds"),
      new Permission("get", "", "pods", "the steps of builds"),
      new Permission("list", "", "pods", "the steps of builds"),
      new Permission("watch", "", "pods", "the steps of builds"),
      new Permission("get", "", "pods/log", "logs of builds"),
      new Permission("create", EXTERNAL_SECRETS, "externalsecrets", "secrets that builds use"),
      new Permission("get", EXTERNAL_SECRETS, "clustersecretstores", "whether secrets can be had"),
      new Permission(
          "watch", EXTERNAL_SECRETS, "clustersecretstores", "whether secrets can be had"));

  /// As it is told to people, for example `watch workflows.argoproj.io`.
  String text() {
    return verb + " " + resource + (group.isEmpty() ? "" : "." + group);
  }
}
