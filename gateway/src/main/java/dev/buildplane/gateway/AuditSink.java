package dev.buildplane.gateway;

import java.util.List;
import java.util.function.Consumer;

/// Where audit lines go. Called on a thread of the audit log's own, never by two at a time.
@FunctionalInterface
public interface AuditSink {
  /// Takes lines, each a JSON object without an end of line, in order.
  ///
  /// @return how many of them, from the first, are out; the rest is offered again
  /// @throws RuntimeException none of them is out; they are offered again after a pause
  int write(List<String> lines);

  /// Hands every line to `taker`, which must not fail.
  static AuditSink each(Consumer<String> taker) {
    return lines -> {
      lines.forEach(taker);
      return lines.size();
    };
  }
}
