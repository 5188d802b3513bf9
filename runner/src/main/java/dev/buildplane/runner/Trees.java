package dev.buildplane.runner;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Files and directories: whole trees deleted, small files written at once.
final class Trees {
  private Trees() {}

  /// Deletes a directory with all it holds; symbolic links are deleted, not followed. Nothing there is fine.
  static void delete(Path root) throws IOException {
    if (!Files.isDirectory(root, LinkOption.NOFOLLOW_LINKS)) {
      Files.deleteIfExists(root);
      return;
    }
    Files.walkFileTree(root, new SimpleFileVisitor<>() {
      @Override
      public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
        // Steps make read-only directories (Go's module cache does); their content could not be deleted otherwise.
        directory.toFile().setWritable(true, true);
        return FileVisitResult.CONTINUE;
      }

      @Override
      public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
          throws IOException {
        Files.deleteIfExists(file);
        return FileVisitResult.CONTINUE;
      }

      @Override
      public FileVisitResult visitFileFailed(Path file, IOException failure) throws IOException {
        // A directory that may not be listed, for example overlayfs' own work directory.
        var directory = file.toFile();
        if (!directory.isDirectory() || directory.canRead() || !directory.setReadable(true, true)) {
          throw failure;
        }
        directory.setExecutable(true, true);
        delete(file);
        return FileVisitResult.CONTINUE;
      }

      @Override
      public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failure)
          throws IOException {
        if (failure != null) {
          throw failure;
        }
        Files.deleteIfExists(directory);
        return FileVisitResult.CONTINUE;
      }
    });
  }

  /// Writes a file so that a reader sees either nothing or all of it.
  static void writeAtOnce(Path file, String content) throws IOException {
    var scratch = file.resolveSibling(file.getFileName() + ".new");
    Files.writeString(scratch, content);
    Files.move(scratch, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  static Optional<String> read(Path file) throws IOException {
    try {
      return Optional.of(new String(Files.readAllBytes(file), StandardCharsets.UTF_8));
    } catch (NoSuchFileException absent) {
      return Optional.empty();
    }
  }
}
