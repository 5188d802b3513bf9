package dev.buildplane.store;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

/// One committed change of one key. The arrays are the store's own and must not be modified.
///
/// @param revision position of the change in the log, from 1, without gaps
/// @param previousRevision revision of the state this change replaced; 0 for [Kind#CREATED]
/// @param value the new state; for [Kind#DELETED] the last state as the deleter gave it
/// @param previousValue the state it replaced, null for [Kind#CREATED]
public record Change(
    String key,
    long revision,
    Kind kind,
    byte[] value,
    long previousRevision,
    byte @Nullable [] previousValue) {
  /// What happened to the key.
  public enum Kind {
    CREATED(0),
    MODIFIED(1),
    DELETED(2);

    /// As written in the file.
    private final int code;

    Kind(int code) {
      this.code = code;
    }

    int code() {
      return code;
    }

    static Kind of(int code) {
      return switch (code) {
        case 0 -> CREATED;
        case 1 -> MODIFIED;
        case 2 -> DELETED;
        default ->
          throw new IllegalStateException("kind of change: expected 0 to 2, found " + code);
      };
    }
  }

  public Change {
    requireNonNull(key, "key");
    requireNonNull(kind, "kind");
    requireNonNull(value, "value");
  }
}
