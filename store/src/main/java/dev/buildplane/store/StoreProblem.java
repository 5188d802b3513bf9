package dev.buildplane.store;

import org.jspecify.annotations.Nullable;

/// Why the store refused. The cases are the subclasses; a plain `Unavailable` is an operating
/// error of disk or file.
public abstract sealed class StoreProblem extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private StoreProblem(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  /// The key is not at the revision the writer expected. Nothing was written.
  public static final class RevisionConflict extends StoreProblem {
    private static final long serialVersionUID = 1L;
    private final long found;

    RevisionConflict(String key, long expected, long found) {
      super(
          "key %s: expected %s, found %s; read it again and repeat the write"
              .formatted(key, spoken(expected), spoken(found)),
          null);
      this.found = found;
    }

    /// The revision the key is at; 0 when there is no such key.
    public long found() {
      return found;
    }

    private static String spoken(long revision) {
      return revision == 0 ? "no such key" : "revision " + revision;
    }
  }

  /// The history asked for has been compacted away: list again and watch from there.
  public static final class RevisionCompacted extends StoreProblem {
    private static final long serialVersionUID = 1L;
    private final long asked;
    private final long compacted;

    RevisionCompacted(long asked, long compacted) {
      super(
          "revision %d: expected %d or newer, as older history is compacted; list again"
              .formatted(asked, compacted),
          null);
      this.asked = asked;
      this.compacted = compacted;
    }

    public long asked() {
      return asked;
    }

    /// The oldest revision that can still be listed or watched from.
    public long compacted() {
      return compacted;
    }
  }

  /// A revision that has not been written yet, which only a foreign or restored client can hold.
  public static final class RevisionAhead extends StoreProblem {
    private static final long serialVersionUID = 1L;
    private final long current;

    RevisionAhead(long asked, long current) {
      super(
          "revision %d: expected %d at most, the newest written; list again"
              .formatted(asked, current),
          null);
      this.current = current;
    }

    public long current() {
      return current;
    }
  }

  /// The file cannot be opened, read or written; or the store is closed, or has more writers
  /// waiting than its bound.
  public static final class Unavailable extends StoreProblem {
    private static final long serialVersionUID = 1L;

    Unavailable(String message) {
      super(message, null);
    }

    Unavailable(String message, Throwable cause) {
      super(message, cause);
    }
  }
}
