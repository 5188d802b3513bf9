package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// A sink for audit lines: a file of JSON lines, readable by its owner. When it is full it becomes `FILE.1`, that `FILE.2`, and so on; the
/// last is dropped. Safe for use by several threads.
///
/// A line is with the operating system when [#accept] returns: it survives the process, not the machine.
public final class AuditFile implements Consumer<String>, AutoCloseable {
  /// A file is turned over before it would grow beyond this.
  public static final long MAX_BYTES = 100L << 20;

  /// Files kept: the one written and those before it.
  public static final int MAX_FILES = 5;

  private final Path file;
  private final long maxBytes;
  private @Nullable OutputStream out; // guarded by this, as are the next two
  private long written;

  /// A part of a line may stand behind what was `written`.
  private boolean torn;

  /// Appends to what is there.
  ///
  /// @throws IOException when the file cannot be written
  public AuditFile(Path file) throws IOException {
    this(file, MAX_BYTES);
  }

  AuditFile(Path file, long maxBytes) throws IOException {
    this.file = file.toAbsolutePath();
    this.maxBytes = maxBytes;
    open();
  }

  private OutputStream open() throws IOException {
    if (!Files.exists(file)) {
      Files.createFile(file);
      if (file.getFileSystem().supportedFileAttributeViews().contains("posix")) {
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
      }
    }
    if (torn && Files.size(file) > written) {
      try (var cut = FileChannel.open(file, StandardOpenOption.WRITE)) {
        cut.truncate(written);
      }
    }
    torn = false;
    written = Files.size(file);
    var opened = new BufferedOutputStream(Files.newOutputStream(file, StandardOpenOption.APPEND));
    out = opened;
    return opened;
  }

  /// Appends a line.
  ///
  /// @throws UncheckedIOException when it cannot be written, and then nothing of it stays in the file; the next line tries anew
  @Override
  public synchronized void accept(String line) {
    var bytes = (line + "\n").getBytes(UTF_8);
    try {
      var to = out == null ? open() : out;
      if (written > 0 && written + bytes.length > maxBytes) {
        close();
        turnOver();
        to = open();
      }
      torn = true;
      to.write(bytes);
      to.flush();
      torn = false;
      written += bytes.length;
    } catch (IOException e) {
      closeQuietly(e);
      throw new UncheckedIOException("cannot write the audit log " + file, e);
    }
  }

  private void turnOver() throws IOException {
    for (int age = MAX_FILES - 1; age > 0; age--) {
      var from = age == 1 ? file : aged(age - 1);
      if (Files.exists(from)) {
        Files.move(from, aged(age), StandardCopyOption.REPLACE_EXISTING);
      }
    }
  }

  private Path aged(int age) {
    return file.resolveSibling(file.getFileName() + "." + age);
  }

  private void closeQuietly(IOException because) {
    try {
      close();
    } catch (IOException e) {
      because.addSuppressed(e);
    }
  }

  @Override
  public synchronized void close() throws IOException {
    var open = out;
    out = null;
    if (open != null) {
      open.close();
    }
  }
}
