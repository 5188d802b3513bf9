package dev.buildplane.cli;

import java.util.ArrayDeque;
import java.util.Deque;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What a role consists of; closed in the reverse order of starting, each whatever became of the others.
final class Parts implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Parts.class);

  private final Deque<AutoCloseable> started = new ArrayDeque<>();

  <T extends AutoCloseable> T add(T part) {
    started.push(part);
    return part;
  }

  @Override
  public void close() {
    while (!started.isEmpty()) {
      var part = started.pop();
      try {
        part.close();
      } catch (Exception failed) {
        LOG.warn("stopping {} failed", part.getClass().getSimpleName(), failed);
      }
    }
  }
}
