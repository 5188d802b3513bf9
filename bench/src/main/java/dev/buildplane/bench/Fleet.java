package dev.buildplane.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;

/// The process of an [AgentFleet], and what it has told of its connections.
final class Fleet implements AutoCloseable {
  private static final Duration CONNECTED_WITHIN = Duration.ofSeconds(60);
  private static final long STOP_SECONDS = 10;

  private record Told(long nanos, int connections) {}

  private final Process process;
  private final Path log;
  private final int wanted;
  private final List<Told> all = new ArrayList<>(); // guarded by this

  private Fleet(Process process, Path log, int wanted) {
    this.process = process;
    this.log = log;
    this.wanted = wanted;
  }

  /// Starts agents of the planes `PLANES0`, `PLANES1` and so on, and waits until each has its connections.
  ///
  /// @param target `HOST:PORT` of the cluster behind all of them
  /// @param connections that each keeps
  static Fleet start(
      String planes,
      int agents,
      int connections,
      Path folder,
      Certificates certificates,
      String target,
      List<URI> gateways)
      throws Exception {
    var arguments = new ArrayList<>(List.of(
        certificates.folder().toString(),
        AgentProcess.kubeconfig(planes, folder, certificates, target).toString(),
        Integer.toString(connections),
        Integer.toString(agents),
        planes));
    gateways.forEach(url -> arguments.add(url.toString()));
    var log = folder.resolve(planes + ".log");
    var process = new ProcessBuilder(Child.java(
            List.of("-Xmx256m", "-XX:MaxDirectMemorySize=256m"),
            "dev.buildplane.bench.AgentFleet",
            arguments))
        .redirectError(log.toFile())
        .start();
    Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
    var fleet = new Fleet(process, log, agents * connections);
    Thread.ofPlatform().name("fleet").daemon().start(fleet::listen);
    fleet.awaitWhole();
    return fleet;
  }

  private void listen() {
    try (BufferedReader lines = process.inputReader(StandardCharsets.US_ASCII)) {
      for (var line = lines.readLine(); line != null; line = lines.readLine()) {
        var words = line.split(" ");
        tell(new Told(Long.parseLong(words[0]), Integer.parseInt(words[1])));
      }
    } catch (IOException ended) {
      System.err.println("bench: the process of the agents ended: " + ended);
    }
  }

  private synchronized void tell(Told told) {
    all.add(told);
    notifyAll();
  }

  private synchronized void awaitWhole() throws Exception {
    var deadline = System.nanoTime() + CONNECTED_WITHIN.toNanos();
    while (all.isEmpty() || all.getLast().connections() < wanted) {
      var left = deadline - System.nanoTime();
      if (left <= 0 || !process.isAlive()) {
        throw new IOException("expected agents with " + wanted + " connections within "
            + CONNECTED_WITHIN + ", found "
            + (all.isEmpty() ? "none" : all.getLast().connections())
            + ": " + output());
      }
      TimeUnit.NANOSECONDS.timedWait(this, left);
    }
  }

  /// What the process has logged.
  String output() throws IOException {
    return Files.readString(log);
  }

  /// How long after `since` all agents had their connections, for good until now: 0 when none was lost, empty when some are lost still.
  synchronized OptionalLong wholeAfterNanos(long since) {
    var after = OptionalLong.of(0);
    for (var told : all) {
      if (told.nanos() >= since) {
        if (told.connections() < wanted) {
          after = OptionalLong.empty();
        } else if (after.isEmpty()) {
          after = OptionalLong.of(told.nanos() - since);
        }
      }
    }
    return after;
  }

  @Override
  public void close() throws IOException, InterruptedException {
    process.getOutputStream().close();
    if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
    }
  }
}
