package dev.buildplane.patch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.time.temporal.ChronoUnit;
import java.util.Comparator;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/// `metadata.managedFields`: who owns which fields. Mutable, confined to one call.
final class ManagedFields {
  /// Bound on the Update managers kept for one object; the oldest are merged beyond it, as in Kubernetes.
  static final int MAX_UPDATE_MANAGERS = 10;

  static final String APPLY = "Apply";
  static final String UPDATE = "Update";
  private static final String MERGED_MANAGER = "ancient-changes";

  /// @param apiVersion empty for an apply, whose identity does not depend on the version
  record Owner(String manager, String operation, String apiVersion, String subresource)
      implements Comparable<Owner> {
    private static final Comparator<Owner> ORDER = Comparator.comparing(Owner::manager)
        .thenComparing(Owner::operation)
        .thenComparing(Owner::apiVersion)
        .thenComparing(Owner::subresource);

    @Override
    public int compareTo(Owner other) {
      return ORDER.compare(this, other);
    }

    /// As in a conflict: `"kubectl" using v1`, `"x" with subresource "status" using v1`, `"applier"`.
    String shown() {
      var text = "\"" + manager + "\""
          + (subresource.isEmpty() ? "" : " with subresource \"" + subresource + "\"");
      return operation.equals(UPDATE) ? text + " using " + apiVersion : text;
    }
  }

  record Owned(FieldSet fields, String apiVersion, Instant time) {
    Owned with(FieldSet changed) {
      return new Owned(changed, apiVersion, time);
    }
  }

  private final Map<Owner, Owned> entries = new TreeMap<>();

  Map<Owner, Owned> entries() {
    return entries;
  }

  boolean isEmpty() {
    return entries.isEmpty();
  }

  FieldSet fieldsOf(Owner id) {
    var entry = entries.get(id);
    return entry == null ? FieldSet.EMPTY : entry.fields();
  }

  /// Everything that anybody owns.
  FieldSet owned() {
    return entries.values().stream().map(Owned::fields).reduce(FieldSet.EMPTY, FieldSet::union);
  }

  void put(Owner id, Owned entry) {
    if (entry.fields().isEmpty()) {
      entries.remove(id);
    } else {
      entries.put(id, entry);
    }
  }

  void replaceAll(UnaryOperator<FieldSet> change) {
    entries.replaceAll((_, entry) -> entry.with(change.apply(entry.fields())));
    entries.values().removeIf(entry -> entry.fields().isEmpty());
  }

  static ManagedFields decode(JsonNode object) {
    var managed = new ManagedFields();
    for (var node : object.path("metadata").path("managedFields")) {
      var fields = FieldSet.decode(node.path("fieldsV1"));
      var operation = node.path("operation").asText();
      if (fields.isEmpty() || !(operation.equals(APPLY) || operation.equals(UPDATE))) {
        continue; // what cannot be read owns nothing
      }
      var version = node.path("apiVersion").asText();
      var id = new Owner(
          node.path("manager").asText(),
          operation,
          operation.equals(APPLY) ? "" : version,
          node.path("subresource").asText());
      managed.entries.merge(
          id,
          new Owned(fields, version, time(node)),
          (a, b) -> b.with(a.fields().union(b.fields())));
    }
    return managed;
  }

  private static Instant time(JsonNode node) {
    try {
      return Instant.parse(node.path("time").asText());
    } catch (DateTimeParseException unreadable) {
      return Instant.EPOCH;
    }
  }

  /// `[{}]` in a write asks to forget all ownership.
  static boolean isReset(JsonNode object) {
    var node = object.path("metadata").path("managedFields");
    return node.size() == 1 && node.get(0).isObject() && node.get(0).isEmpty();
  }

  /// Puts the entries into the object, sorted as Kubernetes sorts them.
  void encodeInto(ObjectNode object) {
    cap();
    if (!(object.get("metadata") instanceof ObjectNode metadata)) {
      return;
    }
    if (entries.isEmpty()) {
      metadata.remove("managedFields");
      return;
    }
    metadata.set("managedFields", encoded());
  }

  private ArrayNode encoded() {
    var order = Comparator.<Map.Entry<Owner, Owned>, String>comparing(
            entry -> entry.getKey().operation())
        .thenComparing(entry -> entry.getValue().time().truncatedTo(ChronoUnit.SECONDS))
        .thenComparing(entry -> entry.getKey().manager())
        .thenComparing(entry -> entry.getValue().apiVersion())
        .thenComparing(entry -> entry.getKey().subresource());
    var list = JsonNodeFactory.instance.arrayNode();
    entries.entrySet().stream().sorted(order).forEach(entry -> {
      var node = list.addObject();
      node.put("apiVersion", entry.getValue().apiVersion());
      node.put("fieldsType", "FieldsV1");
      node.set("fieldsV1", entry.getValue().fields().encoded());
      node.put("manager", entry.getKey().manager());
      node.put("operation", entry.getKey().operation());
      if (!entry.getKey().subresource().isEmpty()) {
        node.put("subresource", entry.getKey().subresource());
      }
      node.put("time", entry.getValue().time().truncatedTo(ChronoUnit.SECONDS).toString());
    });
    return list;
  }

  private void cap() {
    var updates = entries.entrySet().stream()
        .filter(entry -> entry.getKey().operation().equals(UPDATE))
        .sorted(Comparator.comparing(entry -> entry.getValue().time()))
        .toList();
    int surplus = updates.size() - MAX_UPDATE_MANAGERS;
    for (int i = 0; i <= surplus && surplus > 0; i++) {
      var old = updates.get(i);
      entries.remove(old.getKey());
      var id = new Owner(MERGED_MANAGER, UPDATE, old.getValue().apiVersion(), "");
      entries.merge(id, old.getValue(), (a, b) -> b.with(a.fields().union(b.fields())));
    }
  }
}
