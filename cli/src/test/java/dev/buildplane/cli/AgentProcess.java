package dev.buildplane.cli;

import dev.buildplane.pki.CertificateAuthority;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// A cluster agent as a process of its own, as `buildplane serve agent` starts it.
///
/// @param name of its files in the test's folder
record AgentProcess(String name, Process process) implements AutoCloseable {
  /// Where an agent dials and what is behind it.
  ///
  /// @param gatewayCa file with the CA of the gateway's serving certificate
  /// @param kubeconfig of the cluster behind the agent
  record Route(String gatewayUrl, Path gatewayCa, Path kubeconfig) {}

  /// Issues a certificate and starts an agent with it.
  static AgentProcess start(
      Path folder, String name, CertificateAuthority authority, String planeId, Route route)
      throws IOException {
    var identity = authority.issueClient(planeId, List.of(), Duration.ofDays(1));
    var certificate = Files.writeString(folder.resolve(name + ".crt"), identity.certificatePem());
    var key = Files.writeString(folder.resolve(name + ".key"), identity.keyPem());
    var command = new ArrayList<>(JavaCommand.server(128, 64));
    command.addAll(List.of(
        "serve",
        "agent",
        "--server-url=" + route.gatewayUrl(),
        "--health-port=0",
        "--plane-id=" + planeId,
        "--client-cert=" + certificate,
        "--client-key=" + key,
        "--server-ca=" + route.gatewayCa(),
        "--kubeconfig=" + route.kubeconfig()));
    return new AgentProcess(
        name,
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(
                ProcessBuilder.Redirect.appendTo(folder.resolve(name + ".log").toFile()))
            .start());
  }

  /// SIGTERM, and waits for its end.
  void stop() throws InterruptedException {
    process.destroy();
    process.waitFor();
  }

  /// SIGKILL, and waits for its end.
  void kill() throws InterruptedException {
    process.destroyForcibly();
    process.waitFor();
  }

  @Override
  public void close() throws InterruptedException {
    kill();
  }
}
