package dev.buildplane.http;

import java.time.Duration;
import java.util.function.LongSupplier;
import org.slf4j.Logger;

/// Lines of a log that strangers cause, who can do so in any number: [#LINES] in each [#WINDOW] are written, and with the first of the next
/// window how many were not. Thread-safe.
public final class LogBudget {
  public static final int LINES = 60;
  public static final Duration WINDOW = Duration.ofMinutes(1);

  private final Logger log;
  private final LongSupplier nanoTime;

  // guarded by this
  private long windowBegan;
  private int written;
  private long untold;

  /// @param log where they are written, at INFO
  public LogBudget(Logger log) {
    this(log, System::nanoTime);
  }

  LogBudget(Logger log, LongSupplier nanoTime) {
    this.log = log;
    this.nanoTime = nanoTime;
    this.windowBegan = nanoTime.getAsLong();
  }

  /// Writes one, or counts it.
  ///
  /// @param format and what goes into it, as SLF4J has them
  public void info(String format, Object... arguments) {
    long leftOut = 0;
    synchronized (this) {
      long now = nanoTime.getAsLong();
      if (now - windowBegan >= WINDOW.toNanos()) {
        windowBegan = now;
        written = 0;
        leftOut = untold;
        untold = 0;
      }
      if (written == LINES) {
        untold++;
        return;
      }
      written++;
    }
    if (leftOut > 0) {
      log.info(
          "{} lines like the next were left out, as there were over {} within {} s",
          leftOut,
          LINES,
          WINDOW.toSeconds());
    }
    log.info(format, arguments);
  }
}
