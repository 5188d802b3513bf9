package dev.buildplane.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.cel.common.types.CelType;
import dev.cel.common.types.OptionalType;
import dev.cel.common.types.SimpleType;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// The CEL rules of a schema, compiled once. Safe for concurrent use.
final class RuleBook {
  /// Rules that may run for one object.
  static final int MAX_EVALUATIONS = 100_000;

  /// @param program null when the rule does not compile
  /// @param transition whether it runs only when there is an old state
  private record Compiled(
      CelRule rule,
      @Nullable CelProgram program,
      @Nullable CelProgram message,
      boolean transition,
      List<FieldError> faults) {}

  private final SchemaNode root;
  private final boolean resource;
  private final Set<String> ruled = new HashSet<>();
  private final Map<String, List<Compiled>> compiled = new ConcurrentHashMap<>();

  RuleBook(SchemaNode root, boolean resource) {
    this.root = root;
    this.resource = resource;
    findRules(root);
  }

  /// Whether the schema has no rule at all.
  boolean isEmpty() {
    return ruled.isEmpty();
  }

  /// Remembers the schemas with rules in or below them.
  private boolean findRules(SchemaNode schema) {
    var found = !schema.celRules().isEmpty();
    for (var child : schema.properties().values()) {
      found |= findRules(child);
    }
    if (schema.additional() != null) {
      found |= findRules(schema.additional());
    }
    if (schema.items() != null) {
      found |= findRules(schema.items());
    }
    if (found) {
      ruled.add(schema.path());
    }
    return found;
  }

  /// Compiles every rule now.
  ///
  /// @return what is wrong with them, with paths in the schema
  List<FieldError> compileAll() {
    var faults = new ArrayList<FieldError>();
    compileAll(root, true, faults);
    return faults;
  }

  private void compileAll(SchemaNode schema, boolean correlatable, List<FieldError> faults) {
    if (!ruled.contains(schema.path())) {
      return;
    }
    for (var rule : rules(schema)) {
      faults.addAll(rule.faults());
      if (rule.transition() && !correlatable) {
        faults.add(
            FieldError.invalidText(
                Paths.child(rule.rule().at(), "rule"),
                rule.rule().rule(),
                "oldSelf cannot be used on the uncorrelatable portion of the schema within an atomic or set list"));
      }
    }
    schema.properties().values().forEach(child -> compileAll(child, correlatable, faults));
    if (schema.additional() != null) {
      compileAll(schema.additional(), correlatable, faults);
    }
    if (schema.items() != null) {
      compileAll(
          schema.items(), correlatable && schema.listKind() == SchemaNode.ListKind.MAP, faults);
    }
  }

  private List<Compiled> rules(SchemaNode schema) {
    return compiled.computeIfAbsent(schema.path(), _ -> compile(schema));
  }

  private List<Compiled> compile(SchemaNode schema) {
    if (schema.celRules().isEmpty()) {
      return List.of();
    }
    var types = CelTypes.of(schema, isResource(schema));
    var dialects = new HashMap<Boolean, CelDialect>();
    var found = new ArrayList<Compiled>();
    for (var rule : schema.celRules()) {
      var dialect = dialects.computeIfAbsent(rule.optionalOldSelf(), optional -> {
        var old = optional ? OptionalType.create(types.self()) : types.self();
        return CelDialect.kubernetes()
            .with(cel -> cel.setTypeProvider(types.provider())
                .addVar("self", types.self())
                .addVar("oldSelf", old));
      });
      found.add(compile(rule, schema, dialect));
    }
    return List.copyOf(found);
  }

  private static Compiled compile(CelRule rule, SchemaNode schema, CelDialect dialect) {
    var faults = new ArrayList<FieldError>();
    var program = compile(
        dialect, rule.rule(), Paths.child(rule.at(), "rule"), SimpleType.BOOL, "bool", faults);
    var message = rule.messageExpression() == null
        ? null
        : compile(
            dialect,
            rule.messageExpression(),
            Paths.child(rule.at(), "messageExpression"),
            SimpleType.STRING,
            "string",
            faults);
    var transition = program != null && program.reads("oldSelf") && !rule.optionalOldSelf();
    if (rule.optionalOldSelf() && program != null && !program.reads("oldSelf")) {
      faults.add(FieldError.invalidText(
          Paths.child(rule.at(), "optionalOldSelf"),
          "true",
          "may not be set if oldSelf is not used in rule"));
    }
    @Nullable SchemaNode target = schema;
    for (var name : rule.fieldPath()) {
      target = target == null ? null : target.child(name);
    }
    if (target == null) {
      faults.add(FieldError.invalidText(
          Paths.child(rule.at(), "fieldPath"),
          String.join(".", rule.fieldPath()),
          "fieldPath does not refer to a valid field of the schema"));
    }
    return new Compiled(rule, program, message, transition, List.copyOf(faults));
  }

