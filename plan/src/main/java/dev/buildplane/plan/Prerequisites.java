package dev.buildplane.plan;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.model.Api;
import dev.buildplane.model.WorkflowRunStatus.ObjectReference;
import java.util.List;

/// Objects a run needs in its plane before it starts (`reference/workflows.md` section 8.2), and the marks on its own.
final class Prerequisites {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private Prerequisites() {}

  /// Namespace, service account, role and binding, in this order.
  static List<ObjectNode> of(String namespace, String serviceAccount) {
    var role = serviceAccount + "-role";
    return List.of(
        object("v1", "Namespace", "", namespace),
        object("v1", "ServiceAccount", namespace, serviceAccount),
        role(namespace, role),
        binding(namespace, role, serviceAccount));
  }

  private static ObjectNode role(String namespace, String name) {
    var role = object("rbac.authorization.k8s.io/v1", "Role", namespace, name);
    var rule = role.putArray("rules").addObject();
    rule.putArray("apiGroups").add("argoproj.io");
    rule.putArray("resources").add("workflowtaskresults");
    var verbs = rule.putArray("verbs");
    List.of("create", "get", "list", "watch", "update", "patch").forEach(verbs::add);
    return role;
  }

  private static ObjectNode binding(String namespace, String role, String serviceAccount) {
    var binding =
        object("rbac.authorization.k8s.io/v1", "RoleBinding", namespace, role + "-binding");
    binding
        .putObject("roleRef")
        .put("apiGroup", "rbac.authorization.k8s.io")
        .put("kind", "Role")
        .put("name", role);
    binding
        .putArray("subjects")
        .addObject()
        .put("kind", "ServiceAccount")
        .put("name", serviceAccount)
        .put("namespace", namespace);
    return binding;
  }

  private static ObjectNode object(String apiVersion, String kind, String namespace, String name) {
    var object = JSON.objectNode().put("apiVersion", apiVersion).put("kind", kind);
    var metadata = object.putObject("metadata").put("name", name);
    if (!namespace.isEmpty()) {
      metadata.put("namespace", namespace);
    }
    return object;
  }

  /// A copy that says which run it belongs to.
  static ObjectNode marked(ObjectNode object, RunObserved run) {
    var copy = object.deepCopy();
    var metadata = copy.withObjectProperty("metadata");
    metadata
        .withObjectProperty("labels")
        .put(Api.RUN, run.name())
        .put(Api.RUN_NAMESPACE, run.namespace())
        .put(Api.MANAGED_BY, Api.MANAGED_BY_RUNS)
        .put(Api.RUN_UID, run.uid());
    metadata.withObjectProperty("annotations").put(Api.RUN_UID, run.uid());
    return copy;
  }

  static ObjectReference reference(ObjectNode object) {
    var metadata = object.path("metadata");
    var namespace = metadata.path("namespace").asText("");
    return new ObjectReference(
        object.path("apiVersion").asText(),
        object.path("kind").asText(),
        metadata.path("name").asText(),
        namespace.isEmpty() ? null : namespace);
  }
}
