package dev.buildplane.render;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Checks that rendered objects stay in their namespace and ask for nothing a build may not have. Pure.
///
/// It looks at rendered objects, not at what they refer to: a ClusterWorkflowTemplate is the platform team's own.
public final class Confinement {
  private static final Set<String> ARTIFACT_STORES =
      Set.of("s3", "gcs", "oss", "hdfs", "azure", "artifactory", "http", "plugin");
  private static final String TOKEN_SECRET = "kubernetes.io/service-account-token";

  /// One thing that is not allowed.
  ///
  /// @param path where, for example `run.spec.volumes[0].hostPath` or `resources[1].metadata.namespace`
  /// @param message what was expected and found, and what to do
  public record Violation(String path, String message) {
    @Override
    public String toString() {
      return path + ": " + message;
    }
  }

  private final ConfinementPolicy policy;
  private final String namespace;
  private final List<Violation> violations = new ArrayList<>();

  private Confinement(ConfinementPolicy policy, String namespace) {
    this.policy = policy;
    this.namespace = namespace;
  }

  /// Checks the run and its resources.
  ///
  /// @param namespace the only namespace allowed, see [RenderRequest#ciNamespace]
  /// @return every violation, in document order; empty when all is confined
  public static List<Violation> check(
      RenderOutcome.Rendered rendered, String namespace, ConfinementPolicy policy) {
    var check = new Confinement(policy, namespace);
    check.run(rendered.run());
    for (var i = 0; i < rendered.resources().size(); i++) {
      check.resource(rendered.resources().get(i).object(), "resources[" + i + "]");
    }
    return List.copyOf(check.violations);
  }

  private void run(JsonNode run) {
    kind(run, "run", policy.runKinds());
    place(run, "run");
    var account = run.at("/spec/serviceAccountName").asText();
    var named = policy.serviceAccounts();
    if (named.isEmpty() ? account.equals("default") : !named.contains(account)) {
      refuse(
          "run.spec.serviceAccountName",
          "service account \"" + account + "\" is not one that builds may use");
    }
    walk(run.path("spec"), "run.spec", account);
  }

  private void resource(JsonNode object, String path) {
    kind(object, path, policy.resourceKinds());
    place(object, path);
    if (object.path("kind").asText().equals("Secret")
        && object.path("type").asText().equals(TOKEN_SECRET)) {
      refuse(
          path + ".type",
          "a Secret of type " + TOKEN_SECRET + " would hold the token of a service account");
    }
    if (object.at("/spec/target/template/type").asText().equals(TOKEN_SECRET)) {
      refuse(
          path + ".spec.target.template.type",
          "a Secret of type " + TOKEN_SECRET + " would hold the token of a service account");
    }
  }

  private void kind(JsonNode object, String path, Set<String> allowed) {
    var version = object.path("apiVersion").asText();
    var kind = object.path("kind").asText();
    var anyVersion = version.substring(0, version.indexOf('/') + 1) + "*/" + kind;
    if (!allowed.contains(version + "/" + kind) && !allowed.contains(anyVersion)) {
      refuse(
          path + ".kind",
          version + " " + kind + " is not among the kinds a Workflow may create: "
              + String.join(", ", allowed.stream().sorted().toList()));
    }
  }

  private void place(JsonNode object, String path) {
    var found = object.at("/metadata/namespace").asText();
    if (!found.equals(namespace)) {
      refuse(
          path + ".metadata.namespace",
          "must be \"" + namespace + "\", found \"" + found + "\"; use ${metadata.namespace}");
    }
    for (var field : List.of("ownerReferences", "finalizers")) {
      if (!object.path("metadata").path(field).isEmpty()) {
        refuse(path + ".metadata." + field, "may not be set by a Workflow");
      }
    }
  }

  private void walk(JsonNode node, String path, String account) {
    for (var field : node.properties()) {
      var at = path + "." + field.getKey();
      var value = field.getValue();
      if (!value.isNull()) {
        judge(field.getKey(), value, at, account);
      }
      // parameters are data, whatever their keys are
      if (!field.getKey().equals("parameters")) {
        walk(value, at, account);
      }
    }
    if (node.isArray()) {
      for (var i = 0; i < node.size(); i++) {
        walk(node.get(i), path + "[" + i + "]", account);
      }
    }
  }

  private void judge(String key, JsonNode value, String at, String account) {
    switch (key) {
      case "hostPath" ->
        unless(policy.allowHostPath(), at, "volumes of the node's file system are not allowed");
      case "hostNetwork", "hostPID", "hostIPC", "hostProcess" ->
        unless(
            policy.allowHostNamespaces() || isFalse(value),
            at,
            "the node's namespaces are not allowed");
      case "hostPort" ->
        unless(
            policy.allowHostNamespaces() || isZero(value), at, "ports of the node are not allowed");
      case "privileged", "allowPrivilegeEscalation" ->
        unless(
            policy.allowPrivileged() || isFalse(value),
            at,
            "privileged containers are not allowed; use a ClusterWorkflowTemplate of the platform for such steps");
      case "procMount" ->
        unless(policy.allowPrivileged() || value.asText().equals("Default"), at, "must be Default");
      case "seccompProfile", "appArmorProfile" ->
        unless(
            policy.allowPrivileged() || !value.path("type").asText().equals("Unconfined"),
            at,
            "Unconfined is not allowed");
      case "capabilities" ->
        unless(
            policy.allowPrivileged() || value.path("add").isEmpty(),
            at + ".add",
            "adding capabilities is not allowed");
      case "podSpecPatch" ->
        unless(policy.allowPodSpecPatch(), at, "patching the pod is not allowed");
      case "resource" ->
        unless(
            policy.allowResourceTemplates()
                || !(value.has("manifest") || value.has("action") || value.has("manifestFrom")),
            at,
            "templates that create Kubernetes objects are not allowed; use spec.resources of the Workflow");
      case "hooks" ->
        unless(policy.allowHooks() || value.isEmpty(), at, "life-cycle hooks are not allowed");
      case "artifactRepositoryRef", "artifactRepository" ->
        unless(policy.allowArtifactLocations(), at, "artifacts go to the plane's own repository");
      case "artifacts" -> artifacts(value, at);
      case "serviceAccountName" ->
        unless(
            value.asText().equals(account),
            at,
            "must be the run's service account \"" + account + "\", found " + value);
      default -> {}
    }
  }

  private void artifacts(JsonNode artifacts, String path) {
    for (var i = 0; i < artifacts.size(); i++) {
      for (var store : ARTIFACT_STORES) {
        if (artifacts.get(i).hasNonNull(store)) {
          unless(
              policy.allowArtifactLocations(),
              path + "[" + i + "]." + store,
              "artifacts go to the plane's own repository");
        }
      }
    }
  }

  /// Text counts as true: Argo would fill in its placeholders later.
  private static boolean isFalse(JsonNode value) {
    return value.isBoolean() && !value.booleanValue();
  }

  private static boolean isZero(JsonNode value) {
    return value.isNumber() && value.intValue() == 0;
  }

  private void unless(boolean allowed, String path, String message) {
    if (!allowed) {
      refuse(path, message);
    }
  }

  private void refuse(String path, String message) {
    violations.add(new Violation(path, message));
  }
}
