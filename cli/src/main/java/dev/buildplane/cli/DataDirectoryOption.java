package dev.buildplane.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// `--data-dir`, the same everywhere.
final class DataDirectoryOption {
  @Option(
      names = "--data-dir",
      paramLabel = "DIR",
      description =
          "Folder of the standalone installation (default: ~/.buildplane; environment: BUILDPLANE_DATA_DIR)")
  @Nullable
  Path folder;

  DataDirectory resolve(Path fallback) {
    if (folder != null) {
      return new DataDirectory(folder);
    }
    var fromEnvironment = System.getenv("BUILDPLANE_DATA_DIR");
    return new DataDirectory(
        fromEnvironment != null && !fromEnvironment.isBlank()
            ? Path.of(fromEnvironment)
            : fallback);
  }

  DataDirectory resolve() {
    return resolve(DataDirectory.ofUser().root());
  }
}
