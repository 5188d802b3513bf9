package dev.buildplane.patch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// The items of a list of type map or set, by their identity.
final class ListItems {
  private ListItems() {}

  /// The items in order. Of items with the same identity the first counts.
  static SequencedMap<PathElement, JsonNode> index(
      @Nullable JsonNode list, MergeStructure structure, String path) {
    var items = new LinkedHashMap<PathElement, JsonNode>();
    if (list instanceof ArrayNode array) {
      for (var item : array) {
        items.putIfAbsent(element(item, structure, path), item);
      }
    }
    return items;
  }

  /// The same, but an identity that comes twice is an error: what somebody applies must be unambiguous.
  static SequencedMap<PathElement, JsonNode> indexStrictly(
      JsonNode list, MergeStructure structure, String path) {
    var items = index(list, structure, path);
    if (items.size() != list.size()) {
      var seen = new HashSet<PathElement>();
      for (var item : list) {
        var element = element(item, structure, path);
        if (!seen.add(element)) {
          throw PatchException.malformed(path + ": duplicate entries for key " + element.shown());
        }
      }
    }
    return items;
  }

  static PathElement element(JsonNode item, MergeStructure structure, String path) {
    if (structure.listType() == MergeStructure.ListType.SET) {
      return new PathElement.Value(item);
    }
    if (!item.isObject()) {
      throw PatchException.malformed(
          path + ": expected list items to be objects with the key fields " + structure.listKeys()
              + ", found " + JsonPatch.kind(item));
    }
    var key = new TreeMap<String, JsonNode>();
    for (var field : structure.listKeys()) {
      var value = item.get(field);
      if (value == null || value.isNull()) {
        value = structure.item().defaultOf(field).orElse(JsonNodeFactory.instance.nullNode());
      }
      if (!value.isNull()) {
        key.put(field, value);
      }
    }
    if (key.isEmpty()) {
      throw PatchException.malformed(
          path + ": element has no key: expected at least one of the key fields "
              + structure.listKeys());
    }
    return new PathElement.Key(key);
  }

  /// Identities of a merged list: applied order for what both have, live-only items stay before the shared item they preceded.
  static List<PathElement> mergedOrder(
      Map<PathElement, JsonNode> live, Map<PathElement, JsonNode> applied) {
    var liveOrder = List.copyOf(live.keySet());
    var order = new ArrayList<PathElement>();
    int cursor = 0;
    for (var element : applied.keySet()) {
      int position = liveOrder.indexOf(element);
      for (; position >= cursor && cursor < position; cursor++) {
        addLiveOnly(liveOrder.get(cursor), applied, order);
      }
      cursor = Math.max(cursor, position + 1);
      order.add(element);
    }
    for (; cursor < liveOrder.size(); cursor++) {
      addLiveOnly(liveOrder.get(cursor), applied, order);
    }
    return order;
  }

  private static void addLiveOnly(
      PathElement element, Map<PathElement, JsonNode> applied, List<PathElement> order) {
    if (!applied.containsKey(element)) {
      order.add(element);
    }
  }
}
