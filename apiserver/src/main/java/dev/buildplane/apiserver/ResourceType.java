package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.patch.MergeStructure;
import dev.buildplane.schema.StructuralSchema;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// One resource in one version, built in or from a CustomResourceDefinition.
///
/// @param group empty for the core group
/// @param namespaced whether its objects live in namespaces
/// @param verbs what may be done with it, as discovery tells
/// @param subresources names below an object, for example `status`
/// @param stored group and plural its objects are stored under, as `core/events`
/// @param openApi schema for OpenAPI documents
/// @param schema prunes, defaults and validates; empty for built-in kinds
/// @param selectable field selectors besides `metadata.name` and `metadata.namespace`
/// @param counted whether `metadata.generation` is kept
record ResourceType(
    String group,
    String version,
    Names names,
    boolean namespaced,
    Set<String> verbs,
    Set<String> subresources,
    String stored,
    JsonNode openApi,
    Optional<StructuralSchema> schema,
    MergeStructure structure,
    List<Column> columns,
    List<String> selectable,
    boolean counted,
    Rules rules) {
  static final Set<String> ALL_VERBS =
      Set.of("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch");

  /// What a resource is called.
  record Names(
      String plural,
      String singular,
      String kind,
      String listKind,
      List<String> shortNames,
      List<String> categories) {
    Names {
      shortNames = List.copyOf(shortNames);
      categories = List.copyOf(categories);
    }
  }

  ResourceType {
    verbs = Set.copyOf(verbs);
    subresources = Set.copyOf(subresources);
    columns = List.copyOf(columns);
    selectable = List.copyOf(selectable);
  }

  String plural() {
    return names.plural();
  }

  String kind() {
    return names.kind();
  }

  String apiVersion() {
    return group.isEmpty() ? version : group + "/" + version;
  }

  /// As in messages: `secrets`, `clusterbuildplanes.openchoreo.dev`.
  String qualified() {
    return group.isEmpty() ? plural() : plural() + "." + group;
  }

  boolean custom() {
    return schema.isPresent();
  }

  boolean hasStatus() {
    return subresources.contains("status");
  }

  /// What all keys of its objects begin with.
  String prefix() {
    return "/" + stored + "/";
  }

  /// What the keys of its objects in one namespace begin with; empty namespace: all of them.
  String prefix(String namespace) {
    return namespace.isEmpty() ? prefix() : prefix() + namespace + "/";
  }

  String key(String namespace, String name) {
    return prefix() + (namespaced ? namespace : CLUSTER) + "/" + name;
  }

  /// Stands where the namespace stands in keys of cluster-scoped objects; no namespace is named so.
  private static final String CLUSTER = "_";
}
