package dev.buildplane.store;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The newest changes, kept in memory so that live watchers need not read the file. Bounded by
/// count and by bytes. Revisions have no gaps, so the place of a change follows from its revision.
final class Recent {
  static final int MAX_CHANGES = 4_096;
  static final long MAX_BYTES = 32L * 1024 * 1024;

  // All guarded by `this`.
  private final @Nullable Change[] ring = new @Nullable Change[MAX_CHANGES];
  private long newest;
  private long oldest;
  private long bytes;

  Recent(long newest) {
    this.newest = newest;
    this.oldest = newest + 1;
  }

  synchronized void add(List<Change> changes) {
    for (var change : changes) {
      if (newest + 1 - oldest == MAX_CHANGES) {
        dropOldest();
      }
      ring[slot(change.revision())] = change;
      newest = change.revision();
      bytes += size(change);
      while (bytes > MAX_BYTES && oldest < newest) {
        dropOldest();
      }
    }
  }

  private void dropOldest() {
    var change = ring[slot(oldest)];
    if (change != null) {
      bytes -= size(change);
    }
    ring[slot(oldest)] = null;
    oldest++;
  }

  /// The newest revision committed.
  synchronized long newest() {
    return newest;
  }

  /// Up to `limit` changes after `revision`; null when some of them are no longer here.
  synchronized @Nullable List<Change> after(long revision, int limit) {
    if (revision + 1 < oldest) {
      return null;
    }
    var last = Math.min(newest, revision + limit);
    var found = new ArrayList<Change>();
    for (var at = revision + 1; at <= last; at++) {
      var change = ring[slot(at)];
      if (change != null) {
        found.add(change);
      }
    }
    return found;
  }

  private static int slot(long revision) {
    return (int) (revision % MAX_CHANGES);
  }

  private static long size(Change change) {
    var previous = change.previousValue();
    long size = change.value().length;
    size += previous == null ? 0 : previous.length;
    return size + change.key().length();
  }
}
