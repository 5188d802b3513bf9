package dev.buildplane.render;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/// What came of a rendering.
public sealed interface RenderOutcome {
  /// All went well.
  ///
  /// @param run the object to run, an Argo Workflow
  /// @param resources objects to apply before it, in the order of the Workflow
  /// @param warnings what was rendered although it may not be meant, one sentence each
  record Rendered(ObjectNode run, List<Resource> resources, List<String> warnings)
      implements RenderOutcome {
    public Rendered {
      resources = List.copyOf(resources);
      warnings = List.copyOf(warnings);
    }
  }

  /// Nothing may be applied.
  ///
  /// @param problems at least one, at most [RunRenderer#MAX_PROBLEMS], in document order
  record Failed(List<RenderProblem> problems) implements RenderOutcome {
    public Failed {
      problems = List.copyOf(problems);
    }
  }

  /// One extra object.
  ///
  /// @param id `spec.resources[].id` of the Workflow
  record Resource(String id, ObjectNode object) {}
}
