package dev.buildplane.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;

/// A real process in the place of a container's: what it writes is handed out as it comes, what it reads is queued in order.
///
/// Reading its output waits until the sink has taken the piece before, so a slow sink slows the process. Input is written on a
/// thread of its own; whoever feeds it waits for `taken` before giving more.
final class PodProcess implements AutoCloseable {
  static final int STDOUT = 1;
  static final int STDERR = 2;

  private static final int PIECE_BYTES = 16 * 1024;

  /// Where output goes; called on threads of the process, one per stream.
  interface Sink {
    void output(int stream, byte[] bytes);

    /// Everything has been handed out; called last.
    void exited(int code);
  }

  private final Process process;
  private volatile boolean readsNoMore;
  private final ExecutorService input =
      Executors.newSingleThreadExecutor(Thread.ofVirtual().name("pod-stdin").factory());

  private PodProcess(Process process) {
    this.process = process;
  }

  static PodProcess start(List<String> command, Path folder, boolean withInput, Sink sink)
      throws IOException {
    var started =
        new PodProcess(new ProcessBuilder(command).directory(folder.toFile()).start());
    if (!withInput) {
      started.endInput();
    }
    started.follow(sink);
    return started;
  }

  private void follow(Sink sink) {
    var out = Thread.ofVirtual().start(() -> pump(process.getInputStream(), STDOUT, sink));
    var err = Thread.ofVirtual().start(() -> pump(process.getErrorStream(), STDERR, sink));
    Thread.ofVirtual().start(() -> {
      try {
        out.join();
        err.join();
        sink.exited(process.waitFor());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } finally {
        input.shutdown();
      }
    });
  }

  private static void pump(InputStream from, int stream, Sink sink) {
    var piece = new byte[PIECE_BYTES];
    try {
      for (int got = from.read(piece); got >= 0; got = from.read(piece)) {
        sink.output(stream, java.util.Arrays.copyOf(piece, got));
      }
    } catch (IOException e) {
      sink.output(STDERR, ("output broke off: " + e.getMessage() + "\n").getBytes(UTF_8));
    }
  }

  /// Queues input; `taken` runs when the process has it, or will never take it.
  void input(byte[] bytes, Runnable taken) {
    queue(
        () -> {
          try {
            process.getOutputStream().write(bytes);
            process.getOutputStream().flush();
          } catch (IOException closed) {
            readsNoMore = true; // as `head` after its lines
          } finally {
            taken.run();
          }
        },
        taken);
  }

  /// A process that has ended, or reads no more, takes nothing; that is no failure.
  private void queue(Runnable writing, Runnable taken) {
    try {
      if (readsNoMore) {
        taken.run();
      } else {
        input.execute(writing);
      }
    } catch (RejectedExecutionException ended) {
      taken.run();
    }
  }

  /// Ends its input after what is queued.
  void endInput() {
    queue(
        () -> {
          try {
            process.getOutputStream().close();
          } catch (IOException gone) {
            readsNoMore = true;
          }
        },
        () -> {});
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /// Kills it and its children.
  @Override
  public void close() {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
  }
}
