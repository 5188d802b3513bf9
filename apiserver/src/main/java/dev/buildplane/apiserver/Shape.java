package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// How the client wants objects to look (`Accept`): whole, only their metadata, or as rows of a table.
sealed interface Shape {
  record Whole() implements Shape {}

  record MetadataOnly() implements Shape {}

  /// Rows of a table.
  ///
  /// @param include `Metadata`, `Object` or `None`: what comes along with each row
  record Table(String include) implements Shape {}

  /// What an answer is written as.
  ///
  /// @param yaml whether as YAML instead of JSON
  record Wanted(Shape shape, boolean yaml) {
    String contentType() {
      return yaml ? "application/yaml" : "application/json";
    }
  }

  /// The first acceptable media type, in the order they were given.
  ///
  /// @throws ApiProblem 406 when there is none
  static Wanted of(String accept, Query query) {
    if (accept.isBlank()) {
      return new Wanted(new Whole(), false);
    }
    for (var range : accept.split(",")) {
      var parts = range.strip().toLowerCase(Locale.ROOT).split("\\s*;\\s*");
      var yaml = parts[0].equals("application/yaml");
      var json = List.of("application/json", "*/*", "application/*").contains(parts[0]);
      if (!json && !yaml) {
        continue;
      }
      switch (parameter(parts, "as")) {
        case "table" -> {
          var include = query.text("includeObject");
          return new Wanted(new Table(include.isEmpty() ? "Metadata" : include), yaml);
        }
        case "partialobjectmetadata", "partialobjectmetadatalist" -> {
          return new Wanted(new MetadataOnly(), yaml);
        }
        case "" -> {
          return new Wanted(new Whole(), yaml);
        }
        default -> {}
      }
    }
    throw ApiProblem.notAcceptable();
  }

  private static String parameter(String[] parts, String name) {
    for (var part : parts) {
      if (part.startsWith(name + "=")) {
        return part.substring(name.length() + 1);
      }
    }
    return "";
  }

  /// One object in this shape.
  default ObjectNode one(ResourceType type, ObjectNode object, Instant now) {
    return switch (this) {
      case Whole() -> object;
      case MetadataOnly() -> partial(object, "meta.k8s.io/v1");
      case Table(var include) -> {
        var table = table(type, List.of(object), include, now);
        table.putObject("metadata").put("resourceVersion", Meta.resourceVersion(object));
        yield table;
      }
    };
  }

  /// A list in this shape.
  default ObjectNode many(ResourceType type, Objects.ListResult list, Instant now) {
    var metadata = Json.object().put("resourceVersion", Long.toString(list.revision()));
    if (!list.continueToken().isEmpty()) {
      metadata.put("continue", list.continueToken());
      if (list.remaining() > 0) {
        metadata.put("remainingItemCount", list.remaining());
      }
    }
    return switch (this) {
      case Whole() ->
        collection(type.names().listKind(), type.apiVersion(), metadata, list.items());
      case MetadataOnly() ->
        collection(
            "PartialObjectMetadataList",
            "meta.k8s.io/v1",
            metadata,
            list.items().stream()
                .map(object -> partial(object, "meta.k8s.io/v1"))
                .toList());
      case Table(var include) -> {
        var table = table(type, list.items(), include, now);
        table.set("metadata", metadata);
        yield table;
      }
    };
  }

  private static ObjectNode collection(
      String kind, String apiVersion, ObjectNode metadata, List<ObjectNode> items) {
    var list = Json.object().put("kind", kind).put("apiVersion", apiVersion);
    list.set("metadata", metadata);
    list.putArray("items").addAll(items);
    return list;
  }

  private static ObjectNode partial(ObjectNode object, String apiVersion) {
    var partial = Json.object().put("kind", "PartialObjectMetadata").put("apiVersion", apiVersion);
    partial.set("metadata", object.path("metadata"));
    return partial;
  }

  private static ObjectNode table(
      ResourceType type, List<ObjectNode> objects, String include, Instant now) {
    var table = Json.object().put("kind", "Table").put("apiVersion", "meta.k8s.io/v1");
    var columns = type.columns().isEmpty() ? List.of(Column.NAME, Column.AGE) : type.columns();
    var definitions = table.putArray("columnDefinitions");
    columns.forEach(column -> definitions.add(column.definition()));
    var rows = table.putArray("rows");
    for (var object : objects) {
      var row = rows.addObject();
      var cells = new ArrayList<JsonNode>();
      columns.forEach(column -> cells.add(column.cell().apply(object, now)));
      row.putArray("cells").addAll(cells);
      switch (include) {
        case "Object" -> row.set("object", object);
        case "None" -> {}
        default -> row.set("object", partial(object, "meta.k8s.io/v1"));
      }
    }
    return table;
  }
}
