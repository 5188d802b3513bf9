package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.store.Stored;

/// Between stored bytes and objects: `metadata.resourceVersion` is the store's revision and is not in
/// the bytes.
final class Codec {
  private Codec() {}

  static ObjectNode decode(ResourceType type, byte[] bytes, long revision) {
    var object = Json.trusted(bytes);
    object.put("apiVersion", type.apiVersion());
    Meta.of(object).put("resourceVersion", Long.toString(revision));
    type.rules().fromStorage(object);
    return object;
  }

  static ObjectNode decode(ResourceType type, Stored stored) {
    return decode(type, stored.value(), stored.revision());
  }

  static byte[] encode(ResourceType type, ObjectNode object) {
    var copy = object.deepCopy();
    Meta.of(copy).remove("resourceVersion");
    type.rules().toStorage(copy);
    return Json.bytes(copy);
  }
}
