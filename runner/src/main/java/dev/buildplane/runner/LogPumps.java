package dev.buildplane.runner;

import java.io.IOException;
import java.nio.file.ClosedWatchServiceException;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.time.InstantSource;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// Moves what steps write into their logs, woken by the file system. One thread listens; each pump has a virtual thread of its own.
final class LogPumps implements AutoCloseable {
  private static final Path PID = Path.of("pid");

  private final WatchService watches;
  private final InstantSource clock;
  private final Map<WatchKey, Followed> pumps = new ConcurrentHashMap<>();
  private final Thread listener;

  private record Followed(LogPump pump, Runnable onStarted) {}

  LogPumps(InstantSource clock) throws IOException {
    this.clock = clock;
    this.watches = FileSystems.getDefault().newWatchService();
    this.listener = Thread.ofPlatform().name("runner-log-listener").daemon().start(this::listen);
  }

  /// Follows the raw output in `directory` until the pump is ended.
  ///
  /// @param onStarted runs (quickly) when the launcher has recorded its process
  LogPump start(Path directory, CriLog log, Runnable onStarted) throws IOException {
    var key = directory.register(
        watches, StandardWatchEventKinds.ENTRY_CREATE, StandardWatchEventKinds.ENTRY_MODIFY);
    var pump = new LogPump(directory, log, clock, () -> {
      key.cancel();
      pumps.remove(key);
    });
    pumps.put(key, new Followed(pump, onStarted));
    pump.start();
    return pump;
  }

  private void listen() {
    try {
      while (true) {
        var key = watches.take();
        var started = key.pollEvents().stream().anyMatch(event -> PID.equals(event.context()));
        key.reset();
        var followed = pumps.get(key);
        if (followed != null) {
          followed.pump.wake();
          if (started) {
            followed.onStarted.run();
          }
        }
      }
    } catch (InterruptedException | ClosedWatchServiceException stop) {
      Thread.currentThread().interrupt(); // closed: the thread ends here
    }
  }

  @Override
  public void close() throws IOException {
    watches.close();
    listener.interrupt();
  }
}
