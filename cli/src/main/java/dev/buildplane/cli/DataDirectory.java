package dev.buildplane.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/// Where one standalone installation keeps everything: certificates, both stores, logs, volumes, the kubeconfig. Copying
/// it while nothing runs copies the installation. Readable by its owner only, since it holds keys.
record DataDirectory(Path root) {
  DataDirectory {
    root = root.toAbsolutePath().normalize();
  }

  /// `.buildplane` under the user's home.
  static DataDirectory ofUser() {
    return new DataDirectory(Path.of(System.getProperty("user.home"), ".buildplane"));
  }

  void create() {
    try {
      for (var folder : new Path[] {root, pki(), run(), logs(), controlPlane(), buildPlane()}) {
        if (!Files.isDirectory(folder)) {
          Files.createDirectories(folder);
          restrict(folder);
        }
      }
    } catch (IOException cannot) {
      throw new CliProblem(
          "expected a folder that can be written for --data-dir, found %s (%s); choose another with --data-dir"
              .formatted(root, cannot.getMessage()),
          cannot);
    }
  }

  /// Makes a folder its owner's alone, where the file system can.
  static void restrict(Path folder) throws IOException {
    if (folder.getFileSystem().supportedFileAttributeViews().contains("posix")) {
      Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx------"));
    }
  }

  Path pki() {
    return root.resolve("pki");
  }

  Path kubeconfig() {
    return root.resolve("kubeconfig");
  }

  Path run() {
    return root.resolve("run");
  }

  Path logs() {
    return root.resolve("logs");
  }

  Path controlPlane() {
    return root.resolve("control-plane");
  }

  Path buildPlane() {
    return root.resolve("build-plane");
  }

  /// Git repositories that builds on this installation may check out by `file:` URLs.
  Path repositories() {
    return root.resolve("repositories");
  }

  Path installation() {
    return run().resolve("installation.json");
  }

  Path lock() {
    return run().resolve("lock");
  }

  /// Writes by way of a temporary file and a rename, so that a reader never sees half of it.
  static void writeAtomically(Path file, String text) {
    try {
      var temporary =
          file.resolveSibling(file.getFileName() + "." + ProcessHandle.current().pid() + ".tmp");
      Files.writeString(temporary, text);
      Files.move(
          temporary,
          file,
          java.nio.file.StandardCopyOption.ATOMIC_MOVE,
          java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException cannot) {
      throw new UncheckedIOException("cannot write " + file, cannot);
    }
  }

  /// As [#writeAtomically], readable by the owner only from the first byte on.
  static void writeSecret(Path file, String text) {
    try {
      var temporary = Files.createTempFile(file.getParent(), "." + file.getFileName(), ".tmp");
      Files.writeString(temporary, text);
      Files.move(
          temporary,
          file,
          java.nio.file.StandardCopyOption.ATOMIC_MOVE,
          java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException cannot) {
      throw new UncheckedIOException("cannot write " + file, cannot);
    }
  }
}
