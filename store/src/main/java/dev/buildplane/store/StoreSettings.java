package dev.buildplane.store;

import static java.util.Objects.requireNonNull;

import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;

/// Where a store lies and how much history it keeps.
///
/// @param file the SQLite file; `-wal`, `-shm` and `.lock` files appear beside it
/// @param historyRevisions how many of the newest changes stay watchable, at least 1
/// @param historyAge changes older than this are compacted even when they are few
public record StoreSettings(
    Path file, int historyRevisions, Duration historyAge, InstantSource clock) {
  public static final int DEFAULT_HISTORY_REVISIONS = 20_000;
  public static final Duration DEFAULT_HISTORY_AGE = Duration.ofHours(1);

  public StoreSettings {
    requireNonNull(file, "file");
    requireNonNull(clock, "clock");
    if (historyRevisions < 1) {
      throw new IllegalArgumentException(
          "historyRevisions: expected 1 or more, found " + historyRevisions);
    }
    if (historyAge.isNegative() || historyAge.isZero()) {
      throw new IllegalArgumentException(
          "historyAge: expected a positive duration, found " + historyAge);
    }
  }

  /// The defaults for that file.
  public static StoreSettings at(Path file) {
    return new StoreSettings(
        file, DEFAULT_HISTORY_REVISIONS, DEFAULT_HISTORY_AGE, InstantSource.system());
  }
}
