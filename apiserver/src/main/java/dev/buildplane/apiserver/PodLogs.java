package dev.buildplane.apiserver;

import java.io.IOException;
import java.util.Optional;

/// Where the API server finds what the containers of a pod have written. Implemented by whoever runs
/// the pods.
public interface PodLogs {
  /// No pod ever has a log.
  PodLogs NONE = (_, _, _, _) -> Optional.empty();

  /// Opens the log of one container at its beginning. Called on a virtual thread; may block.
  ///
  /// @param follow whether [LogReader#next] waits for more until the container has ended
  /// @return the reader, owned by the caller; empty when this container has not written or run yet
  /// @throws IOException when the log is there but cannot be read
  Optional<LogReader> open(String namespace, String pod, String container, boolean follow)
      throws IOException;
}
