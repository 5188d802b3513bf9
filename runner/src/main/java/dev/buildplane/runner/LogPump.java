package dev.buildplane.runner;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.InstantSource;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Moves the raw output of one step into its log, line by line, in the order it was written.
final class LogPump {
  private static final Logger LOG = LoggerFactory.getLogger(LogPump.class);

  /// A line longer than this is written in parts, in bytes (as container runtimes do).
  private static final int MAX_PART_BYTES = 16 * 1024;

  /// Once the log is full, raw output beyond this is thrown away, in bytes.
  private static final long MAX_RAW_BYTES_WHEN_FULL = 1 << 20;

  private final List<Stream> streams;
  private final CriLog log;
  private final InstantSource clock;
  private final Runnable onEnd;
  private final Semaphore wakes = new Semaphore(1);
  private final CountDownLatch finished = new CountDownLatch(1);
  private volatile boolean ending;

  LogPump(Path directory, CriLog log, InstantSource clock, Runnable onEnd) {
    this.streams = List.of(
        new Stream("stdout", directory.resolve("out"), log.consumed("stdout")),
        new Stream("stderr", directory.resolve("err"), log.consumed("stderr")));
    this.log = log;
    this.clock = clock;
    this.onEnd = onEnd;
  }

  void start() {
    Thread.ofVirtual().name("runner-log-pump").start(this::run);
  }

  void wake() {
    if (wakes.availablePermits() == 0) {
      wakes.release();
    }
  }

  /// The step has written its last byte: takes it over and closes the log. Returns when that is done.
  void end() throws InterruptedException {
    ending = true;
    wakes.release();
    finished.await();
  }

  private void run() {
    try (log) {
      while (!ending) {
        wakes.acquire();
        drain(false);
      }
      drain(true);
    } catch (IOException failed) {
      LOG.error(
          "the log of {} ends early: {}", streams.getFirst().file.getParent(), failed.toString());
    } catch (InterruptedException stop) {
      Thread.currentThread().interrupt();
    } finally {
      onEnd.run();
      finished.countDown();
    }
  }

  private void drain(boolean last) throws IOException {
    for (var stream : streams) {
      stream.drain(last);
    }
  }

  private final class Stream {
    private final String name;
    private final Path file;
    private long position;

    Stream(String name, Path file, long position) {
      this.name = name;
      this.file = file;
      this.position = position;
    }

    void drain(boolean last) throws IOException {
      if (!Files.exists(file)) {
        return;
      }
      try (var channel =
          FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
        var buffer = ByteBuffer.allocate(4 * MAX_PART_BYTES);
        while (channel.read(buffer.clear(), position) > 0) {
          int used = take(
              buffer.array(),
              buffer.position(),
              last && position + buffer.position() >= channel.size());
          position += used;
          if (used == 0) {
            break;
          }
        }
        // The step appends, so cutting the file is safe; nobody reads what the full log does not take.
        if (log.isFull() && channel.size() > MAX_RAW_BYTES_WHEN_FULL) {
          channel.truncate(0);
          position = 0;
        }
      }
    }

    /// Writes the whole lines of the buffer; what is left waits for its line end. Returns how many bytes were used.
    private int take(byte[] bytes, int count, boolean last) throws IOException {
      int start = 0;
      for (int i = 0; i < count; i++) {
        if (bytes[i] == '\n') {
          log.append(clock.instant(), name, false, bytes, start, i - start);
          start = i + 1;
        } else if (i - start + 1 >= MAX_PART_BYTES) {
          log.append(clock.instant(), name, true, bytes, start, i + 1 - start);
          start = i + 1;
        }
      }
      if (last && start < count) {
        log.append(clock.instant(), name, false, bytes, start, count - start);
        start = count;
      }
      return start;
    }
  }
}
