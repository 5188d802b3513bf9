package dev.buildplane.render;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.buildplane.schema.CelValues;
import dev.buildplane.schema.FieldError;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Turns a Workflow and a WorkflowRun into the objects a build plane is to run. Pure; safe for concurrent use.
///
/// Two phases: [#externalRefNames] tells which SecretReferences to read, [#render] does the rest.
///
/// Compatible with OpenChoreo v0.17 (reference page on Workflows, sections 6 and 7), and on purpose better where that page
/// calls it a defect:
/// - parameters are validated against the schema, not only defaulted; unknown ones are told as a warning;
/// - integers are integers, whether supplied or defaulted: `parameters.n + 1` always works, and 1000000 is rendered as
///   `1000000` and never as `1e+06`;
/// - text that happens to be a JSON array stays text. A `value` field that comes out as a map becomes JSON text, one that
///   comes out as a list stays a list, as in v0.17, except in parameters of `arguments` and `inputs`, where it becomes text;
/// - a null argument is left out, with a warning, instead of becoming the text `<nil>`;
/// - `externalRefs` always exists, as an empty map when nothing was resolved;
/// - interpolation replaces each expression where it stands, even when an earlier result holds the text of a later marker;
/// - all problems of a run are told at once, each with field, expression and position, instead of endless retries.
public final class RunRenderer {
  /// Problems collected for one run.
  public static final int MAX_PROBLEMS = 20;

  /// Compiled expressions kept.
  static final int CACHED_PROGRAMS = 4_000;

  /// Parameter schemas kept.
  static final int CACHED_SCHEMAS = 500;

  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
  private static final String MEND = "correct the template in the Workflow";

  private final ProgramCache programs = new ProgramCache(CACHED_PROGRAMS);
  private final BoundedCache<JsonNode, ParameterSchema> schemas =
      new BoundedCache<>(CACHED_SCHEMAS);

  /// The names of the SecretReferences the run needs, rendered with `metadata` and `parameters`. A repeat is harmless.
  public ExternalRefNames externalRefNames(RenderRequest request) {
    var problems = new ArrayList<RenderProblem>();
    var variables = variables(request, problems, new ArrayList<>());
    if (variables == null) {
      return new ExternalRefNames.Failed(problems);
    }
    variables.remove("externalRefs");
    var evaluator = new TemplateEvaluator(programs, variables, problems);
    var names = new LinkedHashMap<String, String>();
    var refs = request.workflowSpec().path("externalRefs");
    for (var i = 0; i < refs.size(); i++) {
      var where = "spec.externalRefs[" + i + "].name";
      var name = evaluator.evaluate(refs.get(i).path("name"), where);
      if (name.isTextual() && !name.textValue().isEmpty()) {
        names.put(refs.get(i).path("id").asText(), name.textValue());
      } else if (!name.isTextual() && !name.isMissingNode() && problems.isEmpty()) {
        problems.add(RenderProblem.template(
            where, "the name must evaluate to string, got " + ArgumentText.text(name), MEND));
      }
    }
    return problems.isEmpty()
        ? new ExternalRefNames.Names(names)
        : new ExternalRefNames.Failed(problems);
  }

  /// Renders the run object and the resources. A repeat gives the same result.
  public RenderOutcome render(RenderRequest request) {
    var problems = new ArrayList<RenderProblem>();
    var warnings = new ArrayList<String>();
    var variables = variables(request, problems, warnings);
    if (variables == null) {
      return new RenderOutcome.Failed(problems);
    }
    var evaluator = new TemplateEvaluator(programs, variables, problems);
    var run =
        object(evaluator, request.workflowSpec().path("runTemplate"), "spec.runTemplate", problems);
    if (run != null) {
      requireText(run, "/metadata/namespace", "spec.runTemplate.metadata.namespace", problems);
      requireText(
          run, "/spec/serviceAccountName", "spec.runTemplate.spec.serviceAccountName", problems);
      warnings.addAll(ArgumentText.apply(run, "spec.runTemplate"));
    }
    var resources = resources(request, evaluator, problems, warnings);
    return problems.isEmpty() && run != null
        ? new RenderOutcome.Rendered(run, resources, warnings)
        : new RenderOutcome.Failed(problems.subList(0, Math.min(MAX_PROBLEMS, problems.size())));
  }

  private List<RenderOutcome.Resource> resources(
      RenderRequest request,
      TemplateEvaluator evaluator,
      List<RenderProblem> problems,
      List<String> warnings) {
    var resources = new ArrayList<RenderOutcome.Resource>();
    var given = request.workflowSpec().path("resources");
    for (var i = 0; i < given.size(); i++) {
      var where = "spec.resources[" + i + "]";
      if (!isIncluded(
          given.get(i).path("includeWhen"), evaluator, where + ".includeWhen", problems)) {
        continue;
      }
      var object = object(evaluator, given.get(i).path("template"), where + ".template", problems);
      if (object != null && object.at("/metadata/name").asText().startsWith("-")) {
        warnings.add(
            where + " was skipped: its name starts with '-', so a part of it came out empty");
      } else if (object != null) {
        resources.add(new RenderOutcome.Resource(given.get(i).path("id").asText(), object));
      }
    }
    return resources;
  }

