package dev.buildplane.patch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.patch.ManagedFields.Owned;
import dev.buildplane.patch.ManagedFields.Owner;
import dev.buildplane.patch.ServerSideApply.Conflict;
import dev.buildplane.patch.ServerSideApply.Outcome;
import dev.buildplane.patch.ServerSideApply.Writer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// One write and what it does to the ownership of fields.
record Ownership(Writer writer, MergeStructure structure) {
  private static final String BEFORE_FIRST_APPLY = "before-first-apply";

  /// Fields that nobody can own: the identity and bookkeeping of the object.
  private static final FieldSet UNOWNABLE = FieldSet.decode(metaFields());

  private static JsonNode metaFields() {
    var fields = JsonNodeFactory.instance.objectNode();
    fields.putObject("f:apiVersion");
    fields.putObject("f:kind");
    var metadata = fields.putObject("f:metadata");
    metadata.putObject(".");
    for (var name : List.of(
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "generation",
        "managedFields",
        "resourceVersion")) {
      metadata.putObject("f:" + name);
    }
    return fields;
  }

  Outcome apply(@Nullable ObjectNode live, ObjectNode applied, boolean force) {
    if (applied.path("metadata").path("managedFields").size() > 0) {
      throw PatchException.malformed(
          "metadata.managedFields must be nil in an applied object; leave it out");
    }
    var managed = live == null ? new ManagedFields() : ManagedFields.decode(live);
    if (live != null && managed.isEmpty()) {
      ownEverything(managed, live);
    }
    var before = new TreeMap<>(managed.entries());
    var self = new Owner(writer.manager(), ManagedFields.APPLY, "", writer.subresource());
    var last = managed.fieldsOf(self);
    var intent = withoutResets(stripped(applied));
    var intended = FieldMerge.fields(intent, structure, "");
    managed.put(self, new Owned(ownable(intended), writer.apiVersion(), writer.time()));

    var liveValue = live == null ? null : stripped(live);
    var merged = FieldMerge.merge(liveValue, intent, structure, "");
    var result = (ObjectNode) prune(merged, last, managed.owned().union(intended));
    var conflicts = take(managed, self, compare(liveValue, result), force);
    if (!conflicts.isEmpty()) {
      return conflicted(conflicts);
    }
    if (live != null
        && sameOwners(before, managed)
        && JsonPatch.same(liveValue == null ? result : liveValue, result)) {
      return new Outcome.Applied(live.deepCopy(), false);
    }
    managed.encodeInto(result);
    return new Outcome.Applied(result, true);
  }

  ObjectNode update(@Nullable ObjectNode live, ObjectNode updated) {
    var managed = managedBeforeUpdate(live, updated);
    var result = stripped(updated);
    var self = new Owner(
        writer.manager(), ManagedFields.UPDATE, writer.apiVersion(), writer.subresource());
    var change = compare(live == null ? seed(result) : stripped(live), result);
    var taken = ownable(change.written());
    managed.replaceAll(fields -> fields.minus(change.written()).minus(change.removed()));
    if (!taken.isEmpty()) {
      managed.put(
          self, new Owned(managed.fieldsOf(self).union(taken), writer.apiVersion(), writer.time()));
      keepOwn(managed, self, live, change);
    }
    managed.encodeInto(result);
    return result;
  }

  /// What this manager owned before stays its own, but for what is gone.
  private void keepOwn(
      ManagedFields managed, Owner self, @Nullable ObjectNode live, FieldComparison change) {
    if (live == null) {
      return;
    }
    var previous = ManagedFields.decode(live).fieldsOf(self).minus(change.removed());
    var entry =
        new Owned(managed.fieldsOf(self).union(previous), writer.apiVersion(), writer.time());
    managed.put(self, entry);
  }

  private ManagedFields managedBeforeUpdate(@Nullable ObjectNode live, ObjectNode updated) {
    if (writer.subresource().isEmpty()) {
      if (ManagedFields.isReset(updated)) {
        return new ManagedFields();
      }
      var sent = ManagedFields.decode(updated);
      if (!sent.isEmpty()) {
        return sent;
      }
    }
    return live == null ? new ManagedFields() : ManagedFields.decode(live);
  }

  /// A new object starts from empty top-level structs, so that creating it owns their content rather than `spec` itself.
  private ObjectNode seed(ObjectNode created) {
    var seed = JsonNodeFactory.instance.objectNode();
    for (var name : List.of("metadata", "spec", "status")) {
      if (created.path(name).isObject() && structure instanceof BuiltInStructure) {
        seed.putObject(name);
      }
    }
    return seed;
  }

