package dev.buildplane.cli;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `buildplane status`.
@Command(
    name = "status",
    description = {
      "Shows what runs on the data directory.",
      "",
      "Exit code 0 when all of it runs and answers, 1 when something does not, 5 when nothing runs."
    })
final class StatusCommand implements Callable<Integer> {
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  @Spec
  CommandSpec spec = CommandSpec.create();

  @Mixin
  DataDirectoryOption dataDirectory = new DataDirectoryOption();

  @Mixin
  HelpOption help = new HelpOption();

  @Override
  public Integer call() throws InterruptedException {
    var out = spec.commandLine().getOut();
    var data = dataDirectory.resolve();
    var running = Installation.running(data);
    if (running.isEmpty()) {
      out.println("Nothing is up on " + data.root() + "; start it with: buildplane up"
          + UpCommand.dataDirectoryArgument(data));
      return ExitCode.UNREACHABLE.code();
    }
    var installation = running.get();
    var rows = new ArrayList<List<String>>();
    rows.add(List.of("PROCESS", "PID", "STATE", "ADDRESS"));
    rows.add(row("supervisor", installation.supervisor(), ""));
    rows.add(row("control-plane", installation.controlPlane(), installation.apiUrl()));
    boolean gatewaysReady = true;
    var gateways = installation.gateways();
    for (int i = 0; i < gateways.size(); i++) {
      boolean ready = isReady(gateways.get(i).healthUrl() + "/readyz");
      gatewaysReady &= ready;
      rows.add(gateway(installation, i, gateways.get(i), ready));
    }
    rows.add(row("build-plane", installation.buildPlane(), installation.buildPlaneApiUrl()));
    Resources.grid(out, rows, "   ");
    out.println();
    out.println("kubeconfig: " + data.kubeconfig());
    var good =
        gatewaysReady && installation.members().values().stream().allMatch(ProcessId::isAlive);
    return (good ? ExitCode.OK : ExitCode.FAILED).code();
  }

  private static List<String> gateway(
      Installation installation, int index, GatewayPorts ports, boolean ready) {
    var state = ready ? "ready" : "not ready";
    return index == 0
        ? List.of("  gateway", "", state, ports.agentUrl())
        : List.of(
            Member.gateway(index + 1).label(),
            pid(installation.replicas().get(index - 1).process()),
            state,
            ports.agentUrl());
  }

  private static List<String> row(String name, ProcessId process, String address) {
    return List.of(name, pid(process), process.isAlive() ? "running" : "not running", address);
  }

  /// None while it is down: its number may be another process's by now.
  private static String pid(ProcessId process) {
    return process.handle().map(found -> Long.toString(found.pid())).orElse("-");
  }

  private static boolean isReady(String url) throws InterruptedException {
    try (var client = HttpClient.newBuilder().connectTimeout(PATIENCE).build()) {
      var answer = client.send(
          HttpRequest.newBuilder(URI.create(url)).timeout(PATIENCE).build(),
          HttpResponse.BodyHandlers.discarding());
      return answer.statusCode() == 200;
    } catch (IOException silent) {
      return false;
    }
  }
}
