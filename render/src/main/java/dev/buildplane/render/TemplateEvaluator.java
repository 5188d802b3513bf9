package dev.buildplane.render;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.schema.CelProblem;
import dev.buildplane.schema.CelValues;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Evaluates templates for the values of one run. Not for use by several threads.
///
/// A faulty field does not stop the others: its problem is noted and null put in its place.
final class TemplateEvaluator {
  /// Levels a template may be nested.
  static final int MAX_DEPTH = 100;

  /// Characters of text all templates of one run may come to.
  static final int MAX_TEXT = 8 * 1024 * 1024;

  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
  private static final String MEND = "correct the template in the Workflow";

  private final ProgramCache programs;
  private final Map<String, Object> variables;
  private final List<RenderProblem> problems;
  private long text;

  TemplateEvaluator(
      ProgramCache programs, Map<String, Object> variables, List<RenderProblem> problems) {
    this.programs = programs;
    this.variables = variables;
    this.problems = problems;
  }

  /// The template's value; a [MissingNode] when it is to be left out.
  JsonNode evaluate(JsonNode template, String where) {
    return evaluate(template, where, 0);
  }

  private JsonNode evaluate(JsonNode template, String where, int depth) {
    if (problems.size() >= RunRenderer.MAX_PROBLEMS) {
      return JSON.nullNode();
    }
    if (depth > MAX_DEPTH) {
      return fail(where, "templates may be nested at most " + MAX_DEPTH + " levels deep");
    }
    return switch (template.getNodeType()) {
      case STRING -> string(template, where);
      case OBJECT -> object(template, where, depth);
      case ARRAY -> {
        var list = JSON.arrayNode(template.size());
        for (var i = 0; i < template.size(); i++) {
          var entry = evaluate(template.get(i), where + "[" + i + "]", depth + 1);
          if (!entry.isMissingNode()) {
            list.add(entry);
          }
        }
        yield list;
      }
      case NUMBER, BOOLEAN, NULL, MISSING, BINARY, POJO -> template;
    };
  }

  private ObjectNode object(JsonNode template, String where, int depth) {
    var object = JSON.objectNode();
    for (var field : template.properties()) {
      var at = where + "." + field.getKey();
      var key = key(field.getKey(), at);
      if (key == null) {
        continue;
      }
      var value = evaluate(field.getValue(), at, depth + 1);
      if (!value.isMissingNode() && object.replace(key, value) != null) {
        fail(at, "the key \"" + key + "\" comes out twice");
      }
    }
    return object;
  }

  private @Nullable String key(String template, String where) {
    if (!template.contains("${")) {
      return template;
    }
    var value = value(template, where);
    if (value == null || value == Omit.MARKER) {
      return null;
    }
    if (value instanceof String key) {
      return key;
    }
    fail(where, "a map key must evaluate to string, got " + TemplateDialect.name(value));
    return null;
  }

  private JsonNode string(JsonNode template, String where) {
    if (!template.textValue().contains("${")) {
      return template;
    }
    var value = value(template.textValue(), where);
    if (value == null) {
      return JSON.nullNode();
    }
    return value == Omit.MARKER ? MissingNode.getInstance() : json(value, where);
  }

  /// The CEL value of a template string, or null when it is faulty.
  @Nullable
  Object value(String template, String where) {
    try {
      var parsed = TemplateText.parse(template);
      if (!parsed.hasExpression()) {
        return template;
      }
      if (parsed.isWhole()) {
        return run(parsed.expression(), where);
      }
      return interpolate(parsed, where);
    } catch (TemplateText.Nested e) {
      var message = String.valueOf(e.getMessage());
      problems.add(new RenderProblem(
          RenderProblem.Code.EXPRESSION_INVALID,
          where,
          "",
          "",
          message,
          "put the inner ${ in quotes, or drop its marker: an expression needs only one"));
      return null;
    }
  }

