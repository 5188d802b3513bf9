package dev.buildplane.bench;

import static java.util.Objects.requireNonNull;

import java.io.PrintStream;
import java.time.LocalDate;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine;

/// Measures and prints Markdown tables. Some measurements are of a standalone installation that is started for them; they
/// are chosen by name, and none means all of them. Others are commands of their own, with options.
public final class Main {
  /// One measurement of a running installation.
  @FunctionalInterface
  interface Measurement {
    void print(Stand stand, PrintStream out) throws Exception;
  }

  private static final Map<String, Measurement> MEASUREMENTS = new LinkedHashMap<>();

  static {
    MEASUREMENTS.put("writes", WriteBench::print);
    MEASUREMENTS.put("runs", RunBench::print);
    MEASUREMENTS.put("memory", MemoryBench::print);
    MEASUREMENTS.put("start", StartBench::print);
  }

  private static final Map<String, Callable<Integer>> COMMANDS = Map.of(
      "peers", new PeersBench(),
      "scale", new ScaleBench(),
      "wan", new WanBench(),
      "bodies", new BodiesBench(),
      "replicas", new ReplicasBench());

  private Main() {}

  public static void main(String[] arguments) throws Exception {
    // Clients leave threads behind.
    System.exit(run(arguments));
  }

  private static int run(String[] arguments) throws Exception {
    var command = arguments.length == 0 ? null : COMMANDS.get(arguments[0]);
    if (command != null) {
      return new CommandLine(command).execute(Arrays.copyOfRange(arguments, 1, arguments.length));
    }
    var wanted = arguments.length == 0 ? List.copyOf(MEASUREMENTS.keySet()) : List.of(arguments);
    for (var name : wanted) {
      if (!MEASUREMENTS.containsKey(name)) {
        System.err.printf(
            "bench: expected one of the commands %s or measurements of %s, found '%s'%n",
            COMMANDS.keySet(), MEASUREMENTS.keySet(), name);
        return 2;
      }
    }
    printWhereAndWhen(System.out);
    try (var folder = new Workplace();
        var stand = Stand.start(folder.path())) {
      for (var name : wanted) {
        requireNonNull(MEASUREMENTS.get(name)).print(stand, System.out);
        System.out.flush();
      }
    }
    return 0;
  }

  static void printWhereAndWhen(PrintStream out) {
    out.printf(
        "Measured on %s: %d processors, %s %s, Java %s.%n",
        LocalDate.now(java.time.ZoneId.systemDefault()),
        Runtime.getRuntime().availableProcessors(),
        System.getProperty("os.name"),
        System.getProperty("os.version"),
        Runtime.version());
  }
}
