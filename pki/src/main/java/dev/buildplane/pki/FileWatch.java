package dev.buildplane.pki;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Notices that any of some files has changed, by modification time, size and inode, following symbolic links: Kubernetes swaps
/// mounted Secrets by a link, which file-system events of the file itself would miss. Not thread-safe.
///
/// No change is lost when the files are read after [#watch] or [#changed]: one that comes during the reading is told by the next [#changed].
public final class FileWatch {
  /// @param inode null where the file system has none
  private record Stamp(
      FileTime modified, long bytes, @Nullable Object inode) {}

  private Map<Path, Stamp> seen = Map.of();
  private boolean unread;

  /// Watches these from now on and no others. Those watched before stay as [#changed] saw them last, so that a change since then is still told.
  ///
  /// @return whether some were not watched before: what has been read of them may be older than what is watched, and is to be read again
  public boolean watch(Set<Path> files) {
    var before = seen;
    var watched = new HashMap<Path, Stamp>();
    for (var file : files) {
      var known = before.get(file);
      watched.put(file, known == null ? stamp(file) : known);
    }
    seen = watched;
    return !before.keySet().containsAll(files);
  }

  /// Whether something changed since [#watch] or the last call that said so, or is to be read [#again].
  public boolean changed() {
    var now = new HashMap<Path, Stamp>();
    seen.keySet().forEach(file -> now.put(file, stamp(file)));
    if (now.equals(seen) && !unread) {
      return false;
    }
    seen = now;
    unread = false;
    return true;
  }

  /// What was read could not be used, be it for want of a file descriptor: the next [#changed] says true whatever the files are.
  public void again() {
    unread = true;
  }

  /// A file that is away for a moment, while being replaced, is a state like any other.
  private static Stamp stamp(Path file) {
    try {
      var is = Files.readAttributes(file, BasicFileAttributes.class);
      return new Stamp(is.lastModifiedTime(), is.size(), is.fileKey());
    } catch (IOException absent) {
      return new Stamp(FileTime.fromMillis(0), -1, null);
    }
  }
}