  private @Nullable String interpolate(TemplateText parsed, String where) {
    var result = new StringBuilder();
    var faulty = false;
    for (var segment : parsed.segments()) {
      if (!segment.isExpression()) {
        result.append(segment.text());
        continue;
      }
      var value = run(segment.text(), where);
      if (value == null) {
        faulty = true;
      } else {
        result.append(text(value, where));
      }
      if (result.length() > MAX_TEXT) {
        fail(where, "the text comes to more than " + MAX_TEXT + " characters");
        return null;
      }
    }
    return faulty || !counts(result.length(), where) ? null : result.toString();
  }

  private String text(Object value, String where) {
    return switch (value) {
      case String string -> string;
      case Double number -> NumberText.of(number);
      case Omit _ -> "";
      default -> {
        var json = json(value, where);
        yield json.isTextual() ? json.textValue() : json.toString();
      }
    };
  }

  private @Nullable Object run(String expression, String where) {
    try {
      return programs.get(expression).evaluate(variables);
    } catch (CelProblem e) {
      problems.add(problem(e, where));
      return null;
    }
  }

  private static RenderProblem problem(CelProblem e, String where) {
    var position = e.line() == 0 ? "" : e.line() + ":" + e.column();
    var code = e.kind() == CelProblem.Kind.COMPILE
        ? RenderProblem.Code.EXPRESSION_INVALID
        : RenderProblem.Code.EXPRESSION_FAILED;
    return new RenderProblem(code, where, e.expression(), position, e.detail(), remedy(e));
  }

  private static String remedy(CelProblem e) {
    return switch (e.kind()) {
      case COMPILE -> "correct the expression in the Workflow";
      case BUDGET -> "simplify the expression: it takes more steps than allowed";
      case EVALUATION -> {
        if (e.expression().contains("externalRefs") && e.detail().startsWith("no such key")) {
          yield "only references with a name that is not empty are there: guard the resource with includeWhen, or use ?.";
        }
        yield e.detail().startsWith("no such key")
            ? "declare the parameter with a default, or test for it with has() or ?."
            : "check the values the expression uses";
      }
    };
  }

  private JsonNode json(Object value, String where) {
    try {
      var json = plain(CelValues.toJson(Omit.clean(value)));
      return counts(size(json), where) ? json : JSON.nullNode();
    } catch (IllegalArgumentException e) {
      return fail(where, "the value cannot be put into an object: " + e.getMessage());
    }
  }

  /// Doubles without a fraction become integers, as JSON written by Go has them.
  private static JsonNode plain(JsonNode value) {
    if (value.isObject()) {
      var object = JSON.objectNode();
      value.properties().forEach(field -> object.set(field.getKey(), plain(field.getValue())));
      return object;
    }
    if (value.isArray()) {
      var array = JSON.arrayNode(value.size());
      value.forEach(entry -> array.add(plain(entry)));
      return array;
    }
    if (!value.isFloatingPointNumber()) {
      return value;
    }
    var number = value.doubleValue();
    if (Double.isNaN(number) || Double.isInfinite(number)) {
      throw new IllegalArgumentException(NumberText.of(number) + " is no JSON number");
    }
    return number == Math.rint(number) && Math.abs(number) < 1L << 53
        ? CelValues.integer((long) number)
        : value;
  }

  private static long size(JsonNode value) {
    if (!value.isContainerNode()) {
      return value.isTextual() ? value.textValue().length() : 8;
    }
    var total = 2L;
    for (var field : value.properties()) {
      total += field.getKey().length() + size(field.getValue());
    }
    if (value.isArray()) {
      for (var entry : value) {
        total += size(entry);
      }
    }
    return total;
  }

  private boolean counts(long length, String where) {
    text += length;
    if (text > MAX_TEXT) {
      fail(where, "the templates of this run come to more than " + MAX_TEXT + " characters");
      return false;
    }
    return true;
  }

  private JsonNode fail(String where, String message) {
    problems.add(RenderProblem.template(where, message, MEND));
    return JSON.nullNode();
  }
}
