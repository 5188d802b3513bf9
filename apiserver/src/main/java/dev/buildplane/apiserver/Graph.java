package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// Who owns whom, of all objects, kept up to date change by change. Confined to one thread.
final class Graph {
  /// @param type plural and group, to find the resource again
  /// @param blocked those owners whose foreground deletion waits for this object
  /// @param waiting whether it is being deleted, after its dependents
  record Node(
      String uid,
      ResourceType type,
      String namespace,
      String name,
      Set<String> owners,
      Set<String> blocked,
      boolean waiting) {}

  private final Map<String, Node> byUid = new HashMap<>();
  private final Map<String, Set<String>> dependents = new HashMap<>();

  void put(ResourceType type, ObjectNode object) {
    var uid = Meta.uid(object);
    remove(uid);
    var owners = new HashSet<String>();
    var blocked = new HashSet<String>();
    for (JsonNode owner : object.path("metadata").path("ownerReferences")) {
      owners.add(Json.text(owner, "uid"));
      if (owner.path("blockOwnerDeletion").asBoolean()) {
        blocked.add(Json.text(owner, "uid"));
      }
    }
    var waiting = Meta.deleting(object) && Meta.finalizers(object).contains(Deletions.FOREGROUND);
    byUid.put(
        uid,
        new Node(
            uid,
            type,
            Meta.namespace(object),
            Meta.name(object),
            Set.copyOf(owners),
            Set.copyOf(blocked),
            waiting));
    owners.forEach(
        owner -> dependents.computeIfAbsent(owner, _ -> new HashSet<>()).add(uid));
  }

  void remove(String uid) {
    var node = byUid.remove(uid);
    if (node == null) {
      return;
    }
    for (var owner : node.owners()) {
      var others = dependents.get(owner);
      if (others != null) {
        others.remove(uid);
        if (others.isEmpty()) {
          dependents.remove(owner);
        }
      }
    }
  }

  /// Whether an owner is there and not itself waiting to be deleted after its dependents.
  boolean keeps(String owner) {
    var node = byUid.get(owner);
    return node != null && !node.waiting();
  }

  boolean exists(String uid) {
    return byUid.containsKey(uid);
  }

  /// Forgets everything.
  void clear() {
    byUid.clear();
    dependents.clear();
  }

  Optional<Node> node(String uid) {
    return Optional.ofNullable(byUid.get(uid));
  }

  List<Node> dependentsOf(String uid) {
    return dependents.getOrDefault(uid, Set.of()).stream()
        .map(byUid::get)
        .filter(java.util.Objects::nonNull)
        .toList();
  }
}
