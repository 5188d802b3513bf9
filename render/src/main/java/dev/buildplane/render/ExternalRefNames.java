package dev.buildplane.render;

import java.util.List;
import java.util.Map;

/// Which SecretReferences a run needs.
public sealed interface ExternalRefNames {
  /// The names.
  ///
  /// @param byId the name of the SecretReference by id of the reference, in the order of the Workflow; references whose
  ///     name comes out empty are left out
  record Names(Map<String, String> byId) implements ExternalRefNames {}

  /// The names cannot be told.
  ///
  /// @param problems at least one
  record Failed(List<RenderProblem> problems) implements ExternalRefNames {
    public Failed {
      problems = List.copyOf(problems);
    }
  }
}
