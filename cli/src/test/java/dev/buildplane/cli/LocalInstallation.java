package dev.buildplane.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// A standalone installation of a test, on free ports and in a folder of its own, used as its users do: by the
/// `buildplane` command and by `kubectl`.
final class LocalInstallation implements AutoCloseable {
  /// What a command printed and how it ended.
  record Outcome(int exitCode, String output) {}

  private static final long COMMAND_PATIENCE_SECONDS = 180;
  private static final List<String> ANY_PORTS = List.of(
      "--api-port=0",
      "--agent-port=0",
      "--gateway-port=0",
      "--health-port=0",
      "--build-plane-api-port=0");

  private final DataDirectory data;

  LocalInstallation(Path folder) {
    data = new DataDirectory(folder);
  }

  DataDirectory data() {
    return data;
  }

  Installation state() {
    return Installation.running(data)
        .orElseThrow(() -> new AssertionError("nothing is up on " + data.root()));
  }

  /// Starts it, or again after it was stopped or killed.
  LocalInstallation up(String... more) {
    var arguments = new ArrayList<>(List.of("up", "--detach"));
    arguments.addAll(ANY_PORTS);
    arguments.addAll(List.of(more));
    var outcome = buildplane(arguments.toArray(String[]::new));
    if (outcome.exitCode() != 0) {
      throw new AssertionError("up failed: " + outcome.output() + logs());
    }
    return this;
  }

  /// The way of a further agent: to this gateway, for the build plane that came with the installation.
  AgentProcess.Route routeToPlane() throws IOException {
    var kubeconfig = data.root().resolve("build-plane.kubeconfig");
    Files.writeString(
        kubeconfig,
        Files.readString(data.kubeconfig())
            .replace("current-context: control-plane", "current-context: build-plane"));
    return new AgentProcess.Route(
        state().agentUrl(), data.pki().resolve("control-plane-ca.crt"), kubeconfig);
  }

  /// Runs a command of `buildplane` on this installation, in this JVM.
  Outcome buildplane(String... arguments) {
    var all = new ArrayList<>(List.of(arguments));
    all.add("--data-dir=" + data.root());
    var text = new StringWriter();
    var writer = new PrintWriter(text, true);
    var code = Main.run(all.toArray(String[]::new), writer, writer);
    return new Outcome(code, text.toString());
  }

  /// Runs `kubectl` against the control plane.
  Outcome kubectl(String... arguments) {
    return kubectlWithInput("", arguments);
  }

  /// Runs `kubectl` with text on its standard input, for `apply -f -`.
  Outcome kubectlWithInput(String input, String... arguments) {
    var command = new ArrayList<>(List.of("kubectl", "--kubeconfig=" + data.kubeconfig()));
    command.addAll(List.of(arguments));
    return run(command, input);
  }

  static Outcome run(List<String> command, String input) {
    try {
      var process = new ProcessBuilder(command).redirectErrorStream(true).start();
      try (var stdin = process.outputWriter()) {
        stdin.write(input);
      }
      var output = new String(
          process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
      if (!process.waitFor(COMMAND_PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new AssertionError(
            command + " did not end within " + COMMAND_PATIENCE_SECONDS + " s: " + output);
      }
      return new Outcome(process.exitValue(), output);
    } catch (IOException missing) {
      throw new AssertionError(
          "expected " + command.getFirst()
              + " on the PATH; for kubectl install the Debian package kubernetes-client",
          missing);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new AssertionError(interrupted);
    }
  }

  String logs() {
    var text = new StringBuilder();
    try (var logs = Files.list(data.logs())) {
      for (var log : logs.sorted().toList()) {
        text.append(System.lineSeparator()).append(log).append(System.lineSeparator());
        text.append(Files.readString(log));
      }
    } catch (IOException unreadable) {
      text.append(unreadable);
    }
    return text.toString();
  }

  @Override
  public void close() {
    buildplane("down");
  }
}
