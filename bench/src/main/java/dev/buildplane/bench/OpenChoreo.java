package dev.buildplane.bench;

import dev.buildplane.http.LoopbackPorts;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/// Gateway and agent of OpenChoreo v0.17 as processes: programs that the user has built, started with flags of their own. They log
/// at level `warn` here, where by default they write several lines for a request. The gateway listens on all addresses of the machine,
/// also on port 8080 for its health: it knows no other way.
final class OpenChoreo {
  private static final Duration LISTENS_WITHIN = Duration.ofSeconds(20);
  private static final Duration LOOK_EVERY = Duration.ofMillis(50);

  private final Path programs;

  /// @param programs the folder with `cluster-gateway` and `cluster-agent`
  /// @throws IOException when one is missing
  OpenChoreo(Path programs) throws IOException {
    this.programs = programs;
    for (var program : List.of("cluster-gateway", "cluster-agent")) {
      if (!Files.isExecutable(programs.resolve(program))) {
        throw new IOException("--openchoreo: expected a program " + programs.resolve(program)
            + ", found none; build " + program + " of OpenChoreo v0.17 there");
      }
    }
  }

  /// A gateway that serves.
  ///
  /// @param port of both agents and callers
  record Gateway(Child process, int port) {}

  /// @param hub port of the API server with the planes
  Gateway gateway(Path folder, Certificates certificates, int hub)
      throws IOException, InterruptedException {
    int port = LoopbackPorts.free();
    var kubeconfig = certificates.kubeconfig(folder.resolve("openchoreo-gateway.kubeconfig"), hub);
    var process = Child.start(
        "openchoreo-gateway",
        folder,
        List.of(
            "env",
            "KUBECONFIG=" + kubeconfig,
            programs.resolve("cluster-gateway").toString(),
            "--port=" + port,
            "--server-cert=" + certificates.certificateFile("server"),
            "--server-key=" + certificates.keyFile("server"),
            "--log-level=warn"));
    awaitListening(process, port);
    return new Gateway(process, port);
  }

  private static void awaitListening(Child process, int port)
      throws IOException, InterruptedException {
    var deadline = System.nanoTime() + LISTENS_WITHIN.toNanos();
    while (true) {
      process.requireAlive();
      try (var probe = new Socket(InetAddress.getLoopbackAddress(), port)) {
        return;
      } catch (ConnectException notYet) {
        if (System.nanoTime() > deadline) {
          throw new IOException("expected OpenChoreo's gateway to listen within " + LISTENS_WITHIN
              + ", found: " + process.output());
        }
        Thread.sleep(LOOK_EVERY);
      }
    }
  }

  /// An agent, which dials on its own.
  ///
  /// @param gateway port of the listener for agents
  /// @param kubeconfig of its cluster
  Child agent(
      String name,
      Path folder,
      Certificates certificates,
      int gateway,
      String plane,
      Path kubeconfig)
      throws IOException {
    return Child.start(
        name,
        folder,
        List.of(
            programs.resolve("cluster-agent").toString(),
            "--server-url=wss://127.0.0.1:" + gateway + "/ws",
            "--plane-type=buildplane",
            "--plane-id=" + plane,
            "--client-cert=" + certificates.certificateFile("agent"),
            "--client-key=" + certificates.keyFile("agent"),
            "--server-ca=" + certificates.certificateFile("server-ca"),
            "--kubeconfig=" + kubeconfig,
            "--log-level=warn"));
  }
}
