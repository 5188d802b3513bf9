package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Decides what callers may do, over the roles and bindings stored here. Members of
/// `system:masters` may do everything. Thread-safe.
final class Rbac {
  private static final String GROUP = "rbac.authorization.k8s.io";

  /// One thing somebody wants to do.
  ///
  /// @param resource plural, with `/SUBRESOURCE` when there is one; empty when `path` counts
  /// @param path of a request for no resource, else empty
  record Wish(
      String verb, String group, String resource, String namespace, String name, String path) {
    static Wish path(String verb, String path) {
      return new Wish(verb, "", "", "", "", path);
    }
  }

  /// What is bound to somebody in one namespace (empty: everywhere).
  record Grant(String namespace, List<JsonNode> rules, String because) {}

  private record Binding(String namespace, JsonNode subjects, String role, String because) {}

  private record Snapshot(Map<String, JsonNode> rulesByRole, List<Binding> bindings) {}

  private final Objects objects;
  private final Registry registry;
  private volatile @Nullable Snapshot snapshot;

  Rbac(Objects objects, Registry registry) {
    this.objects = objects;
    this.registry = registry;
  }

  /// Makes later decisions see the change of an object of this type.
  void changed(ResourceType type) {
    if (type.group().equals(GROUP)) {
      snapshot = null;
    }
  }

  boolean allows(Caller caller, Wish wish) {
    if (caller.groups().contains(Caller.MASTERS) || forEveryone(wish)) {
      return true;
    }
    return grants(caller, wish.namespace()).stream()
        .anyMatch(grant -> grant.rules().stream().anyMatch(rule -> matches(rule, wish)));
  }

  /// As Kubernetes' default roles `system:discovery` and `system:basic-user`.
  private static boolean forEveryone(Wish wish) {
    if (!wish.path().isEmpty()) {
      var path = wish.path();
      return wish.verb().equals("get")
          && (path.equals("/api")
              || path.equals("/apis")
              || path.startsWith("/api/")
              || path.startsWith("/apis/")
              || path.startsWith("/openapi")
              || path.equals("/version"));
    }
    return wish.verb().equals("create") && wish.resource().startsWith("selfsubject");
  }

  /// Everything bound to a caller that counts in a namespace (empty: for the whole cluster).
  List<Grant> grants(Caller caller, String namespace) {
    var found = new ArrayList<Grant>();
    var now = snapshot();
    for (var binding : now.bindings()) {
      var counts = binding.namespace().isEmpty() || binding.namespace().equals(namespace);
      if (counts && names(binding, caller)) {
        var rules = new ArrayList<JsonNode>();
        now.rulesByRole().getOrDefault(binding.role(), Json.array()).forEach(rules::add);
        found.add(new Grant(binding.namespace(), rules, binding.because()));
      }
    }
    return found;
  }

  private Snapshot snapshot() {
    var known = snapshot;
    if (known == null) {
      known = read();
      snapshot = known;
    }
    return known;
  }

  private Snapshot read() {
    var rules = new HashMap<String, JsonNode>();
    for (var role : all("clusterroles")) {
      rules.put("ClusterRole/" + Meta.name(role), role.path("rules"));
    }
    for (var role : all("roles")) {
      rules.put("Role/" + Meta.namespace(role) + "/" + Meta.name(role), role.path("rules"));
    }
    var bindings = new ArrayList<Binding>();
    all("clusterrolebindings")
        .forEach(binding -> bindings.add(binding(binding, "ClusterRoleBinding")));
    all("rolebindings").forEach(binding -> bindings.add(binding(binding, "RoleBinding")));
    return new Snapshot(Map.copyOf(rules), List.copyOf(bindings));
  }

  private List<ObjectNode> all(String plural) {
    return objects.all(registry.builtIn(GROUP, plural), "");
  }

  private static Binding binding(ObjectNode binding, String kind) {
    var namespace = Meta.namespace(binding);
    var role = Json.text(binding, "roleRef", "name");
    var key = Json.text(binding, "roleRef", "kind").equals("Role")
        ? "Role/" + namespace + "/" + role
        : "ClusterRole/" + role;
    var because = "RBAC: allowed by " + kind + " \"" + Meta.name(binding) + "\" of "
        + Json.text(binding, "roleRef", "kind") + " \"" + role + "\"";
    return new Binding(namespace, binding.path("subjects"), key, because);
  }

  private static boolean names(Binding binding, Caller caller) {
    for (var subject : binding.subjects()) {
      var name = Json.text(subject, "name");
      var named = switch (Json.text(subject, "kind")) {
        case "User" -> name.equals(caller.user());
        case "Group" -> caller.groups().contains(name);
        case "ServiceAccount" -> {
          var namespace = Json.text(subject, "namespace");
          yield caller
              .user()
              .equals("system:serviceaccount:"
                  + (namespace.isEmpty() ? binding.namespace() : namespace) + ":" + name);
        }
        default -> false;
      };
      if (named) {
        return true;
      }
    }
    return false;
  }

  static boolean matches(JsonNode rule, Wish wish) {
    if (!has(rule.path("verbs"), wish.verb())) {
      return false;
    }
    if (!wish.path().isEmpty()) {
      return rule.path("nonResourceURLs")
          .valueStream()
          .anyMatch(url -> covers(url.asText(), wish.path()));
    }
    var names = rule.path("resourceNames");
    return has(rule.path("apiGroups"), wish.group())
        && resources(rule.path("resources"), wish.resource())
        && (names.isEmpty() || Json.strings(names).contains(wish.name()));
  }

  private static boolean has(JsonNode list, String value) {
    var values = Json.strings(list);
    return values.contains("*") || values.contains(value);
  }

  private static boolean resources(JsonNode list, String resource) {
    var slash = resource.indexOf('/');
    return has(list, resource)
        || (slash > 0 && Json.strings(list).contains("*" + resource.substring(slash)));
  }

  private static boolean covers(String url, String path) {
    return url.equals("*")
        || url.equals(path)
        || (url.endsWith("*") && path.startsWith(url.substring(0, url.length() - 1)));
  }
}
