package dev.buildplane.testkit;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.buildplane.pki.Identity;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/// Runs the real `kubectl` against one server, with a home folder of its own so that no discovery
/// cache outlives a test. Safe for one thread.
///
/// @param kubeconfig the file it is given
/// @param home its `HOME`
public record Kubectl(Path kubeconfig, Path home) {
  private static final long PATIENCE_SECONDS = 60;

  /// What one run came to.
  ///
  /// @param out standard output, then standard error
  public record Result(int exitCode, String out) {
    /// The output of a run that must have succeeded.
    ///
    /// @throws AssertionError when it did not
    public String ok() {
      if (exitCode != 0) {
        throw new AssertionError("kubectl: expected exit code 0, found " + exitCode + ": " + out);
      }
      return out;
    }
  }

  /// Writes a kubeconfig for a server on the loopback interface and makes sure `kubectl` is there.
  ///
  /// @param folder an empty folder that may be written to
  /// @param serverCaPem who vouches for the server
  /// @throws AssertionError when there is no `kubectl`
  public static Kubectl against(Path folder, int port, String serverCaPem, Identity client)
      throws IOException {
    return against(folder, port, "", serverCaPem, client);
  }

  /// As above, for an API server that is served below a path, as those behind the gateway are.
  ///
  /// @param path empty, or a path that starts with `/` and does not end with it
  public static Kubectl against(
      Path folder, int port, String path, String serverCaPem, Identity client) throws IOException {
    requireInstalled();
    var config = folder.resolve("kubeconfig-" + port);
    Files.writeString(config, """
        apiVersion: v1
        kind: Config
        clusters:
        - name: test
          cluster: {server: "https://127.0.0.1:%d%s", certificate-authority-data: "%s"}
        users:
        - name: test
          user: {client-certificate-data: "%s", client-key-data: "%s"}
        contexts:
        - name: test
          context: {cluster: test, user: test, namespace: default}
        current-context: test
        """.formatted(
        port, path, base64(serverCaPem), base64(client.certificatePem()), base64(client.keyPem())));
    return new Kubectl(config, Files.createDirectories(folder.resolve("home-" + port)));
  }

  private static void requireInstalled() {
    var found = List.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator)).stream()
        .anyMatch(folder -> Files.isExecutable(Path.of(folder, "kubectl")));
    if (!found) {
      throw new AssertionError(
          "kubectl: expected it on the PATH, found none; install the Debian package kubernetes-client");
    }
  }

  private static String base64(String text) {
    return Base64.getEncoder().encodeToString(text.getBytes(UTF_8));
  }

  /// Runs it without input.
  public Result run(String... arguments) throws IOException, InterruptedException {
    return runWith("", arguments);
  }

  /// Runs it with `input` as its standard input.
  ///
  /// @throws AssertionError when it has not ended after a minute
  public Result runWith(String input, String... arguments)
      throws IOException, InterruptedException {
    try (var running = start(Map.of(), input, arguments)) {
      return running.end();
    }
  }

  /// Runs it with an editor that pipes the file through `sed`.
  ///
  /// @param script one `sed` script without single quotes
  public Result edit(String script, String... arguments) throws IOException, InterruptedException {
    var editor = Files.createTempFile(home, "editor", ".sh");
    Files.writeString(editor, "#!/bin/sh\nexec sed -i '" + script + "' \"$1\"\n");
    Files.setPosixFilePermissions(editor, PosixFilePermissions.fromString("rwx------"));
    try (var running = start(Map.of("EDITOR", editor.toString()), "", arguments)) {
      return running.end();
    }
  }

  /// Starts it, for commands that go on until they are closed.
  public Running start(String... arguments) throws IOException {
    return start(Map.of(), "", arguments);
  }

  /// Starts it with more environment variables and `input` as its standard input.
  public Running start(Map<String, String> environment, String input, String... arguments)
      throws IOException {
    var command = new ArrayList<String>(List.of("kubectl", "--kubeconfig", kubeconfig.toString()));
    command.addAll(List.of(arguments));
    var stdin = Files.createTempFile(home, "in", ".txt");
    var stdout = Files.createTempFile(home, "out", ".txt");
    Files.writeString(stdin, input);
    var builder = new ProcessBuilder(command)
        .redirectInput(stdin.toFile())
        .redirectOutput(stdout.toFile())
        .redirectErrorStream(true);
    builder.environment().put("HOME", home.toString());
    builder.environment().putAll(environment);
    return new Running(String.join(" ", command), builder.start(), stdout);
  }

  /// A run under way; closing it ends it.
  public static final class Running implements AutoCloseable {
    private final String command;
    private final Process process;
    private final Path stdout;

    private Running(String command, Process process, Path stdout) {
      this.command = command;
      this.process = process;
      this.stdout = stdout;
    }

    /// What it has written so far.
    public String out() throws IOException {
      return Files.readString(stdout);
    }

    /// Waits for its end.
    ///
    /// @throws AssertionError when it has not ended after a minute
    public Result end() throws IOException, InterruptedException {
      if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        throw new AssertionError(
            command + ": expected an end within " + PATIENCE_SECONDS + " s; so far: " + out());
      }
      return new Result(process.exitValue(), out());
    }

    @Override
    public void close() {
      process.destroyForcibly();
    }
  }
}
