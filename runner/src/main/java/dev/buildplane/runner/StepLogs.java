package dev.buildplane.runner;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// The logs of all steps: one file a container in the CRI format (`<time> <stream> <F|P> <text>`), readable while it grows and after a restart.
///
/// Safe for many threads; each reader is for one thread, but may be closed by another.
public final class StepLogs {
  private final Path directory;
  private final Map<Path, CriLog> live = new ConcurrentHashMap<>();

  StepLogs(Path directory) {
    this.directory = directory;
  }

  /// One line.
  ///
  /// @param time when the runner saw it
  /// @param text without the line end; bytes that are not UTF-8 are replaced
  public record Line(Instant time, String text) {}

  /// Opens a log at its beginning.
  ///
  /// @param follow whether [Reader#next] waits for more while the step is running
  /// @return empty when the container has not started
  /// @throws IOException when the log is there but cannot be read
  public Optional<Reader> open(String namespace, String pod, String container, boolean follow)
      throws IOException {
    var file = file(namespace, pod, container);
    try {
      return Optional.of(new Reader(file, follow));
    } catch (NoSuchFileException notStarted) {
      return Optional.empty();
    }
  }

  Path file(String namespace, String pod, String container) {
    return directory
        .resolve(Names.safe(namespace))
        .resolve(Names.safe(pod))
        .resolve(Names.safe(container) + ".log");
  }

  /// Opens a log for writing; the caller ends it.
  CriLog write(Path file, long maxBytes) throws IOException {
    var log = CriLog.open(file, maxBytes, () -> live.remove(file));
    live.put(file, log);
    return log;
  }

  /// A log of an earlier try makes room for that of the next one.
  void rotate(Path file) throws IOException {
    if (Files.exists(file)) {
      var name = String.valueOf(file.getFileName()).replaceFirst("\\.log$", ".previous.log");
      Files.move(file, file.resolveSibling(name), StandardCopyOption.REPLACE_EXISTING);
    }
  }

  void delete(String namespace, String pod) throws IOException {
    Trees.delete(directory.resolve(Names.safe(namespace)).resolve(Names.safe(pod)));
  }

  /// Reads one log line by line.
  public final class Reader implements AutoCloseable {
    private final Path file;
    private final boolean follow;
    private final InputStream input;
    private final ByteArrayOutputStream record = new ByteArrayOutputStream();
    private final ByteArrayOutputStream parts = new ByteArrayOutputStream();
    private volatile boolean closed;

    private Reader(Path file, boolean follow) throws IOException {
      this.file = file;
      this.follow = follow;
      this.input = new BufferedInputStream(Files.newInputStream(file), 1 << 15);
    }

    /// The next line; null at the end, which while following is the end of the step. Blocks while following.
    public @Nullable Line next() throws IOException, InterruptedException {
      while (!closed) {
        var log = live.get(file);
        // Read the length before the file: what is written later makes await return at once.
        long known = log == null ? -1 : log.length();
        var line = read();
        if (line != null) {
          return line;
        }
        if (!follow || log == null) {
          return log == null && live.containsKey(file) && follow ? next() : read();
        }
        if (!log.awaitBeyond(known, this::isClosed)) {
          return read();
        }
      }
      return null;
    }

    private boolean isClosed() {
      return closed;
    }

    private @Nullable Line read() throws IOException {
      for (int octet = input.read(); octet >= 0; octet = input.read()) {
        if (octet != '\n') {
          record.write(octet);
          continue;
        }
        var line = parse(record.toByteArray());
        record.reset();
        if (line != null) {
          return line;
        }
      }
      return null;
    }

    private @Nullable Line parse(byte[] line) {
      var head = CriLog.Head.of(line);
      if (head == null) {
        return null;
      }
      parts.write(line, head.textStart(), line.length - head.textStart());
      if (head.partial()) {
        return null;
      }
      var text = parts.toString(StandardCharsets.UTF_8);
      parts.reset();
      try {
        return new Line(Instant.parse(head.time()), text);
      } catch (DateTimeParseException foreign) {
        return new Line(
            Instant.EPOCH, text); // a line that is not ours; its text is still worth showing
      }
    }

    /// Ends a waiting [#next].
    @Override
    public void close() {
      closed = true;
      var log = live.get(file);
      if (log != null) {
        log.wake();
      }
      try {
        input.close();
      } catch (IOException e) {
        throw new UncheckedIOException("cannot close " + file, e);
      }
    }
  }
}