  private void ownEverything(ManagedFields managed, ObjectNode live) {
    var fields =
        ownable(compare(JsonNodeFactory.instance.objectNode(), stripped(live)).written());
    var id = new Owner(BEFORE_FIRST_APPLY, ManagedFields.UPDATE, writer.apiVersion(), "");
    managed.put(id, new Owned(fields, writer.apiVersion(), writer.time()));
  }

  /// Takes away what this manager applied before, does not apply now, and nobody owns, with all that lies below it.
  private JsonNode prune(JsonNode merged, FieldSet last, FieldSet owned) {
    if (last.isEmpty()) {
      return merged;
    }
    var present = FieldComparison.of(null, merged, structure).written();
    var kept = owned.withDeclaredAncestors(structure);
    var gone = last.withDeclaredAncestors(structure).intersection(present).minus(kept);
    return FieldMerge.remove(merged, gone, owned, structure);
  }

  private FieldComparison compare(@Nullable ObjectNode before, ObjectNode after) {
    var change = FieldComparison.of(before, after, structure);
    for (var field : writer.resetFields()) {
      change = change.without(new PathElement.Field(field));
    }
    return change;
  }

  /// Takes changed values over from their owners, or says who they are.
  private static List<OwnedByOther> take(
      ManagedFields managed, Owner self, FieldComparison change, boolean force) {
    var conflicts = new ArrayList<OwnedByOther>();
    managed.entries().forEach((id, entry) -> {
      if (!id.equals(self)) {
        for (var path : entry.fields().intersection(change.written()).paths()) {
          conflicts.add(new OwnedByOther(id, path));
        }
      }
    });
    if (!conflicts.isEmpty() && !force) {
      return conflicts;
    }
    for (var id : List.copyOf(managed.entries().keySet())) {
      if (!id.equals(self)) {
        var entry = managed.entries().get(id);
        if (entry != null) {
          managed.put(
              id, entry.with(entry.fields().minus(change.written()).minus(change.removed())));
        }
      }
    }
    return List.of();
  }

  private record OwnedByOther(Owner owner, String path) {}

  private static Outcome conflicted(List<OwnedByOther> conflicts) {
    var causes = conflicts.stream()
        .map(conflict -> new Conflict("conflict with " + conflict.owner.shown(), conflict.path))
        .toList();
    if (conflicts.size() == 1) {
      var only = conflicts.getFirst();
      return new Outcome.Conflicted(
          "Apply failed with 1 conflict: conflict with " + only.owner.shown() + ": " + only.path,
          causes);
    }
    var byOwner = new TreeMap<String, List<String>>();
    for (var conflict : conflicts) {
      byOwner
          .computeIfAbsent(conflict.owner.shown(), _ -> new ArrayList<>())
          .add("- " + conflict.path);
    }
    var parts = byOwner.entrySet().stream()
        .map(entry ->
            "conflicts with " + entry.getKey() + ":\n" + String.join("\n", entry.getValue()))
        .toList();
    return new Outcome.Conflicted(
        "Apply failed with " + conflicts.size() + " conflicts: " + String.join("\n", parts),
        causes);
  }

  private static boolean sameOwners(Map<Owner, Owned> before, ManagedFields after) {
    if (!before.keySet().equals(after.entries().keySet())) {
      return false;
    }
    return before.entrySet().stream().allMatch(entry -> {
      var now = after.entries().get(entry.getKey());
      return now != null
          && now.fields().equals(entry.getValue().fields())
          && now.apiVersion().equals(entry.getValue().apiVersion());
    });
  }

  private FieldSet ownable(FieldSet fields) {
    var set = new FieldSet(false, fields.children());
    for (var field : writer.resetFields()) {
      set = set.without(new PathElement.Field(field));
    }
    return set.minus(UNOWNABLE);
  }

  private ObjectNode withoutResets(ObjectNode object) {
    writer.resetFields().stream().filter(name -> !"metadata".equals(name)).forEach(object::remove);
    return object;
  }

  private static ObjectNode stripped(ObjectNode object) {
    var copy = object.deepCopy();
    if (copy.get("metadata") instanceof ObjectNode metadata) {
      metadata.remove("managedFields");
    }
    return copy;
  }
}
