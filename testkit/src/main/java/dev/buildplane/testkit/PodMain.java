package dev.buildplane.testkit;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The pod's own process: its output is kept for `logs`, and goes to everybody who follows or is attached. Thread-safe.
final class PodMain implements AutoCloseable, PodProcess.Sink {
  private record Piece(int stream, byte[] bytes) {}

  private final List<Piece> log = new ArrayList<>();
  private final List<PodProcess.Sink> followers = new ArrayList<>();
  private final PodProcess process;
  private @Nullable Integer exitCode;

  private PodMain(List<String> command, Path folder) throws IOException {
    process = PodProcess.start(command, folder, true, this);
  }

  static PodMain start(List<String> command, Path folder) throws IOException {
    return new PodMain(command, folder);
  }

  /// Joins those who get what comes from now on.
  PodSession attach(PodProcess.Sink to) {
    add(to, false);
    return new PodSession() {
      @Override
      public void input(byte[] bytes, Runnable taken) {
        process.input(bytes, taken);
      }

      @Override
      public void endInput() {
        // Others may attach after this one: it stays open, as with `stdinOnce: false`.
      }

      @Override
      public void close() {
        leave(to);
      }
    };
  }

  /// Hands out what there is; then, when asked to follow, what comes until the process ends.
  void logs(PodProcess.Sink to, boolean follow) {
    if (follow) {
      add(to, true);
    } else {
      synchronized (this) {
        log.forEach(piece -> to.output(piece.stream(), piece.bytes()));
      }
      to.exited(0);
    }
  }

  private synchronized void add(PodProcess.Sink to, boolean fromTheStart) {
    if (fromTheStart) {
      log.forEach(piece -> to.output(piece.stream(), piece.bytes()));
    }
    if (exitCode == null) {
      followers.add(to);
    } else {
      to.exited(exitCode);
    }
  }

  synchronized void leave(PodProcess.Sink follower) {
    followers.remove(follower);
  }

  synchronized int followers() {
    return followers.size();
  }

  @Override
  public synchronized void output(int stream, byte[] bytes) {
    log.add(new Piece(stream, bytes));
    followers.forEach(follower -> follower.output(stream, bytes));
  }

  @Override
  public synchronized void exited(int code) {
    exitCode = code;
    followers.forEach(follower -> follower.exited(code));
    followers.clear();
  }

  @Override
  public void close() {
    process.close();
  }
}
