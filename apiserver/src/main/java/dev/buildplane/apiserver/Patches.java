package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.patch.JsonPatch;
import dev.buildplane.patch.MergePatch;
import dev.buildplane.patch.PatchException;
import dev.buildplane.patch.StrategicMergePatch;
import dev.buildplane.schema.FieldError;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;

/// The patch types, by the content type of the request.
final class Patches {
  static final String JSON = "application/json-patch+json";
  static final String MERGE = "application/merge-patch+json";
  static final String STRATEGIC = "application/strategic-merge-patch+json";
  static final String APPLY = "application/apply-patch+yaml";

  private Patches() {}

  static String mediaType(String contentType) {
    return contentType.split(";")[0].strip().toLowerCase(Locale.ROOT);
  }

  private static String accepted(ResourceType type) {
    return type.custom()
        ? JSON + ", " + MERGE + ", " + APPLY
        : JSON + ", " + MERGE + ", " + STRATEGIC + ", " + APPLY;
  }

  static ApiProblem unsupported(ResourceType type, String media) {
    return ApiProblem.unsupportedMediaType(media, accepted(type));
  }

  /// Applies a patch that is not an apply to an object; the object is not changed.
  ///
  /// @throws ApiProblem 400 or 422 when it does not fit, 415 for other content types
  static ObjectNode apply(ResourceType type, String media, ObjectNode object, JsonNode patch) {
    return switch (media) {
      case JSON -> result(type, object, () -> JsonPatch.apply(object, patch));
      case MERGE -> result(type, object, () -> MergePatch.apply(object, patch));
      case STRATEGIC -> {
        if (type.custom()) {
          throw unsupported(type, media);
        }
        yield result(
            type, object, () -> StrategicMergePatch.apply(object, patch, type.structure()));
      }
      default -> throw unsupported(type, media);
    };
  }

  private static ObjectNode result(
      ResourceType type, ObjectNode object, Supplier<JsonNode> patched) {
    try {
      if (patched.get() instanceof ObjectNode result) {
        return result;
      }
      throw ApiProblem.badRequest("patch: expected the result to be an object, found other JSON");
    } catch (PatchException e) {
      throw problem(type, Meta.name(object), e);
    }
  }

  static ApiProblem problem(ResourceType type, String name, PatchException e) {
    return switch (e.reason()) {
      case MALFORMED -> ApiProblem.badRequest(String.valueOf(e.getMessage()));
      case TEST_FAILED, UNAPPLICABLE ->
        ApiProblem.invalid(
            type,
            name,
            List.of(new FieldError(
                "patch",
                FieldError.Type.INVALID,
                MissingNode.getInstance(),
                String.valueOf(e.getMessage()))));
    };
  }
}
