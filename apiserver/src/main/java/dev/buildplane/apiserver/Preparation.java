package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.schema.FieldError;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What happens to an object between the wish of a client and the store: fields the server owns,
/// defaults, pruning, validation, generation.
final class Preparation {
  private static final Set<String> TYPE_META = Set.of("apiVersion", "kind", "metadata", "status");

  private final Clocked clocked;

  Preparation(Clocked clocked) {
    this.clocked = clocked;
  }

  /// Drops fields the schema does not know from what a client sent, and says so as it asked for.
  ///
  /// @throws ApiProblem 400 when it asked for strictness
  void unknownFields(ResourceType type, ObjectNode object, WriteOptions options) {
    if (type.schema().isEmpty()) {
      return;
    }
    var unknown = type.schema().get().prune(object).stream()
        .map(path -> "unknown field \"" + path + "\"")
        .toList();
    tell(type, unknown, options);
  }

  static void tell(ResourceType type, List<String> faults, WriteOptions options) {
    if (faults.isEmpty()) {
      return;
    }
    switch (options.validation()) {
      case IGNORE -> {}
      case WARN -> faults.forEach(options::warn);
      case STRICT ->
        throw ApiProblem.badRequest(
            type.kind() + " in version \"" + type.version() + "\" cannot be handled as a "
                + type.kind() + ": strict decoding error: " + String.join(", ", faults));
    }
  }

  /// Makes a new object of what was asked for, in place.
  ///
  /// @throws ApiProblem 422 with everything that is wrong
  void creation(ResourceType type, ObjectNode object) {
    Naming.requireTypes(object);
    JsonTypes.require(type, object);
    var metadata = Meta.of(object);
    if (!Meta.resourceVersion(object).isEmpty()) {
      throw ApiProblem.badRequest("resourceVersion should not be set on objects to be created");
    }
    metadata.remove(List.of(
        "resourceVersion",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "generation"));
    metadata.put("uid", clocked.uid());
    metadata.put("creationTimestamp", Json.time(clocked.now()));
    if (type.counted()) {
      metadata.put("generation", 1);
    }
    if (type.hasStatus()) {
      object.remove("status");
    }
    complete(type, object, null);
  }

  private static void complete(ResourceType type, ObjectNode object, @Nullable ObjectNode old) {
    object.put("apiVersion", type.apiVersion()).put("kind", type.kind());
    type.schema().ifPresent(schema -> schema.applyDefaults(object));
    type.rules().prepare(object, old);
    var errors = new ArrayList<>(Naming.check(type, object));
    errors.addAll(type.rules().validate(object, old));
    type.schema().ifPresent(schema -> errors.addAll(schema.validate(object, old)));
    if (!errors.isEmpty()) {
      throw ApiProblem.invalid(type, Meta.name(object), errors);
    }
  }

  /// The object to store: of `candidate` what this place may write, of `live` the rest.
  ///
  /// @throws ApiProblem 422 with everything that is wrong
  ObjectNode change(Writes.Place place, ObjectNode candidate, ObjectNode live) {
    Naming.requireTypes(candidate);
    var type = place.type();
    JsonTypes.require(type, candidate);
    var object =
        place.subresource().isEmpty() ? whole(type, candidate, live) : part(place, candidate, live);
    if (!place.subresource().equals("finalize")) {
      complete(type, object, live);
    }
    if (type.counted() && !desired(object).equals(desired(live))) {
      Meta.of(object).put("generation", live.path("metadata").path("generation").asLong(1) + 1);
    }
    return object;
  }

  private static ObjectNode whole(ResourceType type, ObjectNode candidate, ObjectNode live) {
    var object = candidate.deepCopy();
    var metadata = Meta.of(object);
    for (var field : List.of(
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
        "generateName")) {
      Meta.setOrRemove(metadata, field, live.path("metadata").path(field));
    }
    if (type.hasStatus()) {
      Meta.setOrRemove(object, "status", live.path("status"));
    }
    refuseNewFinalizers(type, object, live);
    return object;
  }

  private static void refuseNewFinalizers(ResourceType type, ObjectNode object, ObjectNode live) {
    var added = new ArrayList<>(Meta.finalizers(object));
    added.removeAll(Meta.finalizers(live));
    if (Meta.deleting(live) && !added.isEmpty()) {
      var detail =
          "no new finalizers can be added if the object is being deleted, found new finalizers "
              + added;
      throw ApiProblem.invalid(
          type,
          Meta.name(live),
          List.of(new FieldError(
              "metadata.finalizers",
              FieldError.Type.FORBIDDEN,
              MissingNode.getInstance(),
              detail)));
    }
  }

  private static ObjectNode part(Writes.Place place, ObjectNode candidate, ObjectNode live) {
    var object = live.deepCopy();
    if (place.subresource().equals("finalize")) {
      var spec = Json.child(object, "spec");
      Meta.setOrRemove(spec, "finalizers", candidate.path("spec").path("finalizers"));
    } else {
      Meta.setOrRemove(object, "status", candidate.path("status"));
    }
    Meta.setOrRemove(
        Meta.of(object), "managedFields", candidate.path("metadata").path("managedFields"));
    return object;
  }

  /// Everything that counts for the generation.
  private static ObjectNode desired(ObjectNode object) {
    var copy = object.deepCopy();
    copy.remove(TYPE_META);
    return copy;
  }

  /// Whether the last finalizer of an object being deleted has gone.
  static boolean released(ResourceType type, ObjectNode object) {
    var held = type.kind().equals("Namespace")
        && !object.path("spec").path("finalizers").isEmpty();
    var graceful = object.path("metadata").path("deletionGracePeriodSeconds").asInt(0) > 0;
    return Meta.deleting(object) && Meta.finalizers(object).isEmpty() && !held && !graceful;
  }

  /// Whether a write would change nothing but the times of `managedFields`.
  static boolean sameButForTimes(ObjectNode one, ObjectNode other) {
    return timeless(one).equals(timeless(other));
  }

  private static ObjectNode timeless(ObjectNode object) {
    var copy = object.deepCopy();
    Meta.of(copy).remove("resourceVersion");
    for (JsonNode entry : copy.path("metadata").path("managedFields")) {
      if (entry instanceof ObjectNode fields) {
        fields.remove("time");
      }
    }
    return copy;
  }

  /// @throws ApiProblem 409 when the client holds another state, or another object of that name
  static void preconditions(Writes.Place place, ObjectNode candidate, ObjectNode live) {
    var type = place.type();
    var name = Meta.name(candidate);
    if (!name.isEmpty() && !name.equals(place.name())) {
      throw ApiProblem.badRequest("the name of the object (" + name
          + ") does not match the name on the URL (" + place.name() + ")");
    }
    var uid = Meta.uid(candidate);
    if (!uid.isEmpty() && !uid.equals(Meta.uid(live))) {
      throw ApiProblem.conflict(
          type,
          place.name(),
          "Precondition failed: UID in precondition: " + uid + ", UID in object meta: "
              + Meta.uid(live));
    }
    var version = Meta.resourceVersion(candidate);
    if (!version.isEmpty() && !version.equals(Meta.resourceVersion(live))) {
      throw ApiProblem.modified(type, place.name());
    }
  }

  static ApiProblem withoutResourceVersion(ResourceType type, String name) {
    return ApiProblem.invalid(
        type,
        name,
        List.of(new FieldError(
            "metadata.resourceVersion",
            FieldError.Type.INVALID,
            IntNode.valueOf(0),
            "must be specified for an update")));
  }
}
