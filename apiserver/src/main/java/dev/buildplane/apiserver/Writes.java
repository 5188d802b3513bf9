package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.patch.ServerSideApply;
import dev.buildplane.patch.ServerSideApply.Outcome;
import dev.buildplane.store.ObjectStore;
import dev.buildplane.store.StoreProblem;
import java.util.HashSet;
import java.util.Set;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/// Creates and changes objects. What is returned has been stored (but for dry runs).
final class Writes {
  /// How often a write without a resource version is tried again when another was faster.
  private static final int MAX_ATTEMPTS = 20;
  private static final int MAX_GENERATED_PREFIX = 58;

  /// Told about every stored write before it is answered.
  interface Listener {
    void written(ResourceType type, ObjectNode object);

    void deleted(ResourceType type, ObjectNode object);
  }

  /// @param created whether the object did not exist before
  record Result(ObjectNode object, boolean created) {}

  /// Which object, through which door.
  ///
  /// @param subresource empty for the object itself
  record Place(ResourceType type, String namespace, String name, String subresource) {
    String key() {
      return type.key(namespace, name);
    }
  }

  private final ObjectStore store;
  private final Objects objects;
  private final ResourceType namespaces;
  private final Preparation preparation;
  private final Clocked clocked;
  private final Listener listener;

  Writes(
      ObjectStore store,
      Objects objects,
      ResourceType namespaces,
      Clocked clocked,
      Listener listener) {
    this.namespaces = namespaces;
    this.store = store;
    this.objects = objects;
    this.preparation = new Preparation(clocked);
    this.clocked = clocked;
    this.listener = listener;
  }

  ObjectNode create(ResourceType type, String namespace, ObjectNode body, WriteOptions options) {
    var object = named(type, namespace, body);
    preparation.unknownFields(type, object, options);
    preparation.creation(type, object);
    var owned =
        ServerSideApply.update(null, object, writer(type, "", options, Set.of()), type.structure());
    return insert(new Place(type, namespace, Meta.name(object), ""), owned, options);
  }

  private ObjectNode insert(Place place, ObjectNode object, WriteOptions options) {
    requireNamespace(place);
    var type = place.type();
    Meta.of(object).remove("resourceVersion");
    if (options.dryRun()) {
      if (store.get(place.key()).isPresent()) {
        throw ApiProblem.alreadyExists(type, place.name());
      }
      return object;
    }
    try {
      var revision = store.create(place.key(), Codec.encode(type, object));
      Meta.of(object).put("resourceVersion", Long.toString(revision));
    } catch (StoreProblem.RevisionConflict _) {
      throw ApiProblem.alreadyExists(type, place.name());
    }
    listener.written(type, object);
    return object;
  }

  private void requireNamespace(Place place) {
    if (!place.type().namespaced()) {
      return;
    }
    var found = objects.find(namespaces, "", place.namespace());
    if (found.isEmpty()) {
      throw ApiProblem.notFound(namespaces, place.namespace());
    }
    if (Meta.deleting(found.get())) {
      throw ApiProblem.forbidden(
          place.type(),
          place.name(),
          "unable to create new content in namespace " + place.namespace()
              + " because it is being terminated");
    }
  }

  /// The body with its namespace and name settled.
  private ObjectNode named(ResourceType type, String namespace, ObjectNode body) {
    var metadata = Meta.of(body);
    namespaceOf(type, namespace, body);
    var prefix = Json.text(metadata, "generateName");
    if (Meta.name(body).isEmpty() && !prefix.isEmpty()) {
      var kept = prefix.substring(0, Math.min(prefix.length(), MAX_GENERATED_PREFIX));
      metadata.put("name", kept + clocked.nameSuffix());
    }
    return body;
  }

  private static void namespaceOf(ResourceType type, String namespace, ObjectNode body) {
    var metadata = Meta.of(body);
    var own = Meta.namespace(body);
    if (!type.namespaced()) {
      metadata.remove("namespace");
    } else if (own.isEmpty()) {
      metadata.put("namespace", namespace);
    } else if (!own.equals(namespace)) {
      throw ApiProblem.badRequest(
          "the namespace of the provided object does not match the namespace sent on the request");
    }
  }

  /// Replaces an object, or its part behind a subresource.
  ObjectNode replace(Place place, ObjectNode body, WriteOptions options) {
    var type = place.type();
    namespaceOf(type, place.namespace(), body);
    if (type.custom() && Meta.resourceVersion(body).isEmpty()) {
      throw Preparation.withoutResourceVersion(type, place.name());
    }
    preparation.unknownFields(type, body, options);
    return change(place, options, live -> {
      var candidate = body.deepCopy();
      if (Meta.resourceVersion(candidate).isEmpty()) {
        Meta.of(candidate).put("resourceVersion", Meta.resourceVersion(live));
      }
      return candidate;
    });
  }

  /// Changes an object by a patch that is not an apply.
  ObjectNode patch(Place place, UnaryOperator<ObjectNode> patch, WriteOptions options) {
    return change(place, options, live -> {
      var candidate = patch.apply(live);
      preparation.unknownFields(place.type(), candidate, options);
      return candidate;
    });
  }

