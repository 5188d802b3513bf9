package dev.buildplane.bench;

import static java.util.Objects.requireNonNull;

import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Measures a standalone installation that it starts for itself, and prints Markdown tables. Arguments choose measurements
/// by name; none means all.
public final class Main {
  /// One measurement of a running installation.
  @FunctionalInterface
  interface Measurement {
    void print(Stand stand, PrintStream out) throws Exception;
  }

  private static final Map<String, Measurement> MEASUREMENTS = new LinkedHashMap<>();

  static {
    MEASUREMENTS.put("tunnel", TunnelBench::print);
    MEASUREMENTS.put("writes", WriteBench::print);
    MEASUREMENTS.put("runs", RunBench::print);
    MEASUREMENTS.put("memory", MemoryBench::print);
    MEASUREMENTS.put("start", StartBench::print);
  }

  private Main() {}

  public static void main(String[] names) throws Exception {
    var wanted = names.length == 0 ? List.copyOf(MEASUREMENTS.keySet()) : List.of(names);
    for (var name : wanted) {
      if (!MEASUREMENTS.containsKey(name)) {
        System.err.printf(
            "bench: expected measurements of %s, found '%s'%n", MEASUREMENTS.keySet(), name);
        System.exit(2);
      }
    }
    var folder = Files.createTempDirectory("buildplane-bench");
    var out = System.out;
    out.printf(
        "Measured on %s: %d processors, %s %s, Java %s.%n",
        LocalDate.now(java.time.ZoneId.systemDefault()),
        Runtime.getRuntime().availableProcessors(),
        System.getProperty("os.name"),
        System.getProperty("os.version"),
        Runtime.version());
    try (var stand = Stand.start(folder)) {
      for (var name : wanted) {
        requireNonNull(MEASUREMENTS.get(name)).print(stand, out);
        out.flush();
      }
    } finally {
      delete(folder);
    }
    System.exit(0); // clients leave threads behind
  }

  private static void delete(Path folder) throws Exception {
    try (var files = Files.walk(folder)) {
      for (var file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }
}
