package dev.buildplane.bench;

import java.io.PrintStream;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;

/// Durable writes of the API server: each answered after its fsync.
final class WriteBench {
  private static final double SECONDS = 5;

  private WriteBench() {}

  static void print(Stand stand, PrintStream out) throws Exception {
    out.println("\n## Durable writes of the embedded API server\n");
    out.println(
        "Creating ConfigMaps of 1 KiB over mutual TLS, each answered when it is on disk.\n");
    out.println("| writers | writes/s |");
    out.println("|---|---|");
    for (var writers : new int[] {1, 16, 64}) {
      out.printf("| %d | %.0f |%n", writers, rate(stand, writers));
    }
  }

  private static double rate(Stand stand, int writers) throws Exception {
    var client = new LoadClient(
        stand.trust("control-plane-ca"), stand.identity("admin"), stand.port("apiPort"));
    var number = new AtomicInteger();
    try (var threads = Executors.newFixedThreadPool(writers)) {
      var begun = System.nanoTime();
      var warm = begun + 2_000_000_000L;
      var end = warm + (long) (SECONDS * 1e9);
      Callable<Integer> writer = () -> {
        var written = 0;
        try (var connection = client.new Connection()) {
          for (var now = System.nanoTime(); now < end; now = System.nanoTime()) {
            var name = "bench-" + writers + "-" + number.incrementAndGet();
            connection.exchange(
                LoadClient.post("/api/v1/namespaces/default/configmaps", configMap(name)));
            written += now >= warm ? 1 : 0;
          }
        }
        return written;
      };
      var all =
          IntStream.range(0, writers).mapToObj(_ -> threads.submit(writer)).toList();
      var total = 0;
      for (var part : all) {
        total += part.get();
      }
      return total / SECONDS;
    }
  }

  private static String configMap(String name) {
    return "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"" + name
        + "\"},\"data\":{\"text\":\"" + "x".repeat(1024) + "\"}}";
  }
}
