package dev.buildplane.http;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// An immutable list of header fields in order. Names are kept in lower case (RFC 9113 section
/// 8.2).
public record Headers(List<Field> fields) {
  public static final Headers EMPTY = new Headers(List.of());

  /// One field line.
  public record Field(String name, String value) {
    public Field {
      name = requireNonNull(name, "name").toLowerCase(Locale.ROOT);
      requireNonNull(value, "value");
    }
  }

  public Headers {
    fields = List.copyOf(fields);
  }

  public static Headers of(String name, String value) {
    return new Headers(List.of(new Field(name, value)));
  }

  /// A copy with one more line.
  public Headers with(String name, String value) {
    var more = new ArrayList<>(fields);
    more.add(new Field(name, value));
    return new Headers(more);
  }

  /// Whether there is a line of that name.
  public boolean contains(String name) {
    var wanted = name.toLowerCase(Locale.ROOT);
    for (var field : fields) {
      if (field.name().equals(wanted)) {
        return true;
      }
    }
    return false;
  }

  /// The first value of that name.
  public Optional<String> first(String name) {
    var wanted = name.toLowerCase(Locale.ROOT);
    for (var field : fields) {
      if (field.name().equals(wanted)) {
        return Optional.of(field.value());
      }
    }
    return Optional.empty();
  }

  /// All values of that name, in order.
  public List<String> all(String name) {
    var wanted = name.toLowerCase(Locale.ROOT);
    List<String> found = List.of();
    for (var field : fields) {
      if (field.name().equals(wanted)) {
        if (found.isEmpty()) {
          found = new ArrayList<>(2);
        }
        found.add(field.value());
      }
    }
    return found.isEmpty() ? found : List.copyOf(found);
  }
}
