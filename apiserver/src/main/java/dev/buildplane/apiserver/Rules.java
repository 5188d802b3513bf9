package dev.buildplane.apiserver;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.schema.FieldError;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What one built-in kind does besides what all kinds do.
interface Rules {
  Rules NONE = new Rules() {};

  /// Fills in defaults and fields the server owns, in place. `old` is null on creation.
  default void prepare(ObjectNode object, @Nullable ObjectNode old) {}

  /// Everything wrong with the object, `metadata` aside.
  default List<FieldError> validate(ObjectNode object, @Nullable ObjectNode old) {
    return List.of();
  }

  /// From the stored shape to the one this version shows, in place.
  default void fromStorage(ObjectNode object) {}

  /// From the shape this version shows to the stored one, in place.
  default void toStorage(ObjectNode object) {}
}
