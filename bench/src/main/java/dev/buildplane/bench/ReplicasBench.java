package dev.buildplane.bench;

import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `bench/run replicas`: three gateways of which one is killed again and again under load, and callers that hang up.
@Command(
    name = "replicas",
    sortOptions = false,
    description = {
      "Three gateways under load, one killed every 30 s; and how soon a call ends whose caller hangs up.",
      "",
      "Ends with 1 when an acknowledged write was lost or any write arrived twice."
    })
final class ReplicasBench implements Callable<Integer> {
  private static final int REPLICAS = 3;
  private static final int CONNECTIONS = 2;
  private static final String PLANES = "fleet-";
  private static final String LEFT = "left-";
  private static final Duration WARM_UP = Duration.ofSeconds(10);

  @Option(
      names = "--minutes",
      paramLabel = "N",
      defaultValue = "2",
      description = "How long gateways are killed (default: ${DEFAULT-VALUE})")
  int minutes;

  @Option(
      names = "--every-seconds",
      paramLabel = "N",
      defaultValue = "30",
      description = "From one kill to the next (default: ${DEFAULT-VALUE})")
  int everySeconds;

  @Option(
      names = "--down-seconds",
      paramLabel = "N",
      defaultValue = "5",
      description = "From a kill until that gateway is started again (default: ${DEFAULT-VALUE})")
  int downSeconds;

  @Option(
      names = "--planes",
      paramLabel = "N",
      defaultValue = "8",
      description = "Planes with an agent of two connections each (default: ${DEFAULT-VALUE})")
  int planes;

  @Option(
      names = "--callers",
      paramLabel = "N",
      defaultValue = "16",
      description =
          "Callers, half of them over HTTP/2; each reads and writes in turn (default: ${DEFAULT-VALUE})")
  int callers;

  @Option(
      names = "--cancels",
      paramLabel = "N",
      defaultValue = "500",
      description = "Calls given up for each row, 0: none (default: ${DEFAULT-VALUE})")
  int cancels;

  private final PrintStream out = System.out;

  /// What stays up while gateways are killed.
  private record Scene(Path folder, Certificates certificates, List<GatewayReplica> gateways)
      implements AutoCloseable {
    List<java.net.URI> agentUrls() {
      return gateways.stream().map(GatewayReplica::agentUrl).toList();
    }

    Endpoint endpoint(int gateway, String prefix, boolean http2) throws Exception {
      return new Endpoint(
          "127.0.0.1",
          gateways.get(gateway).callerPort(),
          prefix,
          http2,
          certificates.trust("server-ca"),
          Optional.of(certificates.identity("admin")));
    }

    @Override
    public void close() throws InterruptedException {
      for (var gateway : gateways) {
        gateway.close();
      }
    }
  }

  @Override
  public Integer call() throws Exception {
    if (everySeconds <= downSeconds || minutes * 60 < everySeconds) {
      throw new IllegalArgumentException(
          "expected --down-seconds below --every-seconds, and at least one kill in --minutes");
    }
    Main.printWhereAndWhen(out);
    try (var workplace = new Workplace()) {
      var folder = workplace.path();
      var certificates = Certificates.create(folder.resolve("pki"));
      try (var hub = Child.part(
          "hub",
          folder,
          List.of("-Xmx512m"),
          "hub",
          certificates,
          folder.resolve("hub").toString())) {
        createPlanes(certificates, hub.port("api"));
        var site = GatewayReplica.Site.of(folder, certificates, hub.port("api"), REPLICAS);
        try (var scene = new Scene(folder, certificates, GatewayReplica.startAll(site))) {
          if (cancels > 0) {
            hangUp(scene);
          }
          return kill(scene);
        }
      }
    }
  }

  private void createPlanes(Certificates certificates, int hubPort) throws Exception {
    try (var client = Part.client(certificates, hubPort)) {
      GatewayReplica.allowPeers(client);
      var agentCa = certificates.trust("agent-ca").pem();
      Planes.create(client, LEFT + 0, agentCa);
      names().forEach(name -> Planes.create(client, name, agentCa));
    }
  }

  private List<String> names() {
    return IntStream.range(0, planes).mapToObj(i -> PLANES + i).toList();
  }

  /// Over the gateway that holds the agent's only connection, and over one that does not.
  private void hangUp(Scene scene) throws Exception {
    var cancellations = new Cancellations();
    try (var target = TargetServer.start(
            scene.certificates().identity("server"), Optional.of(cancellations));
        var fleet = Fleet.start(
            LEFT,
            1,
            1,
            scene.folder(),
            scene.certificates(),
            "127.0.0.1:" + target.port(),
            scene.agentUrls().subList(0, 1))) {
      out.printf(
          "%n## Callers that hang up%n%n%d calls a row, one after the other; from the caller's hang-up until the target sees its connection end.%n%n| caller leaves | gateway | p50 ms | p99 ms | max ms |%n|---|---|---|---|---|%n",
          cancels);
      for (var http2 : List.of(false, true)) {
        for (var gateway : List.of(0, 1)) {
          var endpoint = scene.endpoint(gateway, Planes.path(LEFT + 0), http2);
          try (var first = new LoadClient(endpoint)) {
            AgentProcess.awaitAnswer(first, fleet::output);
          }
          cancellations.print(
              out, gateway == 0 ? "the agent's" : "another replica", endpoint, cancels);
        }
      }
    }
  }

