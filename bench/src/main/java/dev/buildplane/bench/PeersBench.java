package dev.buildplane.bench;

import static java.util.Objects.requireNonNull;

import dev.buildplane.bench.PeerStage.Peer;
import dev.buildplane.bench.PeersOptions.Measure;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `bench/run peers`: the tunnel beside no proxy at all, nginx once, nginx twice and whatever else is named, all measured
/// in one run, in turn, by one client, against one target.
@Command(
    name = "peers",
    sortOptions = false,
    description = "The tunnel beside direct connections, nginx and other gateways.")
final class PeersBench implements Callable<Integer> {
  private static final double GIB = 1 << 30;
  private static final double MIB = 1 << 20;
  /// A row is warm when the JVMs' compilers took less than this share of one processor for so many seconds on end.
  private static final double QUIET_COMPILERS = 0.05;

  private static final int QUIET_SECONDS = 3;

  /// Seconds after which a row counts as it is.
  private static final int WARM_UP_SECONDS = 120;

  /// Of a transfer that does not count.
  private static final long WARM_UP_BYTES = 64L << 20;

  private static final int WATCHES = 1000;
  private static final int WATCH_EVENTS = 60;
  private static final double WATCH_SETTLE_SECONDS = 2;
  private static final int WATCH_EVERY_MILLIS = 1000;
  private static final int STORM_CALLERS = 16;
  private static final int IDLE_CONNECTIONS = 1000;
  private static final int BLOCK_BYTES = 64 * 1024;

  /// Of a transfer to a peer that bounds bodies.
  private static final long MOST_PARTS = 4;

  @Mixin
  PeersOptions options = new PeersOptions();

  private final PrintStream out = System.out;
  private final Map<String, LoadClient> clients = new HashMap<>();

  @Override
  public Integer call() throws Exception {
    Nginx.requireInstalled();
    try (var folder = new Workplace();
        var stage = new PeerStage(folder.path(), options)) {
      for (var peer : stage.peers()) {
        clients.put(peer.name(), new LoadClient(peer.endpoint()));
      }
      Main.printWhereAndWhen(out);
      var wanted = options.wanted();
      var idle = agentMemory(stage);
      warmUp(stage);
      for (var measure : Measure.values()) {
        if (wanted.contains(measure)) {
          print(measure, stage);
          out.flush();
        }
      }
      agents(stage, idle);
    } finally {
      for (var client : clients.values()) {
        client.close();
      }
    }
    return 0;
  }

  private void print(Measure measure, PeerStage stage) throws Exception {
    switch (measure) {
      case small -> small(stage);
      case bulk -> bulk(stage);
      case watches -> watches(stage);
      case storm -> storm(stage);
      case memory -> memory(stage);
    }
  }

  private LoadClient client(Peer peer) {
    return requireNonNull(clients.get(peer.name()));
  }

  /// Something to load a row with.
  @FunctionalInterface
  private interface Load {
    /// About a second of it.
    ///
    /// @return how much it came to
    long run() throws Exception;
  }

  /// Compiled code on every way before anything counts.
  private void warmUp(PeerStage stage) throws Exception {
    out.printf(
        "%n## Warm-up%n%nA row is loaded by 64 callers until the compilers of its JVMs take under %.0f %% of a processor for %d s, %d s at most. Compilers' time includes target and client.%n%n| | seconds | requests | compilers, CPU s |%n|---|---|---|---|%n",
        QUIET_COMPILERS * 100, QUIET_SECONDS, WARM_UP_SECONDS);
    for (var peer : stage.peers()) {
      warmUp(
          stage, peer, () -> client(peer).run(Request.get("/small"), 64, 0, 1.0).nanos().length);
    }
  }

  /// Loads until the compilers have little to do.
  private void warmUp(PeerStage stage, Peer peer, Load load) throws Exception {
    var processes = watched(stage, peer);
    var begun = compilerSeconds(processes);
    var begunNanos = System.nanoTime();
    var before = begun;
    var amount = 0L;
    var seconds = 0.0;
    var quietSeconds = 0.0;
    while (quietSeconds < QUIET_SECONDS && seconds < WARM_UP_SECONDS) {
      amount += load.run();
      var now = compilerSeconds(processes);
      var after = (System.nanoTime() - begunNanos) / 1e9;
      quietSeconds =
          now - before < QUIET_COMPILERS * (after - seconds) ? quietSeconds + after - seconds : 0;
      before = now;
      seconds = after;
    }
    out.printf(
        Locale.ROOT, "| %s | %.0f | %d | %.1f |%n", peer.name(), seconds, amount, before - begun);
  }

