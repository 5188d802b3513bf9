package dev.buildplane.bench;

import static java.util.Objects.requireNonNull;

import dev.buildplane.model.ClusterBuildPlane;
import io.fabric8.kubernetes.api.model.ListOptionsBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.Watcher;
import io.fabric8.kubernetes.client.WatcherException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `bench/run scale`: thousands of planes and agents against one gateway, one operator and one API server, each a process
/// of its own.
@Command(
    name = "scale",
    sortOptions = false,
    description = "Thousands of planes and agents: storm, status latency, idle cost.")
final class ScaleBench implements Callable<Integer> {
  private static final int CREATORS = 16;
  private static final int DIALS_AHEAD = 64;
  private static final int FIRST_AGENTS = 20;
  private static final int MAX_SAMPLES = 200;
  private static final int SAMPLE_EVERY_MILLIS = 40;
  private static final int CANARY_PAUSE_MILLIS = 10;
  private static final double CANARY_SECONDS = 4;
  private static final int LOOK_EVERY_MILLIS = 10;
  private static final int SETTLE_MILLIS = 3000;
  private static final long PATIENCE_SECONDS = 120;
  private static final String CANARY = "canary";

  @Option(
      names = "--planes",
      paramLabel = "N",
      defaultValue = "5000",
      description = "ClusterBuildPlanes (default: ${DEFAULT-VALUE})")
  int planes;

  @Option(
      names = "--agents",
      paramLabel = "N",
      defaultValue = "10000",
      description = "Agents, the same number on each plane (default: ${DEFAULT-VALUE})")
  int agents;

  @Option(
      names = "--idle-seconds",
      paramLabel = "N",
      defaultValue = "62",
      description =
          "How long to look at the idle processes; heartbeats reach the status once a minute (default: ${DEFAULT-VALUE})")
  int idleSeconds;

  @Option(
      names = "--gateway-jvm",
      paramLabel = "FLAGS",
      defaultValue = "-Xmx512m -XX:MaxDirectMemorySize=192m",
      description = "JVM flags of the gateway (default: ${DEFAULT-VALUE})")
  String gatewayFlags = "";

  @Option(
      names = "--operator-jvm",
      paramLabel = "FLAGS",
      defaultValue = "-Xmx512m",
      description = "JVM flags of the operator (default: ${DEFAULT-VALUE})")
  String operatorFlags = "";

  @Option(
      names = "--hub-jvm",
      paramLabel = "FLAGS",
      defaultValue = "-Xmx1g",
      description = "JVM flags of the API server (default: ${DEFAULT-VALUE})")
  String hubFlags = "";

  private final PrintStream out = System.out;

  /// When each plane was first seen connected, by the monotonic clock.
  private final Map<String, Long> seenConnected = new ConcurrentHashMap<>();

  /// The processes.
  private record Scene(
      Child hub, Child gateway, Child operator, Swarm swarm, KubernetesClient client) {
    List<Usage> usages() {
      return List.of(
          new Usage("gateway", gateway.handle()),
          new Usage("operator", operator.handle()),
          new Usage("API server", hub.handle()));
    }
  }

  @Override
  public Integer call() throws Exception {
    if (planes < 5 || agents < planes || agents % planes != 0) {
      throw new IllegalArgumentException(
          "expected 5 or more --planes and as --agents a multiple of them, found " + planes
              + " and " + agents);
    }
    Main.printWhereAndWhen(out);
    out.printf(
        "%n## %d planes, %d agents%n%nGateway, operator, API server, all agents and this program are a process each and share the processors, the agents at the lowest priority.%n%n| what | figure |%n|---|---|%n",
        planes, agents);
    try (var workplace = new Workplace()) {
      var folder = workplace.path();
      var certificates = Certificates.create(folder.resolve("pki"));
      try (var target = Child.part("target", folder, List.of("-Xmx128m"), "target", certificates);
          var hub = Child.part(
              "hub",
              folder,
              flags(hubFlags),
              "hub",
              certificates,
              folder.resolve("hub").toString());
          var client = Part.client(certificates, hub.port("api"));
          var gateway = Child.part(
              "gateway",
              folder,
              flags(gatewayFlags),
              "gateway",
              certificates,
              Integer.toString(hub.port("api")));
          var operator = Child.part(
              "operator",
              folder,
              flags(operatorFlags),
              "operator",
              certificates,
              Integer.toString(hub.port("api")),
              Integer.toString(gateway.port("callers")));
          var swarm = Swarm.start(folder, certificates, gateway.port("agents"), agents / planes)) {
        measure(new Scene(hub, gateway, operator, swarm, client), certificates, target, folder);
      }
    }
    return 0;
  }

