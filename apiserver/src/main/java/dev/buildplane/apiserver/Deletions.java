package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.store.ObjectStore;
import dev.buildplane.store.StoreProblem;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/// Deletes objects: at once when nothing holds them, else by marking them so that whoever holds them
/// lets go.
final class Deletions {
  static final String ORPHAN = "orphan";
  static final String FOREGROUND = "foregroundDeletion";
  /// Made at the start, and kept.
  static final List<String> PERMANENT_NAMESPACES = List.of("default", "kube-system", "kube-public");

  private static final int MAX_ATTEMPTS = 20;

  /// `DeleteOptions`.
  ///
  /// @param propagation empty: as the finalizers of the object say
  /// @param uid only this object; empty for any
  /// @param resourceVersion only in this state; empty for any
  record Request(
      String uid,
      String resourceVersion,
      String propagation,
      OptionalInt graceSeconds,
      boolean dryRun) {
    static final Request BACKGROUND = new Request("", "", "Background", OptionalInt.empty(), false);

    /// @throws ApiProblem 400 or 422 for values that Kubernetes refuses
    static Request of(JsonNode body, Query query) {
      var propagation =
          firstText(Json.text(body, "propagationPolicy"), query.text("propagationPolicy"));
      if (propagation.isEmpty()
          && (body.path("orphanDependents").isBoolean() || query.has("orphanDependents"))) {
        var orphan = body.path("orphanDependents").asBoolean() || query.flag("orphanDependents");
        propagation = orphan ? "Orphan" : "Background";
      }
      if (!List.of("", "Background", "Foreground", "Orphan").contains(propagation)) {
        throw ApiProblem.badRequest("propagationPolicy: Unsupported value: \"" + propagation
            + "\": supported values: \"Background\", \"Foreground\", \"Orphan\"");
      }
      var grace = body.path("gracePeriodSeconds").isNumber()
          ? OptionalInt.of(body.path("gracePeriodSeconds").asInt())
          : query.number("gracePeriodSeconds").stream()
              .mapToInt(Math::toIntExact)
              .findFirst();
      var conditions = body.path("preconditions");
      return new Request(
          Json.text(conditions, "uid"),
          Json.text(conditions, "resourceVersion"),
          propagation,
          grace,
          query.has("dryRun") || !body.path("dryRun").isEmpty());
    }

    private static String firstText(String one, String other) {
      return one.isEmpty() ? other : one;
    }
  }

  /// @param gone false when the object waits for its finalizers
  record Result(ObjectNode object, boolean gone) {}

  private final ObjectStore store;
  private final Objects objects;
  private final Clocked clocked;
  private final Writes.Listener listener;

  Deletions(ObjectStore store, Objects objects, Clocked clocked, Writes.Listener listener) {
    this.store = store;
    this.objects = objects;
    this.clocked = clocked;
    this.listener = listener;
  }

  /// @throws ApiProblem 404, or 409 when a precondition fails
  Result delete(ResourceType type, String namespace, String name, Request request) {
    if (type.kind().equals("Namespace") && PERMANENT_NAMESPACES.contains(name)) {
      throw ApiProblem.forbidden(type, name, "this namespace may not be deleted");
    }
    for (var attempt = 1; ; attempt++) {
      var live = objects.get(type, namespace, name);
      requirePreconditions(type, live, request);
      try {
        return attempt(type, namespace, live, request);
      } catch (StoreProblem.RevisionConflict _) {
        if (attempt == MAX_ATTEMPTS) {
          throw ApiProblem.modified(type, name);
        }
      }
    }
  }

  private static void requirePreconditions(ResourceType type, ObjectNode live, Request request) {
    var uid = Meta.uid(live);
    if (!request.uid().isEmpty() && !request.uid().equals(uid)) {
      throw ApiProblem.conflict(
          type,
          Meta.name(live),
          "Precondition failed: UID in precondition: " + request.uid() + ", UID in object meta: "
              + uid);
    }
    var version = Meta.resourceVersion(live);
    if (!request.resourceVersion().isEmpty() && !request.resourceVersion().equals(version)) {
      throw ApiProblem.conflict(
          type,
          Meta.name(live),
          "Precondition failed: ResourceVersion in precondition: " + request.resourceVersion()
              + ", ResourceVersion in object meta: " + version);
    }
  }

  private Result attempt(ResourceType type, String namespace, ObjectNode live, Request request) {
    var marked = marked(type, live, request);
    var key = type.key(namespace, Meta.name(live));
    var expected = Long.parseLong(Meta.resourceVersion(live));
    var gone = Preparation.released(type, marked);
    if (request.dryRun()) {
      return new Result(marked, gone);
    }
    if (!gone && Preparation.sameButForTimes(marked, live)) {
      return new Result(live, false);
    }
    var bytes = Codec.encode(type, marked);
    var revision = gone ? store.delete(key, expected, bytes) : store.update(key, expected, bytes);
    Meta.of(marked).put("resourceVersion", Long.toString(revision));
    if (gone) {
      listener.deleted(type, marked);
    } else {
      listener.written(type, marked);
    }
    return new Result(marked, gone);
  }

  private ObjectNode marked(ResourceType type, ObjectNode live, Request request) {
    var object = live.deepCopy();
    var metadata = Meta.of(object);
    var grace = graceSeconds(type, live, request);
    if (!Meta.deleting(live)) {
      metadata.put("deletionTimestamp", Json.time(clocked.now().plus(Duration.ofSeconds(grace))));
      metadata.put("deletionGracePeriodSeconds", grace);
      if (type.counted()) {
        metadata.put("generation", live.path("metadata").path("generation").asLong(1) + 1);
      }
    } else if (grace < live.path("metadata").path("deletionGracePeriodSeconds").asInt(0)) {
      metadata.put("deletionGracePeriodSeconds", grace);
    }
    if (type.kind().equals("Namespace") && object.get("status") instanceof ObjectNode status) {
      status.put("phase", "Terminating");
    }
    addPropagation(object, request.propagation());
    return object;
  }

  private static void addPropagation(ObjectNode object, String propagation) {
    if (propagation.isEmpty()) {
      return;
    }
    var finalizers = new ArrayList<>(Meta.finalizers(object));
    finalizers.removeAll(List.of(ORPHAN, FOREGROUND));
    if (propagation.equals("Orphan")) {
      finalizers.add(ORPHAN);
    } else if (propagation.equals("Foreground")) {
      finalizers.add(FOREGROUND);
    }
    Meta.setFinalizers(object, finalizers);
  }

  /// Only a pod that runs somewhere is given time to end.
  private static int graceSeconds(ResourceType type, ObjectNode live, Request request) {
    var runs = type.kind().equals("Pod")
        && !Json.text(live, "spec", "nodeName").isEmpty()
        && !List.of("Succeeded", "Failed").contains(Json.text(live, "status", "phase"));
    if (!runs) {
      return 0;
    }
    var own = live.path("spec")
        .path("terminationGracePeriodSeconds")
        .asInt(BuiltInRules.Pods.DEFAULT_GRACE_SECONDS);
    return Math.max(0, request.graceSeconds().orElse(own));
  }
}
