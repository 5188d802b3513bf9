package dev.buildplane.cli;

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
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Starts the two processes of a standalone installation, starts them again when they die, and stops them: those it
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
  private final Map<Role, Process> processes = new EnumMap<>(Role.class); // guarded by this
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
    data.create();
    lock();
    endRemains();
    ports.requireFree();
    new StandalonePki(data.pki()).ensure();
    // Both at once: the agent dials until the gateway is there. So its port must be known first.
    var agentPort = ports.controlPlane.agent == 0 ? freePort() : ports.controlPlane.agent;
    var controlProcess = launch(
        Role.CONTROL_PLANE,
        controlPlaneOptions(
            ports.controlPlane.api,
            agentPort,
            ports.controlPlane.gateway,
            ports.controlPlane.health));
    var buildProcess = launch(Role.BUILD_PLANE, buildPlaneOptions(agentPort, ports.buildPlane.api));
    var control = awaitReady(Role.CONTROL_PLANE, controlProcess);
    var build = awaitReady(Role.BUILD_PLANE, buildProcess);
    var started = new Installation(
        ProcessId.current(),
        control.process(),
        build.process(),
        control.port("--api-port"),
        agentPort,
        control.port("--gateway-port"),
        control.port("--health-port"),
        build.port("--build-plane-api-port"));
    record(started);
    return started;
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

  /// Stops both processes, orderly first, and frees the data directory. A repeat does nothing.
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
    for (var role : Role.values()) {
      RoleReady.read(data, role).flatMap(ready -> ready.process().handle()).ifPresent(remaining -> {
        remaining.destroy();
        awaitOrKill(remaining, deadline);
      });
    }
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

  private static int freePort() {
    try (var probe = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return probe.getLocalPort();
    } catch (IOException none) {
      throw new CliProblem("expected a free port on 127.0.0.1, found: " + none.getMessage(), none);
    }
  }

  private List<String> controlPlaneOptions(int api, int agent, int gateway, int health) {
    return List.of(
        "--api-port=" + api,
        "--agent-port=" + agent,
        "--gateway-port=" + gateway,
        "--health-port=" + health);
  }

  private List<String> buildPlaneOptions(int agentPort, int api) {
    return List.of(
        "--server-url=wss://127.0.0.1:" + agentPort + "/ws", "--build-plane-api-port=" + api);
  }

  private Process launch(Role role, List<String> options) {
    try {
      Files.deleteIfExists(RoleReady.file(data, role));
      var process = new ProcessBuilder(command(role, options))
          .redirectErrorStream(true)
          .redirectOutput(ProcessBuilder.Redirect.appendTo(log(role).toFile()))
          .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
          .start();
      synchronized (this) {
        processes.put(role, process);
      }
      if (closing) {
        process.destroy();
      }
      return process;
    } catch (IOException cannot) {
      throw new CliProblem("could not start " + role.label() + ": " + cannot.getMessage(), cannot);
    }
  }

  private List<String> command(Role role, List<String> options) {
    var command = new ArrayList<>(JavaCommand.server(role.heapMebibytes(), role.directMebibytes()));
    command.addAll(List.of("serve", role.label(), "--data-dir", data.root().toString()));
    command.add("--parent=" + ProcessHandle.current().pid());
    command.addAll(options);
    return command;
  }

  private RoleReady awaitReady(Role role, Process process) {
    var deadline = System.nanoTime() + READY_WITHIN.toNanos();
    try {
      while (System.nanoTime() < deadline) {
        var ready = RoleReady.read(data, role);
        if (ready.isPresent() && ready.get().process().pid() == process.pid()) {
          return ready.get();
        }
        if (process.waitFor(LOOK_EVERY.toMillis(), TimeUnit.MILLISECONDS)) {
          throw new CliProblem(
              "expected %s to start, found that it ended (%s); the end of its log %s:%n%s"
                  .formatted(role.label(), exitText(process), log(role), logTail(role)));
        }
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new CliProblem("interrupted while " + role.label() + " was starting");
    }
    throw new CliProblem(
        "expected %s to be ready within %d s, found that it is not; the end of its log %s:%n%s"
            .formatted(role.label(), READY_WITHIN.toSeconds(), log(role), logTail(role)));
  }

  private @Nullable Role awaitAnyEnd() throws InterruptedException {
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
  private void restart(Role role) {
    var before = installation;
    if (closing || before == null) {
      return;
    }
    try {
      var options = switch (role) {
        case CONTROL_PLANE ->
          controlPlaneOptions(
              before.apiPort(), before.agentPort(), before.gatewayPort(), before.healthPort());
        case BUILD_PLANE -> buildPlaneOptions(before.agentPort(), before.buildPlaneApiPort());
      };
      var ready = awaitReady(role, launch(role, options));
      record(
          switch (role) {
            case CONTROL_PLANE -> before.withControlPlane(ready.process());
            case BUILD_PLANE -> before.withBuildPlane(ready.process());
          });
      tell.accept(role.label() + " is running again");
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

  private Path log(Role role) {
    return data.logs().resolve(role.label() + ".log");
  }

  private String logTail(Role role) {
    try {
      var lines = Files.readAllLines(log(role));
      return String.join(
          System.lineSeparator(),
          lines.subList(Math.max(0, lines.size() - LOG_TAIL_LINES), lines.size()));
    } catch (IOException unreadable) {
      return "(unreadable: " + unreadable.getMessage() + ")";
    }
  }

  private String exitText(Role role) {
    Process process;
    synchronized (this) {
      process = processes.get(role);
    }
    return process == null ? "stopped" : exitText(process);
  }

  private static String exitText(Process process) {
    var value = process.exitValue();
    return value > 128 ? "signal " + (value - 128) : "exit code " + value;
  }
}
