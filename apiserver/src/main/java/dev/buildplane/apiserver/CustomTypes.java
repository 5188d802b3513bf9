package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.buildplane.patch.MergeStructure;
import dev.buildplane.schema.SchemaProblem;
import dev.buildplane.schema.StructuralSchema;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiFunction;

/// Turns a CustomResourceDefinition that was accepted into the resources it defines, one a served
/// version.
final class CustomTypes {
  private CustomTypes() {}

  /// @throws SchemaProblem when a schema is not structural, which an accepted definition's is not
  static List<ResourceType> of(ObjectNode definition) throws SchemaProblem {
    var types = new ArrayList<ResourceType>();
    for (var version : definition.path("spec").path("versions")) {
      if (version.path("served").asBoolean()) {
        types.add(type(definition, version));
      }
    }
    return types;
  }

  /// The version that objects are stored in, which need not be served.
  ///
  /// @throws SchemaProblem when its schema is not structural
  static ResourceType storage(ObjectNode definition) throws SchemaProblem {
    var versions = definition.path("spec").path("versions");
    for (var version : versions) {
      if (version.path("storage").asBoolean()) {
        return type(definition, version);
      }
    }
    return type(definition, versions.path(0));
  }

  /// Nothing is added to what is being deleted.
  private static Set<String> verbs(ObjectNode definition) {
    var verbs = new TreeSet<>(ResourceType.ALL_VERBS);
    if (Meta.deleting(definition)) {
      verbs.remove("create");
    }
    return verbs;
  }

  private static ResourceType type(ObjectNode definition, JsonNode version) throws SchemaProblem {
    var spec = definition.path("spec");
    var group = Json.text(spec, "group");
    var names = names(spec.path("names"));
    var schema = version.path("schema").path("openAPIV3Schema");
    var selectable = new ArrayList<String>();
    version
        .path("selectableFields")
        .forEach(field -> selectable.add(Json.text(field, "jsonPath").substring(1)));
    return new ResourceType(
        group,
        Json.text(version, "name"),
        names,
        Json.text(spec, "scope").equals("Namespaced"),
        verbs(definition),
        subresources(version.path("subresources")),
        group + "/" + names.plural(),
        schema,
        Optional.of(StructuralSchema.parseAccepted(schema)),
        MergeStructure.ofSchema(schema),
        columns(version.path("additionalPrinterColumns")),
        selectable,
        true,
        Rules.NONE);
  }

  private static Set<String> subresources(JsonNode declared) {
    var names = new TreeSet<String>();
    if (declared.has("status")) {
      names.add("status");
    }
    return names;
  }

  static ResourceType.Names names(JsonNode names) {
    var kind = Json.text(names, "kind");
    var singular = Json.text(names, "singular");
    var listKind = Json.text(names, "listKind");
    return new ResourceType.Names(
        Json.text(names, "plural"),
        singular.isEmpty() ? kind.toLowerCase(Locale.ROOT) : singular,
        kind,
        listKind.isEmpty() ? kind + "List" : listKind,
        Json.strings(names.path("shortNames")),
        Json.strings(names.path("categories")));
  }

  private static List<Column> columns(JsonNode declared) {
    var columns = new ArrayList<Column>();
    columns.add(Column.NAME);
    if (declared.isEmpty()) {
      columns.add(Column.AGE);
    }
    for (var column : declared) {
      var type = Json.text(column, "type");
      columns.add(new Column(
          Json.text(column, "name"),
          type,
          Json.text(column, "format"),
          Json.text(column, "description"),
          column.path("priority").asInt(0),
          cell(type, Json.text(column, "jsonPath"))));
    }
    return columns;
  }

  private static BiFunction<ObjectNode, Instant, JsonNode> cell(String type, String jsonPath) {
    var path = Paths.compile(jsonPath);
    if (path.isEmpty()) {
      return (_, _) -> TextNode.valueOf("<invalid path>");
    }
    return (object, now) -> {
      var found = path.get().apply(object);
      return found.isEmpty() ? NullNode.getInstance() : shown(type, found, now);
    };
  }

  private static JsonNode shown(String type, List<JsonNode> found, Instant now) {
    var first = found.getFirst();
    return switch (type) {
      case "date" -> TextNode.valueOf(Ages.since(first.asText(), now));
      case "integer", "number", "boolean" -> first;
      default -> TextNode.valueOf(first.isValueNode() ? first.asText() : first.toString());
    };
  }
}
