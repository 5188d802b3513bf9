package dev.buildplane.bench;

import dev.buildplane.testkit.DelayingRelay;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `bench/run wan`: the tunnel over a long link beside a plain TLS connection over the same link.
@Command(
    name = "wan",
    sortOptions = false,
    description = "A long link between agent and gateway, beside plain TLS over such a link.")
final class WanBench implements Callable<Integer> {
  private static final String PLANE = "far";
  private static final double MIB = 1 << 20;
  private static final long BLOCK_BYTES = 64 * 1024;

  @Option(
      names = "--round-trip-ms",
      paramLabel = "MS",
      defaultValue = "50",
      description = "Delay of the link, there and back (default: ${DEFAULT-VALUE})")
  int roundTripMillis;

  @Option(
      names = "--mbit",
      paramLabel = "N",
      defaultValue = "1000",
      description =
          "What the link carries, in Mbit/s each way and connection (default: ${DEFAULT-VALUE})")
  int megabits;

  @Option(
      names = "--mib",
      paramLabel = "N",
      defaultValue = "96",
      description = "Size of a transfer, shared by its streams (default: ${DEFAULT-VALUE})")
  int mebibytes;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "3",
      description = "Rounds, the rows in turn (default: ${DEFAULT-VALUE})")
  int rounds;

  private final PrintStream out = System.out;

  /// A row.
  private record Way(String name, LoadClient client) {}

  @Override
  public Integer call() throws Exception {
    Main.printWhereAndWhen(out);
    var oneWay = Duration.ofMillis(roundTripMillis).dividedBy(2);
    var bytesPerSecond = megabits * 1_000_000L / 8;
    try (var workplace = new Workplace()) {
      var folder = workplace.path();
      var certificates = Certificates.create(folder.resolve("pki"));
      try (var target = Child.part("target", folder, List.of("-Xmx128m"), "target", certificates);
          var hub = Child.part(
              "hub",
              folder,
              List.of("-Xmx512m"),
              "hub",
              certificates,
              folder.resolve("hub").toString());
          var gateway = Child.part(
              "gateway",
              folder,
              List.of("-Xmx512m", "-XX:MaxDirectMemorySize=192m"),
              "gateway",
              certificates,
              Integer.toString(hub.port("api")));
          var plainLink = DelayingRelay.start(oneWay, bytesPerSecond, target.port("target"));
          var tunnelLink = DelayingRelay.start(oneWay, bytesPerSecond, gateway.port("agents"))) {
        Planes.create(certificates, hub.port("api"), PLANE);
        try (var agent = agent(folder, certificates, tunnelLink.port(), target.port("target"));
            var plain = new LoadClient(new Endpoint(
                "127.0.0.1",
                plainLink.port(),
                "",
                false,
                certificates.trust("server-ca"),
                Optional.empty()));
            var tunnel = new LoadClient(AgentProcess.endpoint(
                certificates, "127.0.0.1", gateway.port("callers"), PLANE, false))) {
          AgentProcess.awaitAnswer(tunnel, agent);
          print(List.of(new Way("plain TLS", plain), new Way("tunnel", tunnel)));
        }
      }
    }
    return 0;
  }

  private static Child agent(Path folder, Certificates certificates, int gateway, int target)
      throws Exception {
    return AgentProcess.start(
        "agent",
        folder,
        certificates,
        List.of(),
        List.of(AgentProcess.JVM.split(" ")),
        "127.0.0.1:" + gateway,
        PLANE,
        "127.0.0.1:" + target,
        List.of());
  }

  private void print(List<Way> ways) throws Exception {
    out.printf(
        "%n## A link of %d ms round trip and %d Mbit/s%n%nMade by a relay in user space that delays every byte; TCP itself does not see the delay. In the row of the tunnel the link lies between agent and gateway, in that of plain TLS between client and target. Medians of %d rounds.%n",
        roundTripMillis, megabits, rounds);
    out.printf(
        "%n| | GET of 1 KiB, p50 ms | 64 callers, requests/s | download, MiB/s: 1 stream | 4 streams | upload: 1 stream | 4 streams |%n|---|---|---|---|---|---|---|%n");
    var results = new ArrayList<List<double[]>>();
    for (var _ : ways) {
      results.add(new ArrayList<>());
    }
    for (var i = -1; i < rounds; i++) { // one to warm up
      for (var way = 0; way < ways.size(); way++) {
        var measured = measure(ways.get(way).client());
        if (i >= 0) {
          results.get(way).add(measured);
        }
      }
    }
    var plain = medians(results.getFirst());
    for (var way = 0; way < ways.size(); way++) {
      print(ways.get(way).name(), "%.1f", medians(results.get(way)));
    }
    var ratios = medians(results.getLast());
    for (var i = 0; i < ratios.length; i++) {
      ratios[i] /= plain[i];
    }
    print("ratio", "%.2f", ratios);
  }

  private double[] measure(LoadClient client) throws Exception {
    var small = Request.get("/small");
    return new double[] {
      client.run(small, 1, 0.3, 1).quantileMillis(0.5),
      client.run(small, 64, 0.3, 1).perSecond(),
      rate(client, true, 1),
      rate(client, true, 4),
      rate(client, false, 1),
      rate(client, false, 4)
    };
  }

  private double rate(LoadClient client, boolean down, int streams) throws Exception {
    var bytes = mebibytes * (long) MIB / streams;
    var request = down
        ? Request.get("/bulk?bytes=" + bytes)
        : Request.upload("/sink", new byte[(int) BLOCK_BYTES], bytes / BLOCK_BYTES);
    var begun = System.nanoTime();
    client.transfer(request, streams);
    return mebibytes / ((System.nanoTime() - begun) / 1e9);
  }

  private static double[] medians(List<double[]> measured) {
    var medians = new double[measured.getFirst().length];
    for (var i = 0; i < medians.length; i++) {
      var column = i;
      medians[i] =
          measured.stream().mapToDouble(one -> one[column]).sorted().toArray()[measured.size() / 2];
    }
    return medians;
  }

  private void print(String name, String format, double[] figures) {
    var line = new StringBuilder("| " + name + " |");
    for (var figure : figures) {
      line.append(' ').append(String.format(Locale.ROOT, format, figure)).append(" |");
    }
    out.println(line);
  }
}