  private static double compilerSeconds(List<Usage> processes) throws IOException {
    var sum = 0.0;
    for (var process : processes) {
      sum += process.compilerSeconds();
    }
    return sum;
  }

  private void small(PeerStage stage) throws Exception {
    var seconds = options.quick ? 2.0 : 1.3;
    var callers = options.quick ? new int[] {1, 64} : new int[] {1, 16, 64, 256};
    out.printf(
        "%n## GET of 1 KiB%n%nKeep-alive over TLS 1.3; medians of %d rounds of %.1f s, all rows in turn in each round; processor time over all rounds.%n",
        options.roundsWanted(), seconds);
    for (var count : callers) {
      var rounds = new LinkedHashMap<String, List<LoadClient.Round>>();
      var costs = new LinkedHashMap<String, Costs>();
      for (var i = 0; i < options.roundsWanted(); i++) {
        for (var peer : stage.peers()) {
          var cost = costs.computeIfAbsent(peer.name(), _ -> new Costs(watched(stage, peer)));
          var round =
              client(peer).run(requests("/small"), count, 0.3, seconds, cost::begin, cost::end);
          cost.count(round.nanos().length);
          rounds.computeIfAbsent(peer.name(), _ -> new ArrayList<>()).add(round);
        }
      }
      out.printf(
          "%n| %d %s | requests/s | of direct | p50 ms | p99 ms | proxies, CPU us/request | target | client |%n|---|---|---|---|---|---|---|---|%n",
          count, count == 1 ? "caller" : "callers");
      var direct = median(requireNonNull(rounds.get("direct"))).perSecond();
      for (var peer : stage.peers()) {
        var round = median(requireNonNull(rounds.get(peer.name())));
        var cost = requireNonNull(costs.get(peer.name()));
        out.printf(
            Locale.ROOT,
            "| %s | %.0f | %.2f | %.2f | %.2f | %s | %.0f | %.0f |%n",
            peer.name(),
            round.perSecond(),
            round.perSecond() / direct,
            round.quantileMillis(0.5),
            round.quantileMillis(0.99),
            cost.text(peer, 1e6, "%.0f"),
            cost.per("target") * 1e6,
            cost.per("client") * 1e6);
      }
    }
  }

  private java.util.function.Supplier<Request> requests(String path) {
    var request = Request.get(path);
    return () -> request;
  }

  private static LoadClient.Round median(List<LoadClient.Round> rounds) {
    return rounds.stream()
        .sorted(Comparator.comparingDouble(LoadClient.Round::perSecond))
        .toList()
        .get(rounds.size() / 2);
  }

  private static List<Usage> watched(PeerStage stage, Peer peer) {
    var all = new ArrayList<>(peer.proxies());
    all.add(stage.target());
    all.add(new Usage("client", ProcessHandle.current(), false));
    return all;
  }

  private static Request download(long bytes) {
    return Request.get("/bulk?bytes=" + bytes);
  }

  private static Request upload(long bytes) {
    return Request.upload("/sink", new byte[BLOCK_BYTES], bytes / BLOCK_BYTES);
  }

  private void bulk(PeerStage stage) throws Exception {
    var total = options.quick ? 192L << 20 : 256L << 20;
    var streams = options.quick ? new int[] {1} : new int[] {1, 4};
    out.printf(
        "%n## Bulk%n%n%d MiB per transfer, shared by its streams, in parts where a peer bounds bodies; medians of %d rounds.%n",
        total >> 20, options.roundsWanted());
    out.printf(
        "Before that each row is warmed up as above, by transfers both ways in turn, on one stream and on the most.%n%n| | seconds | MiB | compilers, CPU s |%n|---|---|---|---|%n");
    for (var peer : stage.peers()) {
      warmUp(stage, peer, () -> {
        var moved = 0.0;
        for (var down : List.of(true, false)) {
          moved += move(peer, down, 1, WARM_UP_BYTES);
          moved += move(peer, down, streams[streams.length - 1], WARM_UP_BYTES);
        }
        return Math.round(moved / MIB);
      });
    }
    for (var down : List.of(true, false)) {
      for (var count : streams) {
        bulk(stage, down, count, total);
      }
    }
  }

