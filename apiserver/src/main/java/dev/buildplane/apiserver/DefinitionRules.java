package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.schema.FieldError;
import dev.buildplane.schema.SchemaProblem;
import dev.buildplane.schema.StructuralSchema;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// CustomResourceDefinitions: checked completely on writing, so that an accepted one is served at
/// once. Its status says so from the first moment.
final class DefinitionRules implements Rules {
  /// Holds a definition until its objects are gone.
  static final String FINALIZER = "customresourcecleanup.apiextensions.k8s.io";
  private static final Pattern SELECTABLE = Pattern.compile("(\\.[A-Za-z_][A-Za-z0-9_-]*)+");

  @Override
  public void prepare(ObjectNode object, @Nullable ObjectNode old) {
    var spec = Json.child(object, "spec");
    var names = Json.child(spec, "names");
    var kind = Json.text(names, "kind");
    if (Json.text(names, "singular").isEmpty()) {
      names.put("singular", kind.toLowerCase(Locale.ROOT));
    }
    if (Json.text(names, "listKind").isEmpty()) {
      names.put("listKind", kind + "List");
    }
    if (!spec.has("conversion")) {
      spec.putObject("conversion").put("strategy", "None");
    }
    if (old == null) {
      var finalizers = new ArrayList<>(Meta.finalizers(object));
      if (!finalizers.contains(FINALIZER)) {
        finalizers.add(FINALIZER);
      }
      Meta.setFinalizers(object, finalizers);
    }
    status(object);
  }

  private static void status(ObjectNode object) {
    var status = Json.child(object, "status");
    status.set("acceptedNames", object.path("spec").path("names").deepCopy());
    var since = Json.text(object, "metadata", "creationTimestamp");
    if (status.path("conditions").isEmpty()) {
      var conditions = status.putArray("conditions");
      condition(
          conditions.addObject(), "NamesAccepted", since, "NoConflicts", "no conflicts found");
      condition(
          conditions.addObject(),
          "Established",
          since,
          "InitialNamesAccepted",
          "the initial names have been accepted");
    }
    var stored = new ArrayList<>(Json.strings(status.path("storedVersions")));
    for (var version : object.path("spec").path("versions")) {
      var name = Json.text(version, "name");
      if (version.path("storage").asBoolean() && !stored.contains(name)) {
        stored.add(name);
      }
    }
    status.set("storedVersions", Json.texts(stored));
  }

  private static void condition(
      ObjectNode condition, String type, String since, String reason, String message) {
    condition
        .put("lastTransitionTime", since)
        .put("message", message)
        .put("reason", reason)
        .put("status", "True")
        .put("type", type);
  }

  @Override
  public List<FieldError> validate(ObjectNode object, @Nullable ObjectNode old) {
    var errors = new ArrayList<FieldError>();
    var spec = object.path("spec");
    names(object, spec, errors);
    var scope = Json.text(spec, "scope");
    if (!scope.equals("Namespaced") && !scope.equals("Cluster")) {
      errors.add(new FieldError(
          "spec.scope",
          FieldError.Type.NOT_SUPPORTED,
          spec.path("scope"),
          "supported values: \"Cluster\", \"Namespaced\""));
    }
    if (!Json.text(spec, "conversion", "strategy").equals("None")) {
      errors.add(new FieldError(
          "spec.conversion.strategy",
          FieldError.Type.NOT_SUPPORTED,
          spec.path("conversion").path("strategy"),
          "supported values: \"None\""));
    }
    versions(spec.path("versions"), errors);
    if (old != null) {
      unchanged(spec, old.path("spec"), errors);
    }
    return errors;
  }

  private static void names(ObjectNode object, JsonNode spec, List<FieldError> errors) {
    for (var path : List.of("group", "names.plural", "names.kind", "scope")) {
      if (Json.text(spec, path.split("\\.")).isEmpty()) {
        errors.add(new FieldError(
            "spec." + path, FieldError.Type.REQUIRED, MissingNode.getInstance(), ""));
      }
    }
    var expected = Json.text(spec, "names", "plural") + "." + Json.text(spec, "group");
    if (!Meta.name(object).equals(expected)) {
      errors.add(new FieldError(
          "metadata.name",
          FieldError.Type.INVALID,
          object.path("metadata").path("name"),
          "must be spec.names.plural+\".\"+spec.group"));
    }
  }

  private static void versions(JsonNode versions, List<FieldError> errors) {
    var seen = new HashSet<String>();
    var storage = 0;
    for (var i = 0; i < versions.size(); i++) {
      var version = versions.path(i);
      var path = "spec.versions[" + i + "]";
      if (!seen.add(Json.text(version, "name"))) {
        errors.add(
            new FieldError(path + ".name", FieldError.Type.DUPLICATE, version.path("name"), ""));
      }
      Naming.label(Json.text(version, "name"), path + ".name").ifPresent(errors::add);
      storage += version.path("storage").asBoolean() ? 1 : 0;
      schema(version, path, errors);
      columns(version.path("additionalPrinterColumns"), path, errors);
      selectable(version.path("selectableFields"), path, errors);
    }
    if (storage != 1) {
      errors.add(new FieldError(
          "spec.versions",
          FieldError.Type.INVALID,
          MissingNode.getInstance(),
          "must have exactly one version marked as storage version"));
    }
  }

  private static void schema(JsonNode version, String path, List<FieldError> errors) {
    var schema = version.path("schema").path("openAPIV3Schema");
    var schemaPath = path + ".schema.openAPIV3Schema";
    if (!schema.isObject()) {
      errors.add(new FieldError(
          schemaPath, FieldError.Type.REQUIRED, MissingNode.getInstance(), "schemas are required"));
      return;
    }
    try {
      StructuralSchema.parse(schema);
    } catch (SchemaProblem e) {
      e.errors().forEach(error -> errors.add(error.under(schemaPath)));
    }
  }

  private static void columns(JsonNode columns, String path, List<FieldError> errors) {
    for (var i = 0; i < columns.size(); i++) {
      if (Paths.compile(Json.text(columns.path(i), "jsonPath")).isEmpty()) {
        errors.add(new FieldError(
            path + ".additionalPrinterColumns[" + i + "].jsonPath",
            FieldError.Type.INVALID,
            columns.path(i).path("jsonPath"),
            "must be a simple json path"));
      }
    }
  }

  private static void selectable(JsonNode fields, String path, List<FieldError> errors) {
    for (var i = 0; i < fields.size(); i++) {
      if (!SELECTABLE.matcher(Json.text(fields.path(i), "jsonPath")).matches()) {
        errors.add(new FieldError(
            path + ".selectableFields[" + i + "].jsonPath",
            FieldError.Type.INVALID,
            fields.path(i).path("jsonPath"),
            "must be a simple json path, for example .spec.color"));
      }
    }
  }

  private static void unchanged(JsonNode spec, JsonNode old, List<FieldError> errors) {
    for (var path : List.of("group", "names.kind", "names.plural", "scope")) {
      var steps = path.split("\\.");
      if (!Json.text(spec, steps).equals(Json.text(old, steps))) {
        errors.add(new FieldError(
            "spec." + path,
            FieldError.Type.INVALID,
            Json.MAPPER.valueToTree(Json.text(spec, steps)),
            "field is immutable"));
      }
    }
  }
}
