package dev.buildplane.bench;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;

/// Durable writes of the API server: each answered after its fsync.
final class WriteBench {
  private static final double WARM_UP_SECONDS = 2;
  private static final double SECONDS = 5;

  private WriteBench() {}

  static void print(Stand stand, PrintStream out) throws Exception {
    out.println("\n## Durable writes of the embedded API server\n");
    out.println(
        "Creating ConfigMaps of 1 KiB over mutual TLS, each answered when it is on disk.\n");
    out.println("| writers | writes/s |");
    out.println("|---|---|");
    var number = new AtomicInteger();
    try (var client = new LoadClient(new Endpoint(
        "127.0.0.1",
        stand.port("apiPort"),
        "",
        false,
        stand.trust("control-plane-ca"),
        Optional.of(stand.identity("admin"))))) {
      for (var writers : new int[] {1, 16, 64}) {
        var round = client.run(
            () -> create(number.incrementAndGet()),
            writers,
            WARM_UP_SECONDS,
            SECONDS,
            () -> {},
            () -> {});
        out.printf("| %d | %.0f |%n", writers, round.perSecond());
      }
    }
  }

  private static Request create(int number) {
    return Request.post(
        "/api/v1/namespaces/default/configmaps", "application/json", configMap("bench-" + number));
  }

  private static byte[] configMap(String name) {
    return ("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"" + name
            + "\"},\"data\":{\"text\":\"" + "x".repeat(1024) + "\"}}")
        .getBytes(StandardCharsets.UTF_8);
  }
}
