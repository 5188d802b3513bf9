package dev.buildplane.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import io.fabric8.crdv2.generator.CRDGenerator;
import io.fabric8.kubernetes.client.CustomResource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;

/// Makes the CRD YAML of one kind: the schema fabric8 derives from our types, finished with what it cannot express.
final class CrdYaml {
  private static final ObjectMapper YAML = new ObjectMapper(YAMLFactory.builder()
      .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
      .disable(YAMLGenerator.Feature.SPLIT_LINES)
      .enable(YAMLGenerator.Feature.MINIMIZE_QUOTES)
      .enable(YAMLGenerator.Feature.INDENT_ARRAYS_WITH_INDICATOR)
      .build());
  private static final Set<String> TIMES = Set.of(
      "lastTransitionTime",
      "lastConnectedTime",
      "lastDisconnectedTime",
      "lastHeartbeatTime",
      "lastRefreshTime",
      "startedAt",
      "completedAt");
  private static final Set<String> INT32 = Set.of("port", "connectedAgents");

  /// A printer column. `wide` ones show with `-o wide` only.
  record Column(String name, String type, String jsonPath, String description, boolean wide) {
    static Column of(String name, String jsonPath, String description) {
      return new Column(name, "string", jsonPath, description, false);
    }

    static Column wide(String name, String jsonPath, String description) {
      return new Column(name, "string", jsonPath, description, true);
    }

    static Column age() {
      return new Column(
          "Age", "date", ".metadata.creationTimestamp", "When the resource was created.", false);
    }
  }

  /// What one kind is called, shows and checks beyond its types.
  record Kind(
      Class<? extends CustomResource<?, ?>> type,
      String plural,
      List<String> shortNames,
      List<String> categories,
      String description,
      List<Column> columns,
      Consumer<Schema> finish) {
    String kind() {
      return type.getSimpleName();
    }

    boolean clusterScoped() {
      return !io.fabric8.kubernetes.api.model.Namespaced.class.isAssignableFrom(type);
    }
  }

  /// A node of a schema, with words for what the YAML needs.
  record Schema(ObjectNode node) {
    /// The schema at a path of properties; `[]` goes to the items.
    Schema at(String... path) {
      var here = node;
      for (String step : path) {
        JsonNode next =
            step.equals("[]") ? here.get("items") : here.path("properties").get(step);
        if (next == null) {
          throw new IllegalArgumentException("no " + step + " of " + List.of(path) + " in " + here);
        }
        here = (ObjectNode) next;
      }
      return new Schema(here);
    }

    Schema drop(String property) {
      ((ObjectNode) node.get("properties")).remove(property);
      var required = (ArrayNode) node.get("required");
      for (int i = 0; required != null && i < required.size(); i++) {
        if (required.get(i).asText().equals(property)) {
          required.remove(i);
        }
      }
      return this;
    }

    Schema require(String... properties) {
      var required = node.putArray("required");
      List.of(properties).forEach(required::add);
      return this;
    }

    Schema rule(String rule, String message) {
      node.withArray("x-kubernetes-validations")
          .addObject()
          .put("message", message)
          .put("rule", rule);
      return this;
    }

    Schema oneOf(List<String> values) {
      var array = node.putArray("enum");
      values.forEach(array::add);
      return this;
    }

    Schema byDefault(String value) {
      node.put("default", value);
      return this;
    }

    Schema freeForm() {
      var description = node.get("description");
      node.removeAll();
      if (description != null) {
        node.set("description", description);
      }
      node.put("type", "object").put("x-kubernetes-preserve-unknown-fields", true);
      return this;
    }

    Schema keepUnknown() {
      node.put("x-kubernetes-preserve-unknown-fields", true);
      return this;
    }

    Schema mapBy(String... keys) {
      node.put("x-kubernetes-list-type", "map");
      var array = node.putArray("x-kubernetes-list-map-keys");
      List.of(keys).forEach(array::add);
      return this;
    }

    Schema put(String key, Object value) {
      node.putPOJO(key, value);
      return this;
    }
  }

  private CrdYaml() {}

  /// The finished YAML of a kind. Runs the generator in a temporary folder.
  static String of(Kind kind) throws IOException {
    var schema = derive(kind.type());
    finish(schema);
    kind.finish().accept(new Schema(schema));
    sort(schema);
    var crd = YAML.createObjectNode();
    crd.put("apiVersion", "apiextensions.k8s.io/v1").put("kind", "CustomResourceDefinition");
    crd.putObject("metadata").put("name", kind.plural() + "." + Api.GROUP);
    var spec = crd.putObject("spec").put("group", Api.GROUP);
    names(spec.putObject("names"), kind);
    spec.put("scope", kind.clusterScoped() ? "Cluster" : "Namespaced");
    var version = spec.putArray("versions").addObject().put("name", Api.VERSION);
    version.put("served", true).put("storage", true);
    columns(version, kind.columns());
    version.putObject("schema").set("openAPIV3Schema", schema);
    version.putObject("subresources").putObject("status");
    return YAML.writeValueAsString(crd);
  }

