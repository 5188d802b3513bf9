package dev.buildplane.apiserver;

import static java.util.Objects.requireNonNull;

import java.time.Instant;

/// One line of a container's output.
///
/// @param time when it was written
/// @param text without the line end
public record LogLine(Instant time, String text) {
  public LogLine {
    requireNonNull(time, "time");
    requireNonNull(text, "text");
  }
}