  private void bulk(PeerStage stage, boolean down, int streams, long total) throws Exception {
    var rates = new LinkedHashMap<String, List<Double>>();
    var costs = new LinkedHashMap<String, Costs>();
    for (var i = 0; i < options.roundsWanted(); i++) {
      for (var peer : stage.peers()) {
        var cost = costs.computeIfAbsent(peer.name(), _ -> new Costs(watched(stage, peer)));
        cost.begin();
        var begun = System.nanoTime();
        var moved = move(peer, down, streams, total);
        var seconds = (System.nanoTime() - begun) / 1e9;
        cost.end();
        cost.count(moved / GIB);
        rates.computeIfAbsent(peer.name(), _ -> new ArrayList<>()).add(moved / MIB / seconds);
      }
    }
    out.printf(
        "%n| %s, %d %s | MiB/s | of direct | proxies, CPU s/GiB | target | client |%n|---|---|---|---|---|---|%n",
        down ? "download" : "upload", streams, streams == 1 ? "stream" : "streams");
    var direct = middle(requireNonNull(rates.get("direct")));
    for (var peer : stage.peers()) {
      var cost = requireNonNull(costs.get(peer.name()));
      var rate = middle(requireNonNull(rates.get(peer.name())));
      out.printf(
          Locale.ROOT,
          "| %s | %.0f | %.2f | %s | %.2f | %.2f |%n",
          peer.name(),
          rate,
          rate / direct,
          cost.text(peer, 1, "%.2f"),
          cost.per("target"),
          cost.per("client"));
    }
  }

  /// At once, or in a few parts one after the other.
  ///
  /// @return bytes of bodies, all of which have arrived
  private double move(Peer peer, boolean down, int streams, long total) throws Exception {
    var each = Math.min(total, peer.mostBytes()) / streams;
    var parts = Math.min(MOST_PARTS, total / streams / each);
    for (var part = 0; part < parts; part++) {
      var received = client(peer).transfer(down ? download(each) : upload(each), streams);
      if (down && received != each * streams) {
        throw new IOException(
            peer.name() + ": expected " + each * streams + " bytes, found " + received);
      }
    }
    return (double) each * streams * parts;
  }

  private static double middle(List<Double> values) {
    return values.stream().sorted().toList().get(values.size() / 2);
  }

  private void watches(PeerStage stage) throws Exception {
    var seconds = options.quick ? 5.0 : 12.0;
    out.printf(
        "%n## %d watches, an event each per second%n%nFrom the target's write to the client's read, over %.0f s; processor time in percent of one processor.%n",
        WATCHES, seconds);
    out.printf(
        "%n| | events/s | p50 ms | p99 ms | proxies, CPU %% | target | client |%n|---|---|---|---|---|---|---|%n");
    for (var peer : stage.peers()) {
      try {
        watches(stage, peer, seconds);
      } catch (ExecutionException refused) {
        // A peer that does not stream is part of the comparison.
        out.printf("| %s | does not: %s | | | | | |%n", peer.name(), refused.getCause());
      }
    }
  }

  private void watches(PeerStage stage, Peer peer, double seconds) throws Exception {
    var cost = new Costs(watched(stage, peer));
    var round = client(peer)
        .watches(
            i -> Request.get("/watch?events=" + WATCH_EVENTS + "&interval=" + WATCH_EVERY_MILLIS
                + "&first=" + i * WATCH_EVERY_MILLIS / WATCHES),
            WATCHES,
            WATCH_SETTLE_SECONDS,
            seconds,
            cost::begin,
            cost::end);
    cost.count(seconds);
    out.printf(
        Locale.ROOT,
        "| %s | %.0f | %.2f | %.2f | %s | %.1f | %.1f |%n",
        peer.name(),
        round.perSecond(),
        round.quantileMillis(0.5),
        round.quantileMillis(0.99),
        cost.text(peer, 100, "%.1f"),
        cost.per("target") * 100,
        cost.per("client") * 100);
  }

