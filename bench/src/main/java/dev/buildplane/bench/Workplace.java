package dev.buildplane.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;

/// A temporary folder, removed at the end.
record Workplace(Path path) implements AutoCloseable {
  Workplace() throws IOException {
    this(Files.createTempDirectory("buildplane-bench"));
  }

  @Override
  public void close() throws IOException {
    try (var files = Files.walk(path)) {
      for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }
}
