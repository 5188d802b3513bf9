package dev.buildplane.render;

import java.util.List;
import java.util.stream.Collectors;

/// Thrown for a Workflow schema that cannot be read. Lists every fault found.
public final class ParameterSchemaProblem extends Exception {
  private static final long serialVersionUID = 1L;

  private final transient List<RenderProblem> problems;

  ParameterSchemaProblem(List<RenderProblem> problems) {
    super(problems.stream().map(RenderProblem::summary).collect(Collectors.joining("; ")));
    this.problems = List.copyOf(problems);
  }

  /// At least one, each of code [RenderProblem.Code#SCHEMA_INVALID].
  public List<RenderProblem> problems() {
    return problems;
  }
}
