package dev.buildplane.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// The process of an [AgentSwarm] and the line to it. One command at a time.
final class Swarm implements AutoCloseable {
  private static final String HEAP = "-Xmx2g";

  /// In the field agents have processors of their own: here they get what the others leave.
  private static final List<String> LOWEST_PRIORITY = List.of("nice", "-n", "19");

  private static final long STOP_SECONDS = 10;

  private final Process process;
  private final PrintStream commands;
  private final BufferedReader answers;

  private Swarm(Process process) {
    this.process = process;
    this.commands = new PrintStream(process.getOutputStream(), true, StandardCharsets.US_ASCII);
    this.answers = process.inputReader(StandardCharsets.US_ASCII);
  }

  static Swarm start(Path folder, Certificates certificates, int port, int perPlane)
      throws IOException {
    var command = new ArrayList<>(LOWEST_PRIORITY);
    command.addAll(Child.java(
        List.of(HEAP, "-Dlogback.statusListenerClass=ch.qos.logback.core.status.NopStatusListener"),
        "dev.buildplane.bench.AgentSwarm",
        List.of(
            certificates.folder().toString(), Integer.toString(port), Integer.toString(perPlane))));
    var process = new ProcessBuilder(command)
        .redirectError(folder.resolve("swarm.log").toFile())
        .start();
    Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
    return new Swarm(process);
  }

  Usage usage() {
    return new Usage("agents", process.toHandle());
  }

  double dial(int from, int to, int ahead) throws IOException {
    return Double.parseDouble(ask("dial " + from + " " + to + " " + ahead));
  }

  long sample(int agent) throws IOException {
    return Long.parseLong(ask("sample " + agent));
  }

  double drop() throws IOException {
    return Double.parseDouble(ask("drop"));
  }

  int losses() throws IOException {
    return Integer.parseInt(ask("losses"));
  }

  private String ask(String command) throws IOException {
    commands.println(command);
    var answer = answers.readLine();
    if (answer == null) {
      throw new IOException("the process of the agents ended during '" + command + "'");
    }
    return answer;
  }

  @Override
  public void close() throws InterruptedException {
    commands.close();
    if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
    }
  }
}
