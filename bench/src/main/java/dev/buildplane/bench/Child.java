package dev.buildplane.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.TimeUnit;

/// A process that the benchmark started and that ends with it.
final class Child implements AutoCloseable {
  private static final Duration READY_WITHIN = Duration.ofSeconds(60);
  private static final Duration LOOK_EVERY = Duration.ofMillis(20);
  private static final Duration STOP_WITHIN = Duration.ofSeconds(15);

  /// What every JVM of the product is started with, beside its sizes.
  private static final List<String> JVM_FLAGS = List.of(
      "--enable-native-access=ALL-UNNAMED",
      "--sun-misc-unsafe-memory-access=allow",
      "-XX:+UseSerialGC",
      "-XX:+UseCompactObjectHeaders",
      "-XX:+ExitOnOutOfMemoryError",
      "-Dio.netty.leakDetection.level=disabled",
      "-Dio.netty.allocator.lowMemory=false");

  private final String name;
  private final Process process;
  private final Path log;
  private final Properties ports = new Properties();

  private Child(String name, Process process, Path log) {
    this.name = name;
    this.process = process;
    this.log = log;
  }

  /// Starts a program; its output goes to `NAME.log` in the folder.
  static Child start(String name, Path folder, List<String> command) throws IOException {
    var log = folder.resolve(name + ".log");
    var process = new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(log.toFile())
        .redirectInput(Path.of("/dev/null").toFile())
        .start();
    var child = new Child(name, process, log);
    Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
    return child;
  }

  /// Starts a [Part] and waits until it serves.
  static Child part(
      String name,
      Path folder,
      List<String> jvm,
      String part,
      Certificates certificates,
      String... more)
      throws IOException, InterruptedException {
    var ready = folder.resolve(name + ".ports");
    var arguments =
        new ArrayList<>(List.of(part, ready.toString(), certificates.folder().toString()));
    arguments.addAll(List.of(more));
    var child = start(name, folder, java(jvm, "dev.buildplane.bench.Part", arguments));
    child.awaitReady(ready);
    return child;
  }

  /// A command line for this JVM's class path.
  static List<String> java(List<String> jvm, String main, List<String> arguments) {
    var command = new ArrayList<>(
        List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
    command.addAll(JVM_FLAGS);
    command.addAll(jvm);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main));
    command.addAll(arguments);
    return command;
  }

  private void awaitReady(Path file) throws IOException, InterruptedException {
    var deadline = System.nanoTime() + READY_WITHIN.toNanos();
    while (!Files.exists(file)) {
      if (process.waitFor(LOOK_EVERY.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new IOException("expected " + name + " to start, found that it ended: " + output());
      }
      if (System.nanoTime() > deadline) {
        throw new IOException(
            "expected " + name + " to be ready within " + READY_WITHIN + ", found: " + output());
      }
    }
    try (var in = Files.newBufferedReader(file)) {
      ports.load(in);
    }
  }

  int port(String port) {
    return Integer.parseInt(ports.getProperty(port));
  }

  long pid() {
    return process.pid();
  }

  ProcessHandle handle() {
    return process.toHandle();
  }

  void requireAlive() throws IOException {
    if (!process.isAlive()) {
      throw new IOException("expected " + name + " to run, found that it ended: " + output());
    }
  }

  String output() throws IOException {
    return Files.readString(log);
  }

  /// SIGKILL.
  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  @Override
  public void close() throws InterruptedException {
    process.destroy();
    if (!process.waitFor(STOP_WITHIN.toSeconds(), TimeUnit.SECONDS)) {
      process.destroyForcibly();
      process.waitFor();
    }
  }
}
