package dev.buildplane.cli;

import dev.buildplane.http.LoopbackPorts;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Starts the processes of a standalone installation, starts them again when they die, and stops them: those it
/// started and no others. Both end by themselves when this process is gone, however it went.
///
/// One supervisor per data directory, held by a file lock. Not for use by several threads, except [#close], which a
/// shutdown hook calls.
final class Supervisor implements AutoCloseable {
  static final Duration READY_WITHIN = Duration.ofMinutes(2);
  static final Duration STOP_WITHIN = Duration.ofSeconds(25);
  static final Duration RESTART_DELAY_FIRST = Duration.ofSeconds(1);
  static final Duration RESTART_DELAY_MAX = Duration.ofSeconds(30);

  /// A process that ran this long starts its delays anew.
  static final Duration HEALTHY_AFTER = Duration.ofMinutes(1);

  private static final Duration LOOK_EVERY = Duration.ofMillis(50);
  private static final int LOG_TAIL_LINES = 15;

  private final DataDirectory data;
  private final Consumer<String> tell;
  private final Map<Member, Process> processes = new LinkedHashMap<>(); // guarded by this
  private @Nullable FileChannel lockChannel;
  private @Nullable Installation installation;
  private volatile boolean closing;

  Supervisor(DataDirectory data, Consumer<String> tell) {
    this.data = data;
    this.tell = tell;
  }

  /// Starts everything and returns once it accepts requests.
  ///
  /// @throws CliProblem when another supervisor holds the data directory, a port is taken, or a process does not start
  Installation start(Ports ports) {
    return start(ports, 1);
  }

  /// As above, with so many gateways: the first in the control plane, the others in processes of their own.
  Installation start(Ports ports, int count) {
    data.create();
    lock();
    endRemains();
    var gateways = GatewayPorts.choose(ports.controlPlane, count);
    ports.requireFree();
    gateways.stream().skip(1).forEach(GatewayPorts::requireFree);
    new StandalonePki(data.pki()).ensure();
    // Both at once: the agent dials until the gateway is there. So its port must be known first, and all ports outlast a restart.
    var controlProcess =
        launch(Member.CONTROL_PLANE, controlPlaneOptions(chosen(ports.controlPlane.api), gateways));
    var buildProcess =
        launch(Member.BUILD_PLANE, buildPlaneOptions(gateways, chosen(ports.buildPlane.api)));
    var control = awaitReady(Member.CONTROL_PLANE, controlProcess);
    var replicas = startReplicas(gateways, control.port("--api-port"));
    var build = awaitReady(Member.BUILD_PLANE, buildProcess);
    var started = new Installation(
        ProcessId.current(),
        control.process(),
        build.process(),
        control.port("--api-port"),
        control.port("--agent-port"),
        control.port("--gateway-port"),
        control.port("--health-port"),
        build.port("--build-plane-api-port"),
        replicas);
    record(started);
    return started;
  }

  private List<Installation.Replica> startReplicas(List<GatewayPorts> gateways, int apiPort) {
    var launched = new LinkedHashMap<Member, Process>();
    for (int index = 2; index <= gateways.size(); index++) {
      var member = Member.gateway(index);
      launched.put(member, launch(member, gatewayOptions(member, apiPort, gateways)));
    }
    var replicas = new ArrayList<Installation.Replica>();
    launched.forEach((member, process) -> {
      var ready = awaitReady(member, process);
      replicas.add(new Installation.Replica(
          member.index(),
          ready.process(),
          new GatewayPorts(
              ready.port("--agent-port"),
              ready.port("--gateway-port"),
              ready.port("--health-port"))));
    });
    return replicas;
  }

  /// Blocks until [#close], starting again whatever dies meanwhile.
  void supervise() throws InterruptedException {
    var delay = RESTART_DELAY_FIRST;
    while (!closing) {
      var begun = System.nanoTime();
      var ended = awaitAnyEnd();
      if (closing || ended == null) {
        return;
      }
      if (System.nanoTime() - begun > HEALTHY_AFTER.toNanos()) {
        delay = RESTART_DELAY_FIRST;
      }
      tell.accept("%s ended unexpectedly (%s); starting it again in %d s, its log is %s"
          .formatted(ended.label(), exitText(ended), delay.toSeconds(), log(ended)));
      Thread.sleep(delay);
      delay = delay.multipliedBy(2).compareTo(RESTART_DELAY_MAX) > 0
          ? RESTART_DELAY_MAX
          : delay.multipliedBy(2);
      restart(ended);
    }
  }