  private static @Nullable CelProgram compile(
      CelDialect dialect,
      String expression,
      String at,
      CelType wanted,
      String name,
      List<FieldError> faults) {
    try {
      var program = dialect.compile(expression);
      if (program.resultType().equals(wanted)) {
        return program;
      }
      faults.add(FieldError.invalidText(
          at,
          expression,
          "must evaluate to a " + name + ", found " + program.resultType().name()));
    } catch (CelProblem e) {
      faults.add(FieldError.invalidText(at, expression, "compilation failed: " + e.pretty()));
    }
    return null;
  }

  private boolean isResource(SchemaNode schema) {
    return resource && schema.path().isEmpty();
  }

  /// Runs every rule that applies and adds what fails to `errors`.
  void run(JsonNode value, @Nullable JsonNode old, List<FieldError> errors) {
    new Run(errors).walk(value, old, root, "");
  }

  /// One validation. Not for use by several threads.
  private final class Run {
    private final List<FieldError> errors;
    private int evaluations;

    Run(List<FieldError> errors) {
      this.errors = errors;
    }

    void walk(JsonNode value, @Nullable JsonNode old, SchemaNode schema, String path) {
      if (!ruled.contains(schema.path())
          || value.isNull()
          || errors.size() >= StructuralSchema.MAX_ERRORS) {
        return;
      }
      judge(value, old, schema, path);
      if (value.isObject()) {
        for (var field : value.properties()) {
          var child = schema.child(field.getKey());
          if (child != null) {
            var declared = schema.properties().containsKey(field.getKey());
            var at = declared ? Paths.child(path, field.getKey()) : Paths.key(path, field.getKey());
            walk(field.getValue(), old == null ? null : old.get(field.getKey()), child, at);
          }
        }
      } else if (value.isArray() && schema.items() != null) {
        var correlated = Correlation.of(schema, old);
        for (var i = 0; i < value.size(); i++) {
          walk(
              value.get(i),
              correlated.oldEntry(value.get(i)),
              schema.items(),
              Paths.index(path, i));
        }
      }
    }

    private void judge(JsonNode value, @Nullable JsonNode old, SchemaNode schema, String path) {
      var known = old == null || old.isNull() ? null : old;
      var unchanged = known != null && known.equals(value);
      @Nullable Map<String, Object> plain = null;
      for (var rule : rules(schema)) {
        if (rule.transition() ? known == null : unchanged && !rule.rule().optionalOldSelf()) {
          continue;
        }
        if (plain == null) {
          plain = variables(value, known, schema);
        }
        evaluate(rule, rule.rule().optionalOldSelf() ? withOptional(plain) : plain, value, path);
      }
    }

    private Map<String, Object> variables(
        JsonNode value, @Nullable JsonNode old, SchemaNode schema) {
      var variables = new HashMap<String, Object>();
      variables.put("self", CelValues.fromJson(value, schema, isResource(schema)));
      if (old != null) {
        variables.put("oldSelf", CelValues.fromJson(old, schema, isResource(schema)));
      }
      return variables;
    }

    private Map<String, Object> withOptional(Map<String, Object> plain) {
      var variables = new HashMap<>(plain);
      variables.put("oldSelf", Optional.ofNullable(plain.get("oldSelf")));
      return variables;
    }

    private void evaluate(
        Compiled rule, Map<String, Object> variables, JsonNode value, String path) {
      if (rule.program() == null) {
        rule.faults()
            .forEach(fault -> errors.add(
                new FieldError(path, FieldError.Type.INVALID, shown(value), fault.toString())));
        return;
      }
      if (++evaluations > MAX_EVALUATIONS) {
        if (evaluations == MAX_EVALUATIONS + 1) {
          errors.add(
              new FieldError(
                  path,
                  FieldError.Type.INVALID,
                  shown(value),
                  "validation failed due to running out of cost budget, no further validation rules will be run"));
        }
        return;
      }
      try {
        if (!Boolean.TRUE.equals(rule.program().evaluate(variables))) {
          errors.add(failure(rule, value, path, message(rule, variables)));
        }
      } catch (CelProblem e) {
        var detail = e.kind() == CelProblem.Kind.BUDGET
            ? "validation failed due to running out of cost budget, no further validation rules will be run"
            : e.detail() + " evaluating rule: " + fallback(rule);
        errors.add(new FieldError(path, FieldError.Type.INVALID, shown(value), detail));
      }
    }

    private FieldError failure(Compiled rule, JsonNode value, String path, String message) {
      var at = path;
      var about = value;
      for (var name : rule.rule().fieldPath()) {
        at = Paths.child(at, name);
        about = about.path(name);
      }
      return new FieldError(at, rule.rule().reason(), shown(about), message);
    }

    private String message(Compiled rule, Map<String, Object> variables) {
      if (rule.message() == null) {
        return fallback(rule);
      }
      try {
        var text = String.valueOf(rule.message().evaluate(variables)).strip();
        return text.isEmpty() || text.contains("\n") ? fallback(rule) : text;
      } catch (CelProblem e) {
        return fallback(rule);
      }
    }

    private String fallback(Compiled rule) {
      var message = rule.rule().message();
      return message == null ? "failed rule: " + rule.rule().rule() : message;
    }

    private JsonNode shown(JsonNode value) {
      return value.isContainerNode()
          ? TextNode.valueOf(value.isArray() ? "array" : "object")
          : value;
    }
  }
}
