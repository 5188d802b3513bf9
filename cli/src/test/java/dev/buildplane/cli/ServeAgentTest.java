package dev.buildplane.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.pki.CertificateAuthority;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What `buildplane serve agent` says of files that it cannot use.
class ServeAgentTest {
  @TempDir
  Path folder;

  @BeforeEach
  void files() throws Exception {
    var day = Duration.ofDays(1);
    var ca = CertificateAuthority.create("test CA", day);
    var identity = ca.issueClient("agent", List.of(), day);
    Files.writeString(folder.resolve("tls.crt"), identity.certificatePem());
    Files.writeString(folder.resolve("tls.key"), identity.keyPem());
    Files.writeString(folder.resolve("ca.pem"), ca.certificatePem());
    Files.writeString(folder.resolve("kubeconfig"), """
        apiVersion: v1
        kind: Config
        current-context: x
        contexts: [{ name: x, context: { cluster: x, user: x } }]
        clusters: [{ name: x, cluster: { server: "http://localhost:1" } }]
        users: [{ name: x, user: { token: none } }]
        """);
  }

  private String refused() {
    return refused(ExitCode.FAILED);
  }

  private String refused(ExitCode expected, String... more) {
    var told = new StringWriter();
    int exitCode = Main.run(
        Stream.concat(
                Stream.of(
                    "serve",
                    "agent",
                    "--server-url=wss://localhost:1/ws",
                    "--plane-id=x",
                    "--health-port=0",
                    "--client-cert=" + folder.resolve("tls.crt"),
                    "--client-key=" + folder.resolve("tls.key"),
                    "--server-ca=" + folder.resolve("ca.pem"),
                    "--kubeconfig=" + folder.resolve("kubeconfig"),
                    "--targets=" + folder.resolve("targets.yaml")),
                Stream.of(more))
            .toArray(String[]::new),
        new PrintWriter(told),
        new PrintWriter(told, true));
    assertThat(exitCode).isEqualTo(expected.code());
    return told.toString();
  }

  @Test
  void aMisspeltKeyOfTheTargetsIsTheUsersToMend() throws Exception {
    var targets = folder.resolve("targets.yaml");
    Files.writeString(targets, "targets: [{ name: logs, url: 'https://x', atuh: {} }]");
    assertThat(refused())
        .isEqualToIgnoringNewLines("buildplane: " + targets
            + ": expected only [auth, ca, name, url] in a target, found 'atuh'");
  }

  @Test
  void aCertificateThatIsNotThereIsNamed() throws Exception {
    Files.delete(folder.resolve("tls.crt"));
    assertThat(refused())
        .startsWith("buildplane: ")
        .contains(folder.resolve("tls.crt").toString(), "expected client certificate")
        .doesNotContain("unexpected");
  }

  @Test
  void aDrainOutOfBoundsIsTheUsersToMend() {
    assertThat(refused(ExitCode.USAGE, "--drain=0"))
        .isEqualToIgnoringNewLines("buildplane: expected 1 to 3600 seconds for --drain, found 0");
    assertThat(refused(ExitCode.USAGE, "--drain=soon")).contains("--drain", "soon");
  }
}