  /// For the server's own changes, without a say of the object's rules on who may.
  ObjectNode change(Place place, WriteOptions options, UnaryOperator<ObjectNode> mutation) {
    return attempt(place, live -> {
      var candidate = mutation.apply(live.deepCopy());
      Preparation.preconditions(place, candidate, live);
      var prepared = preparation.change(place, candidate, live);
      var owned = ServerSideApply.update(
          live,
          prepared,
          writer(place.type(), place.subresource(), options, resets(place, prepared)),
          place.type().structure());
      return store(place, live, owned, options);
    });
  }

  private ObjectNode attempt(Place place, Function<ObjectNode, ObjectNode> write) {
    for (var attempt = 1; ; attempt++) {
      var live = objects.get(place.type(), place.namespace(), place.name());
      try {
        return write.apply(live);
      } catch (StoreProblem.RevisionConflict _) {
        if (attempt == MAX_ATTEMPTS) {
          throw ApiProblem.modified(place.type(), place.name());
        }
      }
    }
  }

  /// Server-side apply.
  Result apply(Place place, ObjectNode applied, WriteOptions options) {
    var type = place.type();
    preparation.unknownFields(type, applied, options);
    for (var attempt = 1; ; attempt++) {
      var live = objects.find(type, place.namespace(), place.name());
      try {
        return live.isEmpty()
            ? applyNew(place, applied, options)
            : new Result(applyOver(place, live.get(), applied, options), false);
      } catch (StoreProblem.RevisionConflict _) {
        if (attempt == MAX_ATTEMPTS) {
          throw ApiProblem.modified(type, place.name());
        }
      }
    }
  }

  private Result applyNew(Place place, ObjectNode applied, WriteOptions options) {
    var type = place.type();
    if (!place.subresource().isEmpty()) {
      throw ApiProblem.notFound(type, place.name());
    }
    if (!type.verbs().contains("create")) {
      throw ApiProblem.methodNotAllowed();
    }
    if (!Meta.resourceVersion(applied).isEmpty() || !Meta.uid(applied).isEmpty()) {
      throw ApiProblem.modified(type, place.name());
    }
    var object = applied.deepCopy();
    namespaceOf(type, place.namespace(), object);
    var outcome = ServerSideApply.apply(
        null,
        object,
        writer(type, "", options, resets(place, object)),
        options.force(),
        type.structure());
    var created = ((Outcome.Applied) outcome).object();
    var managed = created.path("metadata").path("managedFields");
    preparation.creation(type, created);
    Meta.setOrRemove(Meta.of(created), "managedFields", managed);
    try {
      return new Result(insert(place, created, options), true);
    } catch (ApiProblem e) {
      if (e.code() == 409 && store.get(place.key()).isPresent()) {
        return apply(place, applied, options);
      }
      throw e;
    }
  }

  private ObjectNode applyOver(
      Place place, ObjectNode live, ObjectNode applied, WriteOptions options) {
    var type = place.type();
    Preparation.preconditions(place, applied, live);
    var object = applied.deepCopy();
    namespaceOf(type, place.namespace(), object);
    Meta.of(object).remove("resourceVersion");
    Meta.of(object).remove("uid");
    var outcome = ServerSideApply.apply(
        live,
        object,
        writer(type, place.subresource(), options, resets(place, object, live)),
        options.force(),
        type.structure());
    return switch (outcome) {
      case Outcome.Conflicted conflicted ->
        throw ApiProblem.applyConflict(
            conflicted.message(),
            conflicted.conflicts().stream()
                .map(conflict -> new String[] {conflict.cause(), conflict.field()})
                .toList());
      case Outcome.Applied(var merged, var changed) -> {
        if (!changed) {
          yield live;
        }
        var managed = merged.path("metadata").path("managedFields");
        var prepared = preparation.change(place, merged, live);
        Meta.setOrRemove(Meta.of(prepared), "managedFields", managed);
        yield store(place, live, prepared, options);
      }
    };
  }

  private ObjectNode store(
      Place place, ObjectNode live, ObjectNode prepared, WriteOptions options) {
    var type = place.type();
    var expected = Long.parseLong(Meta.resourceVersion(live));
    Meta.of(prepared).put("resourceVersion", Meta.resourceVersion(live));
    var released = Preparation.released(type, prepared);
    if (!released && Preparation.sameButForTimes(prepared, live)) {
      return live;
    }
    if (options.dryRun()) {
      return prepared;
    }
    var bytes = Codec.encode(type, prepared);
    var revision = released
        ? store.delete(place.key(), expected, bytes)
        : store.update(place.key(), expected, bytes);
    Meta.of(prepared).put("resourceVersion", Long.toString(revision));
    if (released) {
      listener.deleted(type, prepared);
    } else {
      listener.written(type, prepared);
    }
    return prepared;
  }

  private ServerSideApply.Writer writer(
      ResourceType type, String subresource, WriteOptions options, Set<String> resets) {
    return new ServerSideApply.Writer(
        options.fieldManager(), type.apiVersion(), subresource, clocked.now(), resets);
  }

  /// The top-level fields that this door does not write.
  private static Set<String> resets(Place place, ObjectNode... shapes) {
    if (place.subresource().isEmpty()) {
      return place.type().hasStatus() ? Set.of("status") : Set.of();
    }
    var fields = new HashSet<String>();
    for (var shape : shapes) {
      shape.fieldNames().forEachRemaining(fields::add);
    }
    fields.remove(place.subresource().equals("finalize") ? "spec" : "status");
    return fields;
  }
}
