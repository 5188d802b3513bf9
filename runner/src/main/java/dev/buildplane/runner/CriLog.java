package dev.buildplane.runner;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/// One growing log file in the CRI format. One writer; any number of readers wait for it to grow.
final class CriLog implements AutoCloseable {
  private final FileChannel channel;
  private final long maxBytes;
  private final Runnable onEnd;
  private final Map<String, Long> consumed = new HashMap<>();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition grown = lock.newCondition();

  // Guarded by lock.
  private long length;
  private boolean full;
  private boolean ended;

  private CriLog(FileChannel channel, long maxBytes, Runnable onEnd) {
    this.channel = channel;
    this.maxBytes = maxBytes;
    this.onEnd = onEnd;
  }

  /// Opens a log to append to, dropping a last line that was cut short by a crash.
  static CriLog open(Path file, long maxBytes, Runnable onEnd) throws IOException {
    Files.createDirectories(file.toAbsolutePath().getParent());
    var channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    var log = new CriLog(channel, maxBytes, onEnd);
    log.recover(file);
    channel.truncate(log.length);
    channel.position(log.length);
    log.full = log.length >= maxBytes;
    return log;
  }

  private void recover(Path file) throws IOException {
    try (var input = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
      var line = new ByteArrayOutputStream();
      for (int octet = input.read(); octet >= 0; octet = input.read()) {
        if (octet != '\n') {
          line.write(octet);
          continue;
        }
        var bytes = line.toByteArray();
        var head = Head.of(bytes);
        if (head != null) {
          consumed.merge(
              head.stream(),
              (long) bytes.length - head.textStart() + (head.partial() ? 0 : 1),
              Long::sum);
        }
        length += bytes.length + 1L;
        line.reset();
      }
    }
  }

  /// How many bytes of the raw stream earlier runs have already put into this log.
  long consumed(String stream) {
    return consumed.getOrDefault(stream, 0L);
  }

  /// Appends one line, or a part of one. Beyond the bound nothing more is kept, and a last line says so.
  void append(Instant time, String stream, boolean partial, byte[] text, int offset, int count)
      throws IOException {
    lock.lock();
    try {
      if (full || ended) {
        return;
      }
      write(time, stream, partial, ByteBuffer.wrap(text, offset, count));
      if (length >= maxBytes) {
        full = true;
        var notice = "[log cut here: it has reached the bound of " + maxBytes + " bytes]";
        write(time, "stderr", false, ByteBuffer.wrap(notice.getBytes(StandardCharsets.UTF_8)));
      }
      grown.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void write(Instant time, String stream, boolean partial, ByteBuffer text)
      throws IOException {
    var head =
        (time + " " + stream + (partial ? " P " : " F ")).getBytes(StandardCharsets.US_ASCII);
    var buffers =
        new ByteBuffer[] {ByteBuffer.wrap(head), text, ByteBuffer.wrap(new byte[] {'\n'})};
    long size = head.length + text.remaining() + 1L;
    for (long written = 0; written < size; ) {
      written += channel.write(buffers);
    }
    length += size;
  }

  boolean isFull() {
    lock.lock();
    try {
      return full;
    } finally {
      lock.unlock();
    }
  }

  long length() {
    lock.lock();
    try {
      return length;
    } finally {
      lock.unlock();
    }
  }

  /// Waits until the log is longer than `known`.
  ///
  /// @return false when it has ended or `closed` holds and it will not grow
  boolean awaitBeyond(long known, BooleanSupplier closed) throws InterruptedException {
    lock.lock();
    try {
      while (length <= known && !ended && !closed.getAsBoolean()) {
        grown.await();
      }
      return length > known;
    } finally {
      lock.unlock();
    }
  }

  /// Makes waiting readers look again.
  void wake() {
    lock.lock();
    try {
      grown.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() throws IOException {
    onEnd.run();
    lock.lock();
    try {
      ended = true;
      grown.signalAll();
    } finally {
      lock.unlock();
    }
    channel.close();
  }

  /// The fields before the text.
  record Head(String time, String stream, boolean partial, int textStart) {
    static @Nullable Head of(byte[] line) {
      int first = indexOfSpace(line, 0);
      int second = first < 0 ? -1 : indexOfSpace(line, first + 1);
      int third = second < 0 ? -1 : indexOfSpace(line, second + 1);
      if (third < 0) {
        return null;
      }
      return new Head(
          new String(line, 0, first, StandardCharsets.US_ASCII),
          new String(line, first + 1, second - first - 1, StandardCharsets.US_ASCII),
          line[second + 1] == 'P',
          third + 1);
    }

    private static int indexOfSpace(byte[] line, int from) {
      for (int i = from; i < line.length; i++) {
        if (line[i] == ' ') {
          return i;
        }
      }
      return -1;
    }
  }
}
