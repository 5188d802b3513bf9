package dev.buildplane.render;

import dev.buildplane.schema.CelDialect;
import dev.buildplane.schema.CelProblem;
import dev.buildplane.schema.CelProgram;

/// Compiled expressions, the least recently used of which are dropped. Safe for concurrent use.
final class ProgramCache {
  private final BoundedCache<String, CelProgram> programs;

  /// @param capacity expressions kept
  ProgramCache(int capacity) {
    programs = new BoundedCache<>(capacity);
  }

  CelProgram get(String expression) throws CelProblem {
    var known = programs.get(expression);
    if (known != null) {
      return known;
    }
    // two threads may compile the same expression: harmless, and no lock is held meanwhile
    var compiled = dialect().compile(expression);
    programs.put(expression, compiled);
    return compiled;
  }

  private static CelDialect dialect() {
    return TemplateDialect.get();
  }
}
