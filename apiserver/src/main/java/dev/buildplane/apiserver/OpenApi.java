package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// OpenAPI v3 documents, one a group and version: what `kubectl explain` reads, and what tells
/// `kubectl apply` that the server validates fields and can run dry.
final class OpenApi {
  private static final Map<String, String> VERB_BY_METHOD =
      Map.of("get", "get", "put", "put", "patch", "patch", "delete", "delete");

  private final Registry registry;

  OpenApi(Registry registry) {
    this.registry = registry;
  }

  private Map<String, List<ResourceType>> documents() {
    var documents = new TreeMap<String, List<ResourceType>>();
    for (var type : registry.all()) {
      documents.computeIfAbsent(path(type), _ -> new ArrayList<>()).add(type);
    }
    return documents;
  }

  private static String path(ResourceType type) {
    return type.group().isEmpty() ? "api/" + type.version() : "apis/" + type.apiVersion();
  }

  /// `/openapi/v3`.
  ObjectNode index() {
    var index = Json.object();
    var paths = index.putObject("paths");
    documents()
        .forEach((path, types) -> paths
            .putObject(path)
            .put("serverRelativeURL", "/openapi/v3/" + path + "?hash=" + hash(types)));
    return index;
  }

  private static String hash(Collection<ResourceType> types) {
    var code = 0L;
    for (var type : types) {
      code = 31 * code + type.names().hashCode();
      code = 31 * code + type.openApi().hashCode();
    }
    return Long.toHexString(code);
  }

  /// `/openapi/v3/PATH`.
  ///
  /// @throws ApiProblem 404
  ObjectNode document(String path) {
    var types = documents().get(path);
    if (types == null) {
      throw ApiProblem.noSuchPath();
    }
    var document = Json.object().put("openapi", "3.0.0");
    document.putObject("info").put("title", "Buildplane").put("version", "v1");
    var paths = document.putObject("paths");
    var schemas = Json.child(document.putObject("components"), "schemas");
    BuiltInSchemas.shared()
        .properties()
        .forEach(entry -> schemas.set(entry.getKey(), entry.getValue()));
    for (var type : types) {
      schemas.set(schemaName(type), schema(type));
      paths(paths, path, type);
    }
    return document;
  }

  private static String schemaName(ResourceType type) {
    if (!type.custom()) {
      return "io.k8s.api." + (type.group().isEmpty() ? "core" : type.group()) + "." + type.version()
          + "." + type.kind();
    }
    var reversed = new ArrayList<>(List.of(type.group().split("\\.")));
    Collections.reverse(reversed);
    return String.join(".", reversed) + "." + type.version() + "." + type.kind();
  }

  private static ObjectNode schema(ResourceType type) {
    var schema = (ObjectNode) type.openApi().deepCopy();
    schema.put("type", "object");
    var properties = Json.child(schema, "properties");
    properties.set("apiVersion", BuiltInSchemas.apiVersion());
    properties.set("kind", BuiltInSchemas.kind());
    properties.set("metadata", BuiltInSchemas.metadata());
    var kinds = schema.putArray("x-kubernetes-group-version-kind");
    kinds.add(gvk(type));
    return schema;
  }

  private static ObjectNode gvk(ResourceType type) {
    return Json.object()
        .put("group", type.group())
        .put("kind", type.kind())
        .put("version", type.version());
  }

  private static void paths(ObjectNode paths, String base, ResourceType type) {
    var place = type.namespaced() ? "/namespaces/{namespace}/" : "/";
    var collection = "/" + base + place + type.plural();
    var verbs = type.verbs();
    var many = paths.putObject(collection);
    if (verbs.contains("list")) {
      many.set("get", operation(type, "list", Set.of()));
    }
    many.set("post", operation(type, "post", Set.of("dryRun", "fieldManager", "fieldValidation")));
    if (!verbs.contains("get")) {
      return;
    }
    var one = paths.putObject(collection + "/{name}");
    VERB_BY_METHOD.forEach((method, action) -> one.set(
        method,
        operation(
            type,
            action,
            method.equals("get")
                ? Set.of()
                : Set.of("dryRun", "fieldManager", "fieldValidation"))));
  }

  private static ObjectNode operation(ResourceType type, String action, Set<String> parameters) {
    var operation = Json.object().put("x-kubernetes-action", action);
    operation.set("x-kubernetes-group-version-kind", gvk(type));
    var list = operation.putArray("parameters");
    for (var name : parameters.stream().sorted().toList()) {
      list.addObject()
          .put("name", name)
          .put("in", "query")
          .putObject("schema")
          .put("type", "string");
    }
    var reference = Json.object();
    reference.put("$ref", "#/components/schemas/" + schemaName(type));
    operation
        .putObject("responses")
        .putObject("200")
        .put("description", "OK")
        .putObject("content")
        .putObject("application/json")
        .set("schema", reference);
    return operation;
  }
}
