package dev.buildplane.render;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.schema.CelValues;
import dev.buildplane.schema.FieldError;
import dev.buildplane.schema.SchemaProblem;
import dev.buildplane.schema.StructuralSchema;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/// The parameters a Workflow takes. Immutable and safe for concurrent use.
///
/// Better than OpenChoreo v0.17 on purpose: parameters are validated, not only defaulted; custom `types` are known wherever
/// the schema is shown; integers stay integers, whether supplied or defaulted.
public final class ParameterSchema {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
  private static final Pattern PROPERTY = Pattern.compile("properties\\[([^\\]]*)]");

  private final ObjectNode openApi;
  private final StructuralSchema structural;

  private ParameterSchema(ObjectNode openApi, StructuralSchema structural) {
    this.openApi = openApi;
    this.structural = structural;
  }

  /// Reads `spec.schema` of a Workflow; a missing or empty one takes no parameters. Default values are checked.
  ///
  /// @param schema `spec.schema`, with `types` and `parameters`; a missing node or null when the Workflow has none
  /// @throws ParameterSchemaProblem with every fault found
  public static ParameterSchema parse(JsonNode schema) throws ParameterSchemaProblem {
    var problems = new ArrayList<RenderProblem>();
    requireMap(schema, "spec.schema", problems);
    requireMap(schema.path("types"), "spec.schema.types", problems);
    requireMap(schema.path("parameters"), "spec.schema.parameters", problems);
    var shorthand = new Shorthand(schema.path("types"));
    var openApi = shorthand.object(schema.path("parameters"), "spec.schema.parameters");
    shorthand
        .faults()
        .forEach(fault -> problems.add(RenderProblem.schema(fault.path(), fault.message())));
    if (!problems.isEmpty()) {
      throw new ParameterSchemaProblem(problems);
    }
    var rootDefault = openApi.remove("default");
    try {
      var parsed = new ParameterSchema(openApi, StructuralSchema.parseValue(openApi));
      if (rootDefault != null) {
        openApi.set("default", rootDefault);
      }
      return parsed;
    } catch (SchemaProblem e) {
      throw new ParameterSchemaProblem(e.errors().stream()
          .map(error -> RenderProblem.schema(shorthandPath(error.path()), error.body()))
          .toList());
    }
  }

  private static void requireMap(JsonNode node, String where, List<RenderProblem> problems) {
    if (!node.isObject() && !node.isNull() && !node.isMissingNode()) {
      problems.add(RenderProblem.schema(where, "must be a map"));
    }
  }

  private static String shorthandPath(String path) {
    var names = PROPERTY
        .matcher(path)
        .replaceAll("$1")
        .replace(".additionalProperties", "<>")
        .replace(".items", "[]");
    return "spec.schema.parameters." + names;
  }

  /// The JSON schema, OpenAPI v3 as in a CustomResourceDefinition: properties and `required` in name order. A fresh copy.
  public ObjectNode openApi() {
    return openApi.deepCopy();
  }

  /// The parameters with defaults filled in and numbers in the type of their field: whole numbers of integer fields lose
  /// a fraction of zero. Keys the schema does not know stay. The argument is not changed.
  ///
  /// @param parameters `spec.workflow.parameters` of a run; missing and null count as empty
  public ObjectNode complete(JsonNode parameters) {
    var filled = parameters instanceof ObjectNode object ? object.deepCopy() : JSON.objectNode();
    if (filled.isEmpty() && openApi.path("default").isObject()) {
      filled.setAll((ObjectNode) openApi.get("default").deepCopy());
    }
    structural.applyDefaults(filled);
    return (ObjectNode) typed(filled, openApi);
  }

  private static JsonNode typed(JsonNode value, JsonNode schema) {
    var type = schema.path("type").asText();
    if (value.isObject()) {
      var object = JSON.objectNode();
      for (var field : value.properties()) {
        var known = schema.path("properties").path(field.getKey());
        object.set(
            field.getKey(),
            typed(
                field.getValue(),
                known.isMissingNode() ? schema.path("additionalProperties") : known));
      }
      return object;
    }
    if (value.isArray()) {
      var array = JSON.arrayNode(value.size());
      value.forEach(entry -> array.add(typed(entry, schema.path("items"))));
      return array;
    }
    if (value.isNumber()
        && type.equals("integer")
        && value.canConvertToExactIntegral()
        && value.canConvertToLong()) {
      return CelValues.integer(value.longValue());
    }
    return value.isNumber() && type.equals("number") ? JSON.numberNode(value.doubleValue()) : value;
  }

  /// What is wrong with completed parameters, with paths such as `repo.url`; empty when they are valid.
  public List<FieldError> validate(JsonNode completed) {
    return structural.validate(completed, null);
  }

  /// The paths of parameters the schema does not know, which templates may use all the same.
  public List<String> unknown(ObjectNode completed) {
    return structural.prune(completed.deepCopy());
  }
}
