package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Tells clients what is served: `/api`, `/apis`, resource lists, and the aggregated form
/// (`apidiscovery.k8s.io/v2`).
final class Discovery {
  static final String AGGREGATED =
      "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
  private static final String[] SORTED_VERBS = {
    "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"
  };

  private final Registry registry;

  Discovery(Registry registry) {
    this.registry = registry;
  }

  /// Versions by group and resources by version, in order of registration.
  private Map<String, Map<String, List<ResourceType>>> groups() {
    var groups = new LinkedHashMap<String, Map<String, List<ResourceType>>>();
    for (var type : registry.all()) {
      groups
          .computeIfAbsent(type.group(), _ -> new LinkedHashMap<>())
          .computeIfAbsent(type.version(), _ -> new ArrayList<>())
          .add(type);
    }
    return groups;
  }

  static boolean wantsAggregated(String accept) {
    return Arrays.stream(accept.split(","))
        .map(String::strip)
        .anyMatch(range -> range.contains("as=APIGroupDiscoveryList")
            && Arrays.asList(range.split(";")).contains("v=v2"));
  }

  /// `/api` or `/apis` in the aggregated form.
  ObjectNode aggregated(boolean core) {
    var list = Json.object()
        .put("kind", "APIGroupDiscoveryList")
        .put("apiVersion", "apidiscovery.k8s.io/v2");
    list.putObject("metadata");
    var items = list.putArray("items");
    groups().forEach((group, versions) -> {
      if (group.isEmpty() != core) {
        return;
      }
      var item = items.addObject();
      var metadata = item.putObject("metadata");
      metadata.putNull("creationTimestamp");
      if (!core) {
        metadata.put("name", group);
      }
      var shown = item.putArray("versions");
      versions.forEach((version, types) -> {
        var one = shown.addObject().put("version", version).put("freshness", "Current");
        var resources = one.putArray("resources");
        types.forEach(type -> resources.add(aggregated(type)));
      });
    });
    return list;
  }

  private static ObjectNode aggregated(ResourceType type) {
    var resource = Json.object().put("resource", type.plural());
    kind(resource.putObject("responseKind"), type.group(), type.version(), type.kind());
    resource.put("scope", type.namespaced() ? "Namespaced" : "Cluster");
    resource.put("singularResource", type.names().singular());
    resource.set("verbs", Json.texts(verbs(type)));
    if (!type.names().shortNames().isEmpty()) {
      resource.set("shortNames", Json.texts(type.names().shortNames()));
    }
    if (!type.names().categories().isEmpty()) {
      resource.set("categories", Json.texts(type.names().categories()));
    }
    if (!type.subresources().isEmpty()) {
      var list = resource.putArray("subresources");
      for (var name : type.subresources().stream().sorted().toList()) {
        var one = list.addObject().put("subresource", name);
        kind(one.putObject("responseKind"), type.group(), type.version(), type.kind());
        one.set("verbs", Json.texts(subresourceVerbs(name)));
      }
    }
    return resource;
  }

  private static void kind(ObjectNode target, String group, String version, String kind) {
    target.put("group", group).put("version", version).put("kind", kind);
  }

  private static List<String> verbs(ResourceType type) {
    var verbs = new ArrayList<String>();
    for (var verb : SORTED_VERBS) {
      if (type.verbs().contains(verb)) {
        verbs.add(verb);
      }
    }
    return verbs;
  }

  private static List<String> subresourceVerbs(String name) {
    return switch (name) {
      case "log" -> List.of("get");
      case "finalize" -> List.of("update");
      case "token" -> List.of("create");
      default -> List.of("get", "patch", "update");
    };
  }

  /// `/api`.
  ObjectNode coreVersions(String authority) {
    var versions = Json.object().put("kind", "APIVersions");
    versions.set("versions", Json.texts(List.of("v1")));
    versions
        .putArray("serverAddressByClientCIDRs")
        .addObject()
        .put("clientCIDR", "0.0.0.0/0")
        .put("serverAddress", authority);
    return versions;
  }

  /// `/apis`.
  ObjectNode groupList() {
    var list = Json.object().put("kind", "APIGroupList").put("apiVersion", "v1");
    var items = list.putArray("groups");
    groups().forEach((group, versions) -> {
      if (!group.isEmpty()) {
        items.add(group(group, versions));
      }
    });
    return list;
  }

  /// `/apis/GROUP`.
  ///
  /// @throws ApiProblem 404
  ObjectNode group(String name) {
    var versions = groups().get(name);
    if (versions == null || name.isEmpty()) {
      throw ApiProblem.noSuchPath();
    }
    return group(name, versions).put("kind", "APIGroup").put("apiVersion", "v1");
  }

  private static ObjectNode group(String name, Map<String, List<ResourceType>> versions) {
    var group = Json.object().put("name", name);
    var list = group.putArray("versions");
    versions.keySet().forEach(version -> version(list.addObject(), name, version));
    version(
        group.putObject("preferredVersion"), name, versions.keySet().iterator().next());
    return group;
  }

  private static void version(ObjectNode target, String group, String version) {
    target.put("groupVersion", group + "/" + version).put("version", version);
  }

  /// `/api/v1` or `/apis/GROUP/VERSION`.
  ///
  /// @throws ApiProblem 404
  ObjectNode resources(String group, String version) {
    var types = groups().getOrDefault(group, Map.of()).get(version);
    if (types == null) {
      throw ApiProblem.noSuchPath();
    }
    var list = Json.object().put("kind", "APIResourceList").put("apiVersion", "v1");
    list.put("groupVersion", group.isEmpty() ? version : group + "/" + version);
    var resources = list.putArray("resources");
    for (var type : types) {
      resources.add(resource(type));
      for (var name : type.subresources().stream().sorted().toList()) {
        var sub =
            resources.addObject().put("name", type.plural() + "/" + name).put("singularName", "");
        sub.put("namespaced", type.namespaced()).put("kind", type.kind());
        sub.set("verbs", Json.texts(subresourceVerbs(name)));
      }
    }
    return list;
  }

  private static ObjectNode resource(ResourceType type) {
    var resource = Json.object()
        .put("name", type.plural())
        .put("singularName", type.names().singular())
        .put("namespaced", type.namespaced())
        .put("kind", type.kind());
    resource.set("verbs", Json.texts(verbs(type)));
    if (!type.names().shortNames().isEmpty()) {
      resource.set("shortNames", Json.texts(type.names().shortNames()));
    }
    if (!type.names().categories().isEmpty()) {
      resource.set("categories", Json.texts(type.names().categories()));
    }
    return resource;
  }
}
