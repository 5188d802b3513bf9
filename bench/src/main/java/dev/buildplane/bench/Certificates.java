package dev.buildplane.bench;

import dev.buildplane.gateway.MeshSettings;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/// The certificates of one benchmark, as files in a folder of its own: `server-ca` signs servers, `internal-ca` callers,
/// `agent-ca` agents.
record Certificates(Path folder) {
  private static final Duration VALIDITY = Duration.ofDays(2);

  static Certificates create(Path folder) throws IOException {
    var made = new Certificates(Files.createDirectories(folder));
    var servers = made.authority("server-ca");
    made.write("server", servers.issueServer("bench", List.of("localhost", "127.0.0.1"), VALIDITY));
    var callers = made.authority("internal-ca");
    made.write(
        "peer", callers.issueClient("bench-peer", List.of(MeshSettings.PEER_GROUP), VALIDITY));
    made.write("admin", callers.issueClient("admin", List.of("system:masters"), VALIDITY));
    var agents = made.authority("agent-ca");
    made.write("agent", agents.issueClient("bench-agent", List.of(), VALIDITY));
    return made;
  }

  Path certificateFile(String name) {
    return folder.resolve(name + ".crt");
  }

  Path keyFile(String name) {
    return folder.resolve(name + ".key");
  }

  Identity identity(String name) throws Exception {
    return Identity.read(certificateFile(name), keyFile(name));
  }

  TrustBundle trust(String name) throws Exception {
    return TrustBundle.read(certificateFile(name));
  }

  private CertificateAuthority authority(String name) throws IOException {
    var authority = CertificateAuthority.create(name, VALIDITY);
    write(name, authority.identity());
    return authority;
  }

  private void write(String name, Identity identity) throws IOException {
    Files.writeString(certificateFile(name), identity.certificatePem());
    Files.writeString(keyFile(name), identity.keyPem());
  }

  /// Writes how the administrator reaches the API server of the control plane.
  Path kubeconfig(Path file, int hubPort) throws IOException {
    return Files.writeString(file, """
        apiVersion: v1
        kind: Config
        current-context: bench
        clusters: [{name: bench, cluster: {server: 'https://127.0.0.1:%d', certificate-authority: '%s'}}]
        users: [{name: bench, user: {client-certificate: '%s', client-key: '%s'}}]
        contexts: [{name: bench, context: {cluster: bench, user: bench}}]
        """.formatted(
            hubPort, certificateFile("server-ca"), certificateFile("admin"), keyFile("admin")));
  }
}
