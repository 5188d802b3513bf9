package dev.buildplane.bench;

import java.io.PrintStream;
import java.util.Arrays;
import java.util.List;

/// How long a user waits: for a command, and for an installation whose plane is Ready.
final class StartBench {
  private static final int ROUNDS = 5;

  private StartBench() {}

  static void print(Stand stand, PrintStream out) throws Exception {
    var version = new double[ROUNDS];
    var list = new double[ROUNDS];
    for (var i = 0; i < ROUNDS; i++) {
      version[i] = seconds(() -> stand.buildplane(List.of("status")));
      list[i] = seconds(() -> stand.buildplane(List.of("plane", "list")));
    }
    var ready = new double[ROUNDS];
    for (var i = 0; i < ROUNDS; i++) {
      stand.down();
      ready[i] = seconds(stand::up);
    }
    out.println("\n## Start-up\n");
    out.println("| what | median, s | min | max |");
    out.println("|---|---|---|---|");
    row(out, "`buildplane status`", version);
    row(out, "`buildplane plane list`", list);
    row(out, "`buildplane up --detach` until the plane is Ready", ready);
  }

  /// Something to be timed.
  @FunctionalInterface
  private interface Work {
    void run() throws Exception;
  }

  private static double seconds(Work work) throws Exception {
    var begun = System.nanoTime();
    work.run();
    return (System.nanoTime() - begun) / 1e9;
  }

  private static void row(PrintStream out, String what, double[] seconds) {
    Arrays.sort(seconds);
    out.printf(
        "| %s | %.2f | %.2f | %.2f |%n",
        what, seconds[ROUNDS / 2], seconds[0], seconds[ROUNDS - 1]);
  }
}