  private static List<String> flags(String text) {
    return List.of(text.strip().split("\\s+"));
  }

  private void row(String what, String figure) {
    out.println("| " + what + " | " + figure + " |");
    out.flush();
  }

  private void measure(Scene scene, Certificates certificates, Child target, Path folder)
      throws Exception {
    createPlanes(scene.client(), certificates.trust("agent-ca").pem());
    var samples = Math.min(MAX_SAMPLES, planes / 5);
    try (var agent = AgentProcess.start(
            CANARY,
            folder,
            certificates,
            List.of(),
            List.of("-Xmx128m"),
            "127.0.0.1:" + scene.gateway().port("agents"),
            CANARY,
            "127.0.0.1:" + target.port("target"),
            List.of());
        var canary = new LoadClient(AgentProcess.endpoint(
            certificates, "127.0.0.1", scene.gateway().port("callers"), CANARY, false));
        var _ = watch(scene.client())) {
      AgentProcess.awaitAnswer(canary, agent);
      canary.run(Request.get("/small"), 4, 0, CANARY_SECONDS); // compiled code
      connect(scene, samples);
      var beside = canary.paced(Request.get("/small"), CANARY_PAUSE_MILLIS);
      sample(scene, samples);
      row("canary request beside that, p50, p99", quantiles(beside.stop()));
      idle(scene);
      storm(scene, canary);
      row("connections lost that nobody dropped", "%d".formatted(scene.swarm().losses()));
    }
  }

  private static String quantiles(LoadClient.Round round) {
    return "%.1f ms, %.1f ms".formatted(round.quantileMillis(0.5), round.quantileMillis(0.99));
  }

  private static double seconds(long since) {
    return (System.nanoTime() - since) / 1e9;
  }

  private void createPlanes(KubernetesClient client, String ca) throws Exception {
    Planes.create(client, CANARY, ca);
    var begun = System.nanoTime();
    try (var threads = Executors.newFixedThreadPool(CREATORS)) {
      var pending = new ArrayList<Future<?>>();
      for (var i = 0; i < planes; i++) {
        var name = AgentSwarm.planeOf(i, 1);
        pending.add(threads.submit(() -> Planes.create(client, name, ca)));
      }
      for (var one : pending) {
        one.get();
      }
    }
    row("planes created, " + CREATORS + " at a time", "%.0f/s".formatted(planes / seconds(begun)));
  }

  private AutoCloseable watch(KubernetesClient client) {
    return client.resources(ClusterBuildPlane.class).watch(new Watcher<>() {
      @Override
      public void eventReceived(Action action, ClusterBuildPlane plane) {
        var status = plane.getStatus();
        if (status != null
            && status.agentConnection() != null
            && Boolean.TRUE.equals(status.agentConnection().connected())) {
          seenConnected.putIfAbsent(plane.getMetadata().getName(), System.nanoTime());
        }
      }

      @Override
      public void onClose(@Nullable WatcherException cause) {
        if (cause != null) {
          System.err.println("bench: the watch of planes ended: " + cause.getMessage());
        }
      }
    });
  }

  /// All agents but those of the last planes, which are the samples.
  private void connect(Scene scene, int samples) throws Exception {
    var last = (planes - samples) * (agents / planes);
    // What the first connections bring with them (classes, buffers) stays out of the account.
    var first = Math.min(last, FIRST_AGENTS);
    scene.swarm().dial(0, first, 1);
    var gateway = new Usage("gateway", scene.gateway().handle());
    var live = JvmMemory.liveBytes(scene.gateway().pid());
    var resident = gateway.residentMebibytes();
    var cpu = gateway.cpuSeconds();
    var took = scene.swarm().dial(first, last, DIALS_AHEAD);
    var settling = System.nanoTime();
    var count = last - first;
    row("agents connected, " + DIALS_AHEAD + " at a time", "%.0f/s".formatted(count / took));
    row(
        "the gateway's processor time for it",
        "%.2f ms per agent".formatted((gateway.cpuSeconds() - cpu) * 1000 / count));
    awaitConnected(planes - samples);
    row(
        "all their planes seen connected",
        "%.1f s after the last agent".formatted(seconds(settling)));
    var nowLive = JvmMemory.liveBytes(scene.gateway().pid());
    row(
        "live heap of the gateway per idle agent",
        "%.1f KiB".formatted((nowLive - live) / 1024.0 / count));
    row(
        "resident memory of the gateway per idle agent",
        "%.1f KiB (from %.0f to %.0f MiB)"
            .formatted(
                (gateway.residentMebibytes() - resident) * 1024 / count,
                resident,
                gateway.residentMebibytes()));
  }

