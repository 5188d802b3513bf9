package dev.buildplane.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `buildplane up`.
@Command(
    name = "up",
    description = {
      "Starts a control plane and a build plane on this machine and keeps them running.",
      "",
      "Both listen on 127.0.0.1 only and keep their state in the data directory; stop them with Ctrl-C or 'buildplane down', start them again with the same command."
    })
final class UpCommand implements Callable<Integer> {
  @Spec
  CommandSpec spec = CommandSpec.create();

  @Mixin
  DataDirectoryOption dataDirectory = new DataDirectoryOption();

  @Mixin
  Ports ports = new Ports();

  @Mixin
  HelpOption help = new HelpOption();

  @Option(
      names = "--gateways",
      paramLabel = "COUNT",
      defaultValue = "1",
      description = {
        "Replicas of the cluster gateway, 1 to 8 (default: ${DEFAULT-VALUE}). The first is part of the control plane; each further one is a process with ports 10 above those of the one before, or any free ones where 0 is given"
      })
  int gateways;

  @Option(
      names = {"-d", "--detach"},
      description = "Return once everything is ready; 'buildplane down' stops it")
  boolean detach;

  @Override
  public Integer call() throws InterruptedException {
    var out = spec.commandLine().getOut();
    var data = dataDirectory.resolve();
    return detach ? detached(data, out) : attached(data, out);
  }

  private int attached(DataDirectory data, PrintWriter out) throws InterruptedException {
    try (var supervisor =
        new Supervisor(data, line -> spec.commandLine().getErr().println("buildplane: " + line))) {
      var stop = new Thread(supervisor::close, "stop");
      Runtime.getRuntime().addShutdownHook(stop);
      var installation = supervisor.start(ports, gateways);
      out.println(describe(data, installation));
      out.println("Stop it with Ctrl-C.");
      supervisor.supervise();
    }
    return ExitCode.OK.code();
  }

  private int detached(DataDirectory data, PrintWriter out) throws InterruptedException {
    var before = Installation.running(data);
    if (before.isPresent()) {
      out.println("It is up already (process " + before.get().supervisor().pid() + ").");
      out.println(describe(data, before.get()));
      return ExitCode.OK.code();
    }
    var installation = startDetached(data, ports, gateways);
    out.println(describe(data, installation));
    out.println("Stop it with: buildplane down" + dataDirectoryArgument(data));
    return ExitCode.OK.code();
  }

  static Installation startDetached(DataDirectory data, Ports ports) throws InterruptedException {
    return startDetached(data, ports, 1);
  }

  private static Installation startDetached(DataDirectory data, Ports ports, int gateways)
      throws InterruptedException {
    data.create();
    var log = data.logs().resolve("supervisor.log");
    try {
      Files.deleteIfExists(log);
      var process = new ProcessBuilder(command(data, ports, gateways))
          .redirectErrorStream(true)
          .redirectOutput(log.toFile())
          .redirectInput(Path.of("/dev/null").toFile())
          .start();
      var deadline = System.nanoTime() + 2 * Supervisor.READY_WITHIN.toNanos();
      while (System.nanoTime() < deadline) {
        var running = Installation.running(data)
            .filter(installation -> installation.supervisor().pid() == process.pid());
        if (running.isPresent()) {
          return running.get();
        }
        if (process.waitFor(100, TimeUnit.MILLISECONDS)) {
          throw new CliProblem(Files.readString(log).strip().replaceFirst("^buildplane: ", ""));
        }
      }
      process.destroy();
      throw new CliProblem(
          "expected the installation to be ready, found that it is not; see " + log);
    } catch (IOException cannot) {
      throw new CliProblem("could not start the supervisor: " + cannot.getMessage(), cannot);
    }
  }

  /// In a session of its own where `setsid` exists, so that the terminal's Ctrl-C and hang-up do not reach it.
  private static List<String> command(DataDirectory data, Ports ports, int gateways) {
    var command = new ArrayList<String>();
    if (Files.isExecutable(Path.of("/usr/bin/setsid"))) {
      command.add("/usr/bin/setsid");
    }
    command.addAll(JavaCommand.command());
    command.add("up");
    command.add("--data-dir=" + data.root());
    command.add("--api-port=" + ports.controlPlane.api);
    command.add("--agent-port=" + ports.controlPlane.agent);
    command.add("--gateway-port=" + ports.controlPlane.gateway);
    command.add("--health-port=" + ports.controlPlane.health);
    command.add("--build-plane-api-port=" + ports.buildPlane.api);
    command.add("--gateways=" + gateways);
    return command;
  }

  /// What a user needs to know of a running installation.
  static String describe(DataDirectory data, Installation installation) {
    return """
        Buildplane is up.

          control plane API   %s   kubectl context control-plane
          build plane API     %s   kubectl context build-plane
          cluster gateway     %s   agents dial here
                              %s   callers
          health, metrics     %s
          data directory      %s
        %s
        Next:
          export KUBECONFIG=%s
          kubectl get clusterbuildplanes
          kubectl --context build-plane get pods -A
        """.formatted(
            installation.apiUrl(),
            installation.buildPlaneApiUrl(),
            installation.agentUrl(),
            installation.gatewayUrl(),
            installation.healthUrl(),
            data.root(),
            furtherGateways(installation),
            data.kubeconfig());
  }

  private static String furtherGateways(Installation installation) {
    var lines = new StringBuilder();
    for (var replica : installation.replicas()) {
      lines
          .append("  %-18s  %s   agents%n"
              .formatted(replica.member().label(), replica.ports().agentUrl()))
          .append(
              "                      %s   callers%n".formatted(replica.ports().callersUrl()));
    }
    return lines.toString();
  }

  static String dataDirectoryArgument(DataDirectory data) {
    return data.equals(DataDirectory.ofUser()) ? "" : " --data-dir " + data.root();
  }
}
