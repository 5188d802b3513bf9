package dev.buildplane.apiserver;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// Reads one container's log, line by line. Used by one thread; another may close it, which ends a
/// waiting [#next].
public interface LogReader extends AutoCloseable {
  /// The next line; null at the end, which while following is the end of the container.
  @Nullable
  LogLine next() throws IOException, InterruptedException;

  /// Must not block.
  @Override
  void close();
}
