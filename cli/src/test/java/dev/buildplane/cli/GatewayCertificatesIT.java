package dev.buildplane.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.buildplane.http.HttpServer;
import dev.buildplane.http.HttpServerSettings;
import dev.buildplane.http.Policy;
import dev.buildplane.http.Route;
import dev.buildplane.http.Router;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.Identity;
import dev.buildplane.testkit.TestTls;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.List;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A gateway whose certificate files are replaced while it runs shows and believes what stands in them, and goes on with what it
/// had when they are of no use.
class GatewayCertificatesIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Duration DAY = Duration.ofDays(1);

  @TempDir
  Path folder;

  private final CertificateAuthority ca = CertificateAuthority.create("serving", DAY);
  private GatewayCertificates certificates;

  @BeforeEach
  void start() throws IOException {
    write("server", server());
    write("peer", ca.issueClient("peer", List.of("buildplane:gateways"), DAY));
    Files.writeString(folder.resolve("callers.crt"), ca.certificatePem());
    Files.writeString(folder.resolve("peers.crt"), ca.certificatePem());
    certificates = GatewayCertificates.follow(sources(), Duration.ofMillis(50));
  }

  @AfterEach
  void stop() {
    certificates.close();
  }

  private Identity server() {
    return ca.issueServer("localhost", List.of("localhost", "127.0.0.1"), DAY);
  }

  private void write(String name, Identity identity) throws IOException {
    Files.writeString(folder.resolve(name + ".key"), identity.keyPem());
    Files.writeString(folder.resolve(name + ".crt"), identity.certificatePem());
  }

  private GatewayCertificates.Sources sources() {
    return new GatewayCertificates.Sources(
        pair("server"), folder.resolve("callers.crt"), pair("peer"), folder.resolve("peers.crt"));
  }

  private GatewayCertificates.Pair pair(String name) {
    return new GatewayCertificates.Pair(
        folder.resolve(name + ".crt"), folder.resolve(name + ".key"));
  }

  /// What a new connection is shown.
  private X509Certificate shown(int port) throws Exception {
    var context = TestTls.context(null, ca.trust());
    try (var socket = (SSLSocket) context.getSocketFactory().createSocket("localhost", port)) {
      socket.startHandshake();
      return (X509Certificate) socket.getSession().getPeerCertificates()[0];
    }
  }

  @Test
  void aNewServingCertificateIsShownToNewConnectionsAndARestartIsNotNeeded() throws Exception {
    var router = Router.builder()
        .route(Route.get(
            "/",
            Policy.PUBLIC,
            exchange -> exchange.respond(200, dev.buildplane.http.Headers.EMPTY, new byte[0])))
        .build();
    try (var listener = HttpServer.start(
        HttpServerSettings.tls("test", ControlPlaneRole.loopback(0), certificates.server()),
        router)) {
      var before = shown(listener.port());
      var next = server();

      write("server", next);

      await()
          .atMost(PATIENCE)
          .until(() -> shown(listener.port()).equals(next.chain().getFirst()));
      assertThat(before).isNotEqualTo(next.chain().getFirst());
    }
  }

  @Test
  void newCasAndANewPeerCertificateAreTakenUp() throws IOException {
    var next = CertificateAuthority.create("next", DAY);
    var peer = next.issueClient("peer", List.of("buildplane:gateways"), DAY);

    Files.writeString(folder.resolve("callers.crt"), ca.certificatePem() + next.certificatePem());
    Files.writeString(folder.resolve("peers.crt"), next.certificatePem());
    write("peer", peer);

    await().atMost(PATIENCE).untilAsserted(() -> {
      assertThat(certificates.callerTrust().certificates())
          .containsExactly(ca.certificate(), next.certificate());
      assertThat(certificates.peerTrust().certificates()).containsExactly(next.certificate());
      assertThat(certificates.peer().chain()).isEqualTo(peer.chain());
    });
  }

  @Test
  void filesOfNoUseChangeNothingAndTheNextGoodOnesDo() throws IOException {
    var next = CertificateAuthority.create("next", DAY);
    Files.writeString(folder.resolve("callers.crt"), "half a certif");
    Files.writeString(folder.resolve("peers.crt"), next.certificatePem());
    var after = CertificateAuthority.create("after", DAY);
    assertThat(certificates.callerTrust().certificates()).containsExactly(ca.certificate());

    Files.writeString(folder.resolve("callers.crt"), after.certificatePem());

    await()
        .atMost(PATIENCE)
        .until(
            () -> certificates.callerTrust().certificates().equals(List.of(after.certificate())));
    assertThat(certificates.peerTrust().certificates()).containsExactly(next.certificate());
  }

  @Test
  void filesThatAreNotThereAtTheStartAreNamed() throws IOException {
    Files.delete(folder.resolve("server.key"));
    assertThatThrownBy(() -> GatewayCertificates.follow(sources()))
        .isInstanceOf(CliProblem.class)
        .hasMessageContaining("server.key")
        .hasMessageContaining("put the two files right");
  }
}
