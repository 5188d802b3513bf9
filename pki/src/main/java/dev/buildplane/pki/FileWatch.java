package dev.buildplane.pki;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/// Notices that any of some files has changed, by modification time and size, following symbolic links: Kubernetes swaps
/// mounted Secrets by a link, which file-system events of the file itself would miss. Not thread-safe.
public final class FileWatch {
  private record Stamp(FileTime modified, long bytes) {}

  private Map<Path, Stamp> seen = Map.of();

  /// Watches these from now on, as they are now.
  public void watch(Set<Path> files) {
    seen = stamps(files);
  }

  /// Whether something changed since [#watch] or the last call that said so.
  public boolean changed() {
    var now = stamps(seen.keySet());
    if (now.equals(seen)) {
      return false;
    }
    seen = now;
    return true;
  }

  private static Map<Path, Stamp> stamps(Set<Path> files) {
    var stamps = new HashMap<Path, Stamp>();
    for (var file : files) {
      stamps.put(file, stamp(file));
    }
    return stamps;
  }

  /// A file that is away for a moment, while being replaced, is a state like any other.
  private static Stamp stamp(Path file) {
    try {
      return new Stamp(Files.getLastModifiedTime(file), Files.size(file));
    } catch (IOException absent) {
      return new Stamp(FileTime.fromMillis(0), -1);
    }
  }
}