  private void storm(PeerStage stage) throws Exception {
    var rounds = new LinkedHashMap<String, List<LoadClient.Round>>();
    for (var i = 0; i < options.roundsWanted(); i++) {
      for (var peer : stage.peers()) {
        rounds
            .computeIfAbsent(peer.name(), _ -> new ArrayList<>())
            .add(client(peer).storm(Request.get("/small"), STORM_CALLERS, 1.6));
      }
    }
    out.printf(
        "%n## New connections%n%nA TLS connection, one GET of 1 KiB, closed; %d callers. The tunnel also verifies the caller's certificate.%n",
        STORM_CALLERS);
    out.printf("%n| | connections/s | of direct | p50 ms | p99 ms |%n|---|---|---|---|---|%n");
    var direct = median(requireNonNull(rounds.get("direct"))).perSecond();
    for (var peer : stage.peers()) {
      var round = median(requireNonNull(rounds.get(peer.name())));
      out.printf(
          Locale.ROOT,
          "| %s | %.0f | %.2f | %.1f | %.1f |%n",
          peer.name(),
          round.perSecond(),
          round.perSecond() / direct,
          round.quantileMillis(0.5),
          round.quantileMillis(0.99));
    }
  }

  private void memory(PeerStage stage) throws Exception {
    out.printf(
        "%n## Memory of an idle caller's connection%n%nResident memory before and with %d connections that have each had one answer.%n",
        IDLE_CONNECTIONS);
    out.printf("%n| | front, MiB before | with them | KiB per connection |%n|---|---|---|---|%n");
    for (var peer : stage.peers()) {
      if (peer.proxies().isEmpty()) {
        continue;
      }
      var front = peer.proxies().getFirst();
      var before = front.residentMebibytes();
      client(peer).idle(Request.get("/small"), IDLE_CONNECTIONS, () -> {
        var with = front.residentMebibytes();
        out.printf(
            Locale.ROOT,
            "| %s | %.0f | %.0f | %.1f |%n",
            peer.name(),
            before,
            with,
            (with - before) * 1024 / IDLE_CONNECTIONS);
      });
    }
  }

  private static Map<String, Double> agentMemory(PeerStage stage) throws IOException {
    var idle = new LinkedHashMap<String, Double>();
    for (var tunnel : stage.tunnels()) {
      idle.put(tunnel.label(), new Usage("agent", tunnel.agent().handle()).residentMebibytes());
    }
    return idle;
  }

  private void agents(PeerStage stage, Map<String, Double> idle) throws IOException {
    out.printf(
        "%n## The agent's process%n%nFrom the start of its JVM to the first answer through it, and its resident memory.%n");
    out.printf(
        "%n| | ms to the first answer | MiB idle | MiB after all of the above | gateway, MiB |%n|---|---|---|---|---|%n");
    for (var tunnel : stage.tunnels()) {
      out.printf(
          Locale.ROOT,
          "| %s | %d | %.0f | %.0f | %.0f |%n",
          tunnel.label(),
          tunnel.millisToConnected(),
          idle.get(tunnel.label()),
          new Usage("agent", tunnel.agent().handle()).residentMebibytes(),
          new Usage("gateway", tunnel.gateway().handle()).residentMebibytes());
    }
  }

  /// Processor time over several rounds, per unit of work.
  private static final class Costs {
    private final List<Usage> processes;
    private final Map<String, Double> sums = new LinkedHashMap<>();
    private Map<String, Double> begun = Map.of();
    private double units;

    Costs(List<Usage> processes) {
      this.processes = processes;
    }

    void begin() throws IOException {
      begun = Usage.cpu(processes);
    }

    void end() throws IOException {
      Usage.cpu(processes)
          .forEach(
              (name, now) -> sums.merge(name, now - requireNonNull(begun.get(name)), Double::sum));
    }

    void count(double more) {
      units += more;
    }

    double per(String name) {
      return sums.getOrDefault(name, 0.0) / units;
    }

    String text(Peer peer, double scale, String format) {
      return peer.proxies().isEmpty()
          ? "-"
          : peer.proxies().stream()
              .map(process -> process.name() + " " + format.formatted(per(process.name()) * scale))
              .collect(Collectors.joining(" + "));
    }
  }
}