  private static void names(ObjectNode names, Kind kind) {
    names
        .put("kind", kind.kind())
        .put("listKind", kind.kind() + "List")
        .put("plural", kind.plural());
    names.put("singular", kind.kind().toLowerCase(Locale.ROOT));
    if (!kind.shortNames().isEmpty()) {
      kind.shortNames().forEach(names.putArray("shortNames")::add);
    }
    kind.categories().forEach(names.putArray("categories")::add);
  }

  private static void columns(ObjectNode version, List<Column> columns) {
    if (columns.isEmpty()) {
      return;
    }
    var array = version.putArray("additionalPrinterColumns");
    for (var column : columns) {
      var node = array.addObject().put("name", column.name()).put("type", column.type());
      node.put("description", column.description()).put("jsonPath", column.jsonPath());
      if (column.wide()) {
        node.put("priority", 1);
      }
    }
  }

  private static ObjectNode derive(Class<? extends CustomResource<?, ?>> type) throws IOException {
    Path folder = Files.createTempDirectory("crds");
    new CRDGenerator()
        .inOutputDir(folder.toFile())
        .customResourceClasses(type)
        .forCRDVersions("v1")
        .generate();
    try (var files = Files.list(folder)) {
      Path file = files.findFirst().orElseThrow();
      var schema =
          YAML.readTree(Files.readString(file)).at("/spec/versions/0/schema/openAPIV3Schema");
      Files.delete(file);
      return (ObjectNode) schema;
    } finally {
      Files.delete(folder);
    }
  }

  /// What holds for every kind: the usual root properties, formats, conditions as a map.
  private static void finish(ObjectNode root) {
    var properties = (ObjectNode) root.get("properties");
    properties
        .putObject("apiVersion")
        .put("description", "Versioned schema of this representation: " + Api.GROUP_VERSION + ".")
        .put("type", "string");
    properties.putObject("kind").put("description", "Kind of this resource.").put("type", "string");
    properties.putObject("metadata").put("type", "object");
    ((ObjectNode) properties.get("spec")).put("description", "What is asked for.");
    if (properties.get("status") instanceof ObjectNode status) {
      status.put("description", "What was found; written by the control plane.");
    }
    new Schema(root).require("spec");
    formats(root);
  }

  private static void formats(ObjectNode node) {
    if (node.get("properties") instanceof ObjectNode properties) {
      properties.properties().forEach(entry -> {
        var child = (ObjectNode) entry.getValue();
        if (TIMES.contains(entry.getKey())) {
          child.put("format", "date-time");
        }
        if (INT32.contains(entry.getKey())) {
          child.put("format", "int32");
        }
        if (entry.getKey().equals("observedGeneration")) {
          child.put("format", "int64").put("minimum", 0);
        }
        if (entry.getKey().equals("conditions")) {
          conditions(new Schema(child));
        }
        formats(child);
      });
    }
    if (node.get("items") instanceof ObjectNode items) {
      formats(items);
    }
  }

  private static void conditions(Schema list) {
    list.mapBy("type");
    list.at("[]", "type")
        .put("maxLength", 316)
        .put(
            "pattern",
            "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$");
    list.at("[]", "reason")
        .put("minLength", 1)
        .put("maxLength", 1024)
        .put("pattern", "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$");
    list.at("[]", "message").put("maxLength", Limits.CONDITION_MESSAGE_CHARS);
    list.at("[]", "status").oneOf(List.of("True", "False", "Unknown"));
    list.at("[]").require("lastTransitionTime", "message", "reason", "status", "type");
  }

  /// Key order as controller-gen writes it, so that generated files stay stable.
  private static void sort(ObjectNode node) {
    var sorted = new TreeMap<String, JsonNode>();
    node.properties().forEach(entry -> sorted.put(entry.getKey(), entry.getValue()));
    node.removeAll();
    sorted.forEach(node::set);
    var children = new ArrayList<JsonNode>();
    node.elements().forEachRemaining(children::add);
    children.stream().filter(JsonNode::isObject).forEach(child -> sort((ObjectNode) child));
  }
}
