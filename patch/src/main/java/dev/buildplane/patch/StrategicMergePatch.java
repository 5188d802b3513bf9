package dev.buildplane.patch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/// Strategic merge patch of Kubernetes: a merge patch in which lists of built-in kinds merge by key.
///
/// Understands `$patch: replace|merge|delete`, `$deleteFromPrimitiveList/<field>`, `$setElementOrder/<field>` and `$retainKeys`.
public final class StrategicMergePatch {
  private StrategicMergePatch() {}

  /// Applies `patch` to `target` and returns the result; neither argument is changed.
  ///
  /// @param structure of the object, see [MergeStructure#builtIn]
  /// @throws PatchException when a directive is malformed or a list item lacks its merge key
  public static JsonNode apply(JsonNode target, JsonNode patch, MergeStructure structure) {
    if (!(target instanceof ObjectNode object) || !(patch instanceof ObjectNode changes)) {
      throw PatchException.malformed(
          "strategic merge patch: expected an object, found " + JsonPatch.kind(patch));
    }
    return new StrategicMerge("").object(object, changes, structure);
  }
}
