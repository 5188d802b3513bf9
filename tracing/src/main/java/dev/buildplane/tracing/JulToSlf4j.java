package dev.buildplane.tracing;

import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import org.slf4j.LoggerFactory;

/// OpenTelemetry writes to `java.util.logging`; this takes it to where everything else is written.
final class JulToSlf4j extends Handler {
  /// Held here, or it would be collected and forget its handler.
  private static final Logger SOURCE = Logger.getLogger("io.opentelemetry");

  private static final JulToSlf4j TARGET = new JulToSlf4j();

  private final SimpleFormatter words = new SimpleFormatter();

  /// As often as one likes.
  static void install() {
    SOURCE.removeHandler(TARGET);
    SOURCE.addHandler(TARGET);
    SOURCE.setUseParentHandlers(false);
  }

  /// Of failures the kind alone: an exporter that cannot send says so again and again, and its stack is never ours.
  @Override
  public void publish(LogRecord entry) {
    var log = LoggerFactory.getLogger(String.valueOf(entry.getLoggerName()));
    var cause = entry.getThrown() == null ? "" : ": " + entry.getThrown();
    var text = words.formatMessage(entry) + cause;
    if (entry.getLevel().intValue() >= Level.WARNING.intValue()) {
      log.warn("{}", text);
    } else {
      log.debug("{}", text);
    }
  }

  @Override
  public void flush() {}

  @Override
  public void close() {}
}