  private int kill(Scene scene) throws Exception {
    var ledger = new WriteLedger();
    try (var target =
            TargetServer.start(scene.certificates().identity("server"), Optional.of(ledger));
        var fleet = Fleet.start(
            PLANES,
            planes,
            CONNECTIONS,
            scene.folder(),
            scene.certificates(),
            "127.0.0.1:" + target.port(),
            scene.agentUrls())) {
      var clients = new ArrayList<LoadClient>();
      var all = new ArrayList<ReplicaCaller>();
      try {
        for (var http2 : List.of(false, true)) {
          var known = new ArrayList<LoadClient>();
          for (var gateway = 0; gateway < REPLICAS; gateway++) {
            known.add(new LoadClient(scene.endpoint(gateway, "", http2)));
          }
          clients.addAll(known);
          for (var i = http2 ? 1 : 0; i < callers; i += 2) {
            all.add(new ReplicaCaller("caller-" + i, known, names()));
          }
        }
        return kill(scene, fleet, ledger, all);
      } finally {
        for (var caller : all) {
          caller.close();
        }
        for (var client : clients) {
          client.close();
        }
      }
    }
  }

  private int kill(Scene scene, Fleet fleet, WriteLedger ledger, List<ReplicaCaller> all)
      throws Exception {
    out.printf(
        "%n## Gateways killed under load%n%n%d gateways; %d planes, each with an agent of %d connections; %d callers. Every %d s one gateway is killed (SIGKILL) and started again %d s later.%n%n| killed | calls answered | writes acknowledged | writes given up | longest without a success while it was down, s | ... since it was started again, s | agents whole again after, s | acknowledged writes lost | writes arrived twice so far |%n|---|---|---|---|---|---|---|---|---|%n",
        REPLICAS, planes, CONNECTIONS, callers, everySeconds, downSeconds);
    all.forEach(ReplicaCaller::start);
    TimeUnit.NANOSECONDS.sleep(WARM_UP.toNanos());
    var acknowledged = new HashSet<String>();
    row("nothing", List.of(look(all)), ledger, "-", acknowledged);
    for (var turn = 0; turn < minutes * 60 / everySeconds; turn++) {
      var victim = scene.gateways().get(turn % REPLICAS);
      var begun = System.nanoTime();
      victim.kill();
      sleepUntil(begun, downSeconds);
      var down = look(all);
      victim.launch();
      victim.awaitReady();
      sleepUntil(begun, everySeconds);
      var whole = fleet.wholeAfterNanos(begun);
      row(
          victim.name(),
          List.of(down, look(all)),
          ledger,
          whole.isPresent() ? "%.2f".formatted(whole.getAsLong() / 1e9) : "not before the next",
          acknowledged);
    }
    for (var caller : all) {
      caller.close();
    }
    var lost = ledger.missing(acknowledged);
    out.printf(
        "%nAt the end: %d acknowledged writes, %d lost, %d arrived twice. Calls that were no success: %s.%n",
        acknowledged.size(), lost.size(), ledger.repeated().size(), trouble(all));
    return lost.isEmpty() && ledger.repeated().isEmpty() ? 0 : 1;
  }

  private static void sleepUntil(long begun, int seconds) throws InterruptedException {
    TimeUnit.NANOSECONDS.sleep(begun + TimeUnit.SECONDS.toNanos(seconds) - System.nanoTime());
  }

  private static List<ReplicaCaller.Account> look(List<ReplicaCaller> all) {
    return all.stream().map(ReplicaCaller::look).toList();
  }

  /// @param phases what the callers met while the gateway was down, and since it was started again
  private void row(
      String killed,
      List<List<ReplicaCaller.Account>> phases,
      WriteLedger ledger,
      String whole,
      Set<String> acknowledged) {
    var accounts = phases.stream().flatMap(List::stream).toList();
    var writes = accounts.stream().flatMap(one -> one.acknowledged().stream()).toList();
    acknowledged.addAll(writes);
    out.printf(
        "| %s | %d | %d | %d | %s | %s | %s | %d | %d |%n",
        killed,
        accounts.stream().mapToInt(ReplicaCaller.Account::successes).sum(),
        writes.size(),
        accounts.stream().mapToInt(ReplicaCaller.Account::unknown).sum(),
        longest(phases.getFirst()),
        phases.size() == 1 ? "-" : longest(phases.getLast()),
        whole,
        ledger.missing(writes).size(),
        ledger.repeated().size());
    out.flush();
  }

  private static String longest(List<ReplicaCaller.Account> phase) {
    var nanos =
        phase.stream().mapToLong(ReplicaCaller.Account::longestNanos).max().orElse(0);
    return "%.2f".formatted(nanos / 1e9);
  }

  private static Map<String, Long> trouble(List<ReplicaCaller> all) {
    var sums = new TreeMap<String, Long>();
    for (var caller : all) {
      caller.trouble.forEach((what, count) -> sums.merge(what, count.sum(), Long::sum));
    }
    return sums;
  }
}
