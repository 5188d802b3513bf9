package dev.buildplane.render;

import dev.cel.common.types.OpaqueType;
import dev.cel.common.values.OpaqueValue;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The value of `oc_omit()`: whatever holds it leaves it out.
final class Omit extends OpaqueValue {
  static final Omit MARKER = new Omit();

  private Omit() {}

  @Override
  public Object value() {
    return this;
  }

  @Override
  public OpaqueType celType() {
    return OpaqueType.create("openchoreo.Omit");
  }

  @Override
  public String toString() {
    return "";
  }

  /// A CEL value without the entries that are marked, in maps (by key or value) and lists at any depth.
  static Object clean(Object value) {
    return switch (value) {
      case List<?> list -> {
        var kept = new ArrayList<Object>(list.size());
        for (var entry : list) {
          if (entry != MARKER) {
            kept.add(clean(entry));
          }
        }
        yield kept;
      }
      case Map<?, ?> map -> {
        var kept = new LinkedHashMap<Object, Object>();
        map.forEach((key, entry) -> {
          if (key != MARKER && entry != MARKER) {
            kept.put(key, clean(entry));
          }
        });
        yield kept;
      }
      default -> value;
    };
  }
}
