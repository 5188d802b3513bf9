package dev.buildplane.schema;

import java.util.List;
import java.util.stream.Collectors;

/// Thrown for a schema that is not a valid structural schema. Lists every fault found, each with its path in the schema.
public final class SchemaProblem extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient List<FieldError> errors;

  SchemaProblem(List<FieldError> errors) {
    super(errors.stream().map(FieldError::toString).collect(Collectors.joining("; ")));
    this.errors = List.copyOf(errors);
  }

  /// At least one. Paths are relative to the schema's root, for example
  /// `properties[spec].x-kubernetes-validations[0].rule`; see [FieldError#under].
  public List<FieldError> errors() {
    return errors;
  }
}
