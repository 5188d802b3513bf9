package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A sink for audit lines: a file of JSON lines, readable by its owner. When it is full it becomes `FILE.1`, that `FILE.2`, and so on; the
/// last is dropped. Safe for use by several threads.
///
/// A line is with the operating system when [#write] has counted it: it survives the process, not the machine.
public final class AuditFile implements AuditSink, AutoCloseable {
  /// A file is turned over before it would grow beyond this.
  public static final long MAX_BYTES = 100L << 20;

  /// Files kept: the one written and those before it.
  public static final int MAX_FILES = 5;

  /// Of a line, about.
  private static final int LINE_BYTES = 1024;

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
    var opened = Files.newOutputStream(file, StandardOpenOption.APPEND);
    out = opened;
    return opened;
  }

  /// Appends lines: at once, as many as the file has room for.
  ///
  /// @throws UncheckedIOException when none can be written, and then nothing of them stays in the file; the next call tries anew
  @Override
  public synchronized int write(List<String> lines) {
    int count = 0;
    try {
      while (count < lines.size()) {
        count += append(lines.subList(count, lines.size()));
      }
    } catch (IOException e) {
      closeQuietly(e);
      if (count == 0) {
        throw new UncheckedIOException("cannot write the audit log " + file, e);
      }
    }
    return count;
  }

  /// As many as go into one file, one of them at least; tells how many.
  private int append(List<String> lines) throws IOException {
    var to = out == null ? open() : out;
    var together = new ByteArrayOutputStream(lines.size() * LINE_BYTES);
    int count = 0;
    for (var line : lines) {
      var bytes = (line + "\n").getBytes(UTF_8);
      long before = written + together.size();
      if (before > 0 && before + bytes.length > maxBytes) {
        break;
      }
      together.writeBytes(bytes);
      count++;
    }
    if (count == 0) {
      close();
      turnOver();
      return append(lines);
    }
    torn = true;
    together.writeTo(to);
    torn = false;
    written += together.size();
    return count;
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