  private static boolean isIncluded(
      JsonNode includeWhen,
      TemplateEvaluator evaluator,
      String where,
      List<RenderProblem> problems) {
    if (includeWhen.isMissingNode()
        || includeWhen.isNull()
        || includeWhen.asText("x").isEmpty()) {
      return true;
    }
    var value = includeWhen.isTextual()
        ? evaluator.value(includeWhen.textValue(), where)
        : CelValues.fromJson(includeWhen);
    if (value != null && !(value instanceof Boolean)) {
      problems.add(RenderProblem.template(
          where,
          "includeWhen must evaluate to boolean, got " + TemplateDialect.name(value),
          "write it as one expression such as ${parameters.secret != ''}"));
    }
    return Boolean.TRUE.equals(value);
  }

  /// The object a template comes to, or null with a problem noted.
  private static @Nullable ObjectNode object(
      TemplateEvaluator evaluator, JsonNode template, String where, List<RenderProblem> problems) {
    if (!template.isObject()) {
      problems.add(RenderProblem.template(
          where, "a template must be a map with apiVersion, kind and metadata", MEND));
      return null;
    }
    var before = problems.size();
    var object = (ObjectNode) evaluator.evaluate(template, where);
    if (problems.size() > before) {
      return null;
    }
    mapsToText(object);
    requireText(object, "/apiVersion", where + ".apiVersion", problems);
    requireText(object, "/kind", where + ".kind", problems);
    requireText(object, "/metadata/name", where + ".metadata.name", problems);
    return problems.size() > before ? null : object;
  }

  private static void mapsToText(JsonNode node) {
    if (node instanceof ObjectNode object && object.path("value").isObject()) {
      object.set("value", TextNode.valueOf(object.get("value").toString()));
    }
    node.forEach(RunRenderer::mapsToText);
  }

  private static void requireText(
      ObjectNode object, String pointer, String where, List<RenderProblem> problems) {
    var value = object.at(pointer);
    if (!value.isTextual() || value.textValue().isEmpty()) {
      var found = value.isMissingNode() ? "nothing" : value.toString();
      problems.add(
          RenderProblem.template(where, "must be text that is not empty, found " + found, MEND));
    }
  }

  /// The variables of templates, or null with problems noted.
  private @Nullable Map<String, Object> variables(
      RenderRequest request, List<RenderProblem> problems, List<String> warnings) {
    var parameters = parameters(request, problems, warnings);
    if (parameters == null) {
      return null;
    }
    var labels = JSON.objectNode();
    request.runLabels().forEach(labels::put);
    var metadata = JSON.objectNode();
    metadata.put("workflowRunName", request.runName());
    metadata.put("namespaceName", request.runNamespace());
    metadata.put("namespace", request.ciNamespace());
    metadata.set("labels", labels);
    var refs = JSON.objectNode();
    request.externalRefs().forEach((id, spec) -> refs.putObject(id).set("spec", spec));
    var variables = new LinkedHashMap<String, Object>();
    try {
      variables.put("metadata", CelValues.fromJson(metadata));
      variables.put("parameters", CelValues.fromJson(parameters));
      variables.put("externalRefs", CelValues.fromJson(refs));
      return variables;
    } catch (IllegalArgumentException e) {
      problems.add(
          RenderProblem.parameter("spec.workflow.parameters", String.valueOf(e.getMessage())));
      return null;
    }
  }

  private @Nullable ObjectNode parameters(
      RenderRequest request, List<RenderProblem> problems, List<String> warnings) {
    var given = request.parameters();
    if (!given.isObject() && !given.isNull() && !given.isMissingNode()) {
      problems.add(RenderProblem.parameter("spec.workflow.parameters", "must be a map"));
      return null;
    }
    try {
      var schema = schema(request.workflowSpec().path("schema"));
      var complete = schema.complete(given);
      for (var error : schema.validate(complete)) {
        if (problems.size() < MAX_PROBLEMS) {
          problems.add(problem(error));
        }
      }
      if (request.workflowSpec().path("schema").path("parameters").isObject()) {
        schema
            .unknown(complete)
            .forEach(
                path -> warnings.add("parameter " + path + " is not in the Workflow's schema"));
      }
      return problems.isEmpty() ? complete : null;
    } catch (ParameterSchemaProblem e) {
      problems.addAll(
          e.problems().subList(0, Math.min(MAX_PROBLEMS, e.problems().size())));
      return null;
    }
  }

  private static RenderProblem problem(FieldError error) {
    return RenderProblem.parameter(error.under("spec.workflow.parameters").path(), error.body());
  }

  private ParameterSchema schema(JsonNode description) throws ParameterSchemaProblem {
    var known = schemas.get(description);
    if (known != null) {
      return known;
    }
    var parsed = ParameterSchema.parse(description);
    schemas.put(description.deepCopy(), parsed);
    return parsed;
  }
}
