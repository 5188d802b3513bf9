package dev.buildplane.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;

/// The product's agent in a process of its own, started as a user starts it, with a [TargetServer] as its cluster.
final class AgentProcess {
  /// JVM flags that the launcher gives an agent.
  static final String JVM = "-Xmx128m -Xmn16m -XX:MaxDirectMemorySize=64m";

  /// The environment that the launcher gives an agent.
  private static final List<String> ENVIRONMENT = List.of("env", "MALLOC_ARENA_MAX=2");

  private static final Duration CONNECTED_WITHIN = Duration.ofSeconds(60);
  private static final Duration LOOK_EVERY = Duration.ofMillis(5);

  private AgentProcess() {}

  /// @param gateway `HOST:PORT` of the listener for agents
  /// @param plane its planeID
  /// @param target `HOST:PORT` of its cluster
  static Child start(
      String name,
      Path folder,
      Certificates certificates,
      List<String> prefix,
      List<String> jvm,
      String gateway,
      String plane,
      String target,
      List<String> more)
      throws Exception {
    var kubeconfig = kubeconfig(name, folder, certificates, target);
    var arguments = new ArrayList<>(List.of(
        "serve",
        "agent",
        "--log-level=warn",
        "--health-port=0",
        "--server-url=wss://" + gateway + "/ws",
        "--plane-id=" + plane,
        "--client-cert=" + certificates.certificateFile("agent"),
        "--client-key=" + certificates.keyFile("agent"),
        "--server-ca=" + certificates.certificateFile("server-ca"),
        "--kubeconfig=" + kubeconfig));
    arguments.addAll(more);
    var command = new ArrayList<>(ENVIRONMENT);
    command.addAll(prefix);
    command.addAll(Child.java(jvm, "dev.buildplane.cli.Main", arguments));
    return Child.start(name, folder, command);
  }

  /// Makes the file for the agent called `name`.
  static Path kubeconfig(String name, Path folder, Certificates certificates, String target)
      throws Exception {
    var trust = Base64.getEncoder()
        .encodeToString(certificates.trust("server-ca").pem().getBytes(StandardCharsets.US_ASCII));
    return Files.writeString(folder.resolve(name + ".kubeconfig"), """
        apiVersion: v1
        kind: Config
        current-context: bench
        clusters: [{name: bench, cluster: {server: 'https://%s', certificate-authority-data: %s}}]
        users: [{name: bench, user: {token: none}}]
        contexts: [{name: bench, context: {cluster: bench, user: bench}}]
        """.formatted(target, trust));
  }

  /// Where callers reach the target behind the agent of a plane, whose resource has the same name as its planeID.
  static Endpoint endpoint(
      Certificates certificates, String host, int port, String plane, boolean http2)
      throws Exception {
    return new Endpoint(
        host,
        port,
        Planes.path(plane),
        http2,
        certificates.trust("server-ca"),
        Optional.of(certificates.identity("admin")));
  }

  /// Waits for the first answer through the tunnel.
  static void awaitAnswer(LoadClient client, Child agent) throws Exception {
    awaitAnswer(client, () -> {
      agent.requireAlive();
      return agent.output();
    });
  }

  /// As above.
  ///
  /// @param found tells what is wrong when there is none
  static void awaitAnswer(LoadClient client, Callable<String> found) throws Exception {
    var deadline = System.nanoTime() + CONNECTED_WITHIN.toNanos();
    while (!answers(client)) {
      var soFar = found.call();
      if (System.nanoTime() > deadline) {
        throw new IOException("expected an answer through the tunnel within " + CONNECTED_WITHIN
            + ", found none: " + soFar);
      }
      Thread.sleep(LOOK_EVERY);
    }
  }

  private static boolean answers(LoadClient client) throws Exception {
    try {
      return client.once(Request.get("/small")).length == TargetServer.SMALL_BYTES;
    } catch (ExecutionException notYet) {
      return false;
    }
  }
}
