package dev.buildplane.store;

import static java.util.Objects.requireNonNull;

/// The state of one key.
///
/// @param revision the revision of the change that wrote it
/// @param value the bytes written; must not be modified
public record Stored(String key, long revision, byte[] value) {
  public Stored {
    requireNonNull(key, "key");
    requireNonNull(value, "value");
  }
}