  /// Stops all processes, orderly first, and frees the data directory. A repeat does nothing.
  @Override
  public void close() {
    closing = true;
    List<Process> running;
    synchronized (this) {
      running = new ArrayList<>(processes.values());
      processes.clear();
    }
    running.forEach(Process::destroy);
    var deadline = System.nanoTime() + STOP_WITHIN.toNanos();
    for (var process : running) {
      awaitOrKill(process.toHandle(), deadline);
    }
    synchronized (this) {
      if (lockChannel != null) {
        try {
          Files.deleteIfExists(data.installation());
          lockChannel.close();
        } catch (IOException cannot) {
          tell.accept("could not clear " + data.run() + ": " + cannot.getMessage());
        }
        lockChannel = null;
      }
    }
  }

  private void lock() {
    try {
      var channel =
          FileChannel.open(data.lock(), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      FileLock held = channel.tryLock();
      if (held == null) {
        channel.close();
        throw alreadyUp();
      }
      lockChannel = channel;
    } catch (OverlappingFileLockException sameProcess) {
      throw alreadyUp();
    } catch (IOException cannot) {
      throw new CliProblem(
          "expected to lock " + data.lock() + ", found: " + cannot.getMessage()
              + "; choose a folder on a local disk with --data-dir",
          cannot);
    }
  }

  private CliProblem alreadyUp() {
    var who = Installation.read(data)
        .map(running -> "process " + running.supervisor().pid())
        .orElse("another process");
    return new CliProblem(
        "%s is up already (%s holds it); stop it with 'buildplane down --data-dir %s', or choose another folder with --data-dir"
            .formatted(data.root(), who, data.root()));
  }

  /// After a kill -9 of an earlier supervisor its processes are ending by themselves; the stores are theirs until then.
  private void endRemains() {
    var deadline = System.nanoTime() + STOP_WITHIN.toNanos();
    for (var member : everyMember()) {
      RoleReady.read(data, member)
          .flatMap(ready -> ready.process().handle())
          .ifPresent(remaining -> {
            remaining.destroy();
            awaitOrKill(remaining, deadline);
          });
    }
  }

  private static List<Member> everyMember() {
    var members = new ArrayList<>(List.of(Member.CONTROL_PLANE, Member.BUILD_PLANE));
    for (int index = 2; index <= GatewayPorts.MAX_GATEWAYS; index++) {
      members.add(Member.gateway(index));
    }
    return members;
  }

  static void requireFree(int port, String option) {
    if (port < 0 || port > 65535) {
      throw new CliProblem(
          "expected a port of 0 to 65535 for %s, found %d".formatted(option, port), ExitCode.USAGE);
    }
    try (var probe = new ServerSocket()) {
      probe.setReuseAddress(true);
      probe.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    } catch (IOException taken) {
      throw new CliProblem(
          "expected port %d on 127.0.0.1 to be free, found it in use (%s); choose another with %s, or 0 for any free one"
              .formatted(port, taken.getMessage(), option),
          taken);
    }
  }

  /// The port asked for, or where that is 0 one that will still be free when a process that died is started again.
  static int chosen(int wanted) {
    return wanted == 0 ? freePort() : wanted;
  }

  private static int freePort() {
    try {
      return LoopbackPorts.free();
    } catch (IOException none) {
      throw new CliProblem("expected a free port on 127.0.0.1, found: " + none.getMessage(), none);
    }
  }

  private static List<String> controlPlaneOptions(int api, List<GatewayPorts> gateways) {
    var options = new ArrayList<>(List.of("--api-port=" + api));
    options.addAll(portOptions(gateways.getFirst()));
    options.addAll(peers(gateways, Member.CONTROL_PLANE));
    return options;
  }

  private static List<String> gatewayOptions(Member member, int api, List<GatewayPorts> gateways) {
    var options = new ArrayList<>(
        List.of("--member=" + member.index(), "--api-url=https://127.0.0.1:" + api));
    options.addAll(portOptions(gateways.get(member.index() - 1)));
    options.addAll(peers(gateways, member));
    return options;
  }

  private static List<String> portOptions(GatewayPorts gateway) {
    return List.of(
        "--agent-port=" + gateway.agent(),
        "--gateway-port=" + gateway.callers(),
        "--health-port=" + gateway.health());
  }

  private static List<String> peers(List<GatewayPorts> gateways, Member member) {
    var options = new ArrayList<String>();
    for (int i = 0; i < gateways.size(); i++) {
      if (i != member.index() - 1) {
        options.add("--peer=" + gateways.get(i).callersUrl());
      }
    }
    return options;
  }

  private static List<String> buildPlaneOptions(List<GatewayPorts> gateways, int api) {
    var options = new ArrayList<>(List.of("--build-plane-api-port=" + api));
    gateways.forEach(gateway -> options.add("--server-url=" + gateway.agentUrl()));
    return options;
  }

  private Process launch(Member member, List<String> options) {
    try {
      Files.deleteIfExists(RoleReady.file(data, member));
      var process = new ProcessBuilder(command(member.role(), options))
          .redirectErrorStream(true)
          .redirectOutput(ProcessBuilder.Redirect.appendTo(log(member).toFile()))
          .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
          .start();
      synchronized (this) {
        processes.put(member, process);
      }
      if (closing) {
        process.destroy();
      }
      return process;
    } catch (IOException cannot) {
      throw new CliProblem(
          "could not start " + member.label() + ": " + cannot.getMessage(), cannot);
    }
  }

  private List<String> command(Role role, List<String> options) {
    var command = new ArrayList<>(JavaCommand.server(role.heapMebibytes(), role.directMebibytes()));
    command.addAll(List.of("serve", role.label(), "--data-dir", data.root().toString()));
    command.add("--parent=" + ProcessHandle.current().pid());
    command.addAll(options);
    return command;
  }

  private RoleReady awaitReady(Member member, Process process) {
    var deadline = System.nanoTime() + READY_WITHIN.toNanos();
    try {
      while (System.nanoTime() < deadline) {
        var ready = RoleReady.read(data, member);
        if (ready.isPresent() && ready.get().process().pid() == process.pid()) {
          return ready.get();
        }
        if (process.waitFor(LOOK_EVERY.toMillis(), TimeUnit.MILLISECONDS)) {
          throw new CliProblem(
              "expected %s to start, found that it ended (%s); the end of its log %s:%n%s"
                  .formatted(member.label(), exitText(process), log(member), logTail(member)));
        }
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new CliProblem("interrupted while " + member.label() + " was starting");
    }
    throw new CliProblem(
        "expected %s to be ready within %d s, found that it is not; the end of its log %s:%n%s"
            .formatted(member.label(), READY_WITHIN.toSeconds(), log(member), logTail(member)));
  }

  private @Nullable Member awaitAnyEnd() throws InterruptedException {
    while (!closing) {
      synchronized (this) {
        for (var entry : processes.entrySet()) {
          if (!entry.getValue().isAlive()) {
            return entry.getKey();
          }
        }
        wait(LOOK_EVERY.toMillis());
      }
    }
    return null;
  }

  /// On the ports it had, so that agents and kubeconfigs find it again.
  private void restart(Member member) {
    var before = installation;
    if (closing || before == null) {
      return;
    }
    try {
      var gateways = before.gateways();
      var options = switch (member.role()) {
        case CONTROL_PLANE -> controlPlaneOptions(before.apiPort(), gateways);
        case BUILD_PLANE -> buildPlaneOptions(gateways, before.buildPlaneApiPort());
        case GATEWAY -> gatewayOptions(member, before.apiPort(), gateways);
      };
      var ready = awaitReady(member, launch(member, options));
      record(before.with(member, ready.process()));
      tell.accept(member.label() + " is running again");
    } catch (CliProblem problem) {
      if (!closing) {
        tell.accept(problem.getMessage());
      }
    }
  }

  private void record(Installation now) {
    installation = now;
    now.writeWithKubeconfig(data);
  }

  private void awaitOrKill(ProcessHandle process, long deadlineNanos) {
    try {
      var left = Math.max(0, deadlineNanos - System.nanoTime());
      process.onExit().get(left, TimeUnit.NANOSECONDS);
    } catch (java.util.concurrent.TimeoutException late) {
      tell.accept("process " + process.pid() + " did not stop in time; killing it");
      process.destroyForcibly();
    } catch (java.util.concurrent.ExecutionException impossible) {
      throw new IllegalStateException(impossible);
    } catch (InterruptedException interrupted) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }

  private Path log(Member member) {
    return data.logs().resolve(member.label() + ".log");
  }

  private String logTail(Member member) {
    try {
      var lines = Files.readAllLines(log(member));
      return String.join(
          System.lineSeparator(),
          lines.subList(Math.max(0, lines.size() - LOG_TAIL_LINES), lines.size()));
    } catch (IOException unreadable) {
      return "(unreadable: " + unreadable.getMessage() + ")";
    }
  }

  private String exitText(Member member) {
    Process process;
    synchronized (this) {
      process = processes.get(member);
    }
    return process == null ? "stopped" : exitText(process);
  }

  private static String exitText(Process process) {
    var value = process.exitValue();
    return value > 128 ? "signal " + (value - 128) : "exit code " + value;
  }
}
