package dev.buildplane.apiserver;

import dev.buildplane.apiserver.Rbac.Wish;
import dev.buildplane.http.Headers;
import java.util.ArrayList;
import java.util.List;

/// `Impersonate-User` and `Impersonate-Group`, as `kubectl --as` and `--as-group` send them. Who may
/// not is refused; never is the request done in the caller's own name instead.
final class Impersonation {
  private static final String USER = "impersonate-user";
  private static final String GROUP = "impersonate-group";
  private static final String ACCOUNT = "system:serviceaccount:";
  /// Groups in one request.
  private static final int MAX_GROUPS = 100;

  private final Rbac rbac;

  Impersonation(Rbac rbac) {
    this.rbac = rbac;
  }

  /// In whose name a request is done: the caller's own, or that of whom it asks for.
  ///
  /// @throws ApiProblem 400 for groups without a user or too many, 403 when the caller may not
  Caller effective(Caller caller, Headers headers) {
    var user = headers.first(USER).orElse("");
    var groups = headers.all(GROUP);
    if (user.isEmpty()) {
      if (groups.isEmpty()) {
        return caller;
      }
      throw ApiProblem.badRequest(
          "Impersonate-Group: expected Impersonate-User along with it, found none");
    }
    if (groups.size() > MAX_GROUPS) {
      throw ApiProblem.badRequest(
          "Impersonate-Group: expected at most " + MAX_GROUPS + " groups, found " + groups.size());
    }
    require(caller, "users", user);
    groups.forEach(group -> require(caller, "groups", group));
    return new Caller(user, "", withOwn(user, groups));
  }

  private void require(Caller caller, String resource, String name) {
    if (!rbac.allows(caller, new Wish("impersonate", "", resource, "", name, ""))) {
      throw ApiProblem.of(
          403,
          "Forbidden",
          "%s \"%s\" is forbidden: User \"%s\" cannot impersonate resource \"%s\" in API group \"\" at the cluster scope"
              .formatted(resource, name, caller.user(), resource));
    }
  }

  /// The groups that everyone, and every service account, is in besides.
  private static List<String> withOwn(String user, List<String> groups) {
    var all = new ArrayList<>(groups);
    var parts = user.startsWith(ACCOUNT) ? user.substring(ACCOUNT.length()).split(":") : null;
    if (groups.isEmpty() && parts != null && parts.length == 2) {
      all.add("system:serviceaccounts");
      all.add("system:serviceaccounts:" + parts[0]);
    }
    all.add(Caller.AUTHENTICATED);
    return all;
  }
}