  private void awaitConnected(int count) throws Exception {
    var deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (seenConnected.keySet().stream().filter(name -> !name.equals(CANARY)).count() < count) {
      if (System.nanoTime() > deadline) {
        throw new IOException("expected " + count + " planes to be seen connected within "
            + PATIENCE_SECONDS + " s, found " + seenConnected.size());
      }
      Thread.sleep(LOOK_EVERY_MILLIS);
    }
  }

  /// One agent after the other, each of a plane that had none.
  private void sample(Scene scene, int samples) throws Exception {
    var perPlane = agents / planes;
    var up = new LinkedHashMap<String, Long>();
    for (var plane = planes - samples; plane < planes; plane++) {
      up.put(AgentSwarm.planeOf(plane, 1), scene.swarm().sample(plane * perPlane));
      Thread.sleep(SAMPLE_EVERY_MILLIS);
    }
    awaitConnected(planes);
    var nanos = up.entrySet().stream()
        .mapToLong(one -> requireNonNull(seenConnected.get(one.getKey())) - one.getValue())
        .sorted()
        .toArray();
    row(
        "agent connected until a watcher sees it in the plane's status, p50, p99",
        "%s (%d samples)".formatted(quantiles(new LoadClient.Round(nanos, 1)), samples));
    for (var plane = planes - samples; plane < planes; plane++) {
      for (var more = 1; more < perPlane; more++) {
        scene.swarm().sample(plane * perPlane + more);
      }
    }
  }

  private void idle(Scene scene) throws Exception {
    Thread.sleep(SETTLE_MILLIS);
    var begun = System.nanoTime();
    var cpu = Usage.cpu(scene.usages());
    var version = version(scene.client());
    Thread.sleep(idleSeconds * 1000L);
    var took = seconds(begun);
    var writes = version(scene.client()) - version;
    var used = Usage.cpu(scene.usages());
    row("writes to the API server while idle", "%.0f per minute".formatted(writes * 60 / took));
    for (var usage : scene.usages()) {
      row(
          usage.name() + " while idle: processor, resident memory",
          "%.1f %% of one, %.0f MiB"
              .formatted(spent(usage, cpu, used) * 100 / took, usage.residentMebibytes()));
    }
  }

  private static double spent(Usage usage, Map<String, Double> before, Map<String, Double> after) {
    return requireNonNull(after.get(usage.name())) - requireNonNull(before.get(usage.name()));
  }

  /// The API server counts its writes: that is what resource versions are.
  private static long version(KubernetesClient client) {
    return Long.parseLong(client
        .namespaces()
        .list(new ListOptionsBuilder().withLimit(1L).build())
        .getMetadata()
        .getResourceVersion());
  }

  /// Every agent but the canary's loses its connection at once.
  private void storm(Scene scene, LoadClient client) throws Exception {
    var cpu = Usage.cpu(scene.usages());
    var version = version(scene.client());
    var canary = client.paced(Request.get("/small"), CANARY_PAUSE_MILLIS);
    var took = scene.swarm().drop();
    var during = canary.stop();
    var used = Usage.cpu(scene.usages());
    row("all agents dropped at once: all back after", "%.1f s".formatted(took));
    row("... agents per second", "%.0f".formatted(agents / took));
    row("... canary request meanwhile, p50, p99", quantiles(during));
    for (var usage : scene.usages()) {
      row(
          "... " + usage.name() + ": processor time, resident memory",
          "%.1f s, %.0f MiB".formatted(spent(usage, cpu, used), usage.residentMebibytes()));
    }
    row(
        "... writes to the API server meanwhile",
        "%d".formatted(version(scene.client()) - version));
  }
}
