package dev.buildplane.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A Kubernetes structural schema: prunes, defaults and validates JSON values, CEL rules included.
///
/// Immutable and safe for concurrent use, except that [#prune] and [#applyDefaults] change the object they are given.
/// Behaviour and wording follow the Kubernetes documentation on CustomResourceDefinitions and CEL validation rules.
///
/// Order for a write, as the Kubernetes API server does it: [#prune], [#applyDefaults], [#validate].
public final class StructuralSchema {
  /// Errors beyond this many are not collected by [#validate].
  public static final int MAX_ERRORS = 200;

  /// With errors of these kinds, CEL rules would only add confusion.
  private static final Set<FieldError.Type> BLOCKING = Set.of(
      FieldError.Type.REQUIRED,
      FieldError.Type.TYPE_INVALID,
      FieldError.Type.NOT_SUPPORTED,
      FieldError.Type.TOO_LONG,
      FieldError.Type.TOO_MANY);

  private static final String NOT_CHECKED =
      "some validation rules were not checked because the object was invalid;"
          + " correct the existing errors to complete validation";

  private final JsonNode source;
  private final SchemaNode root;
  private final boolean resource;
  private final RuleBook rules;

  private StructuralSchema(JsonNode source, SchemaNode root, boolean resource, RuleBook rules) {
    this.source = source;
    this.root = root;
    this.resource = resource;
    this.rules = rules;
  }

  /// The schema of a custom resource: the root is a whole Kubernetes object, whose `apiVersion`, `kind` and `metadata`
  /// are neither pruned nor defaulted. Default values are checked and CEL rules compiled.
  ///
  /// @param openApiV3Schema `spec.versions[].schema.openAPIV3Schema` of a CustomResourceDefinition
  /// @throws SchemaProblem with every fault found
  public static StructuralSchema parse(JsonNode openApiV3Schema) throws SchemaProblem {
    return parse(openApiV3Schema, true, true);
  }

  /// As [#parse], for a schema accepted before: default values are not checked again, and CEL rules are compiled when
  /// first used, which saves time at start-up.
  ///
  /// @throws SchemaProblem when it is not structural
  public static StructuralSchema parseAccepted(JsonNode openApiV3Schema) throws SchemaProblem {
    return parse(openApiV3Schema, true, false);
  }

  /// The schema of a plain value that is no Kubernetes object.
  ///
  /// @throws SchemaProblem with every fault found
  public static StructuralSchema parseValue(JsonNode schema) throws SchemaProblem {
    return parse(schema, false, true);
  }

  private static StructuralSchema parse(JsonNode schema, boolean resource, boolean check)
      throws SchemaProblem {
    var copy = schema.<JsonNode>deepCopy();
    var parser = new SchemaParser();
    var root = parser.parseRoot(copy);
    if (!parser.errors().isEmpty()) {
      throw new SchemaProblem(parser.errors());
    }
    var rules = new RuleBook(root, resource);
    if (check) {
      var faults = new ArrayList<>(rules.compileAll());
      faults.addAll(Defaults.check(root));
      if (!faults.isEmpty()) {
        throw new SchemaProblem(faults);
      }
    }
    return new StructuralSchema(copy, root, resource, rules);
  }

  /// Drops, in place, every field the schema does not declare.
  ///
  /// @return the paths dropped, in document order, for warnings and strict field validation; empty when none
  public List<String> prune(ObjectNode object) {
    return Pruning.prune(object, root, resource);
  }

  /// Writes, in place, the default values of absent fields, and drops nulls that mean "not given".
  public void applyDefaults(ObjectNode object) {
    Defaulting.apply(object, root, resource);
  }

  /// Judges a value.
  ///
  /// @param oldObject the stored state on an update, for transition rules and ratcheting; null on creation
  /// @return everything wrong, at most [#MAX_ERRORS] entries; empty when valid
  public List<FieldError> validate(JsonNode newObject, @Nullable JsonNode oldObject) {
    var errors = new ArrayList<>(Validation.run(newObject, oldObject, root));
    if (!rules.isEmpty() && errors.stream().anyMatch(error -> BLOCKING.contains(error.type()))) {
      errors.add(new FieldError("", FieldError.Type.INVALID, NullNode.getInstance(), NOT_CHECKED));
    } else {
      rules.run(newObject, oldObject, errors);
    }
    return List.copyOf(errors);
  }

  /// The schema as it was given, for publishing in OpenAPI documents. A fresh copy.
  public JsonNode toOpenApi() {
    return source.deepCopy();
  }
}
