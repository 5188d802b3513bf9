package dev.buildplane.cli;

import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.CertificateProblem;
import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// What an agent needs to connect, in one folder: its certificate and key, the gateway's CA; and beside them the CA that
/// issued the certificate, which only whoever registers planes needs. All of it readable by its owner only.
record AgentFiles(Path folder) {
  AgentFiles {
    folder = folder.toAbsolutePath().normalize();
  }

  Path certificate() {
    return folder.resolve("agent.crt");
  }

  Path key() {
    return folder.resolve("agent.key");
  }

  Path gatewayCa() {
    return folder.resolve("gateway-ca.crt");
  }

  Path caCertificate() {
    return folder.resolve("ca.crt");
  }

  Path caKey() {
    return folder.resolve("ca.key");
  }

  /// The agent's certificate and key; empty when neither file is there.
  Optional<Identity> agent() {
    return read(certificate(), key());
  }

  /// The CA, when its key is there.
  Optional<CertificateAuthority> ca() {
    return Files.exists(caKey())
        ? read(caCertificate(), caKey()).map(CertificateAuthority::of)
        : Optional.empty();
  }

  private static Optional<Identity> read(Path certificate, Path key) {
    if (!Files.exists(certificate) && !Files.exists(key)) {
      return Optional.empty();
    }
    try {
      return Optional.of(Identity.read(certificate, key));
    } catch (CertificateProblem | IOException unusable) {
      throw new CliProblem(
          "expected a certificate and its key in %s and %s, found: %s; restore both, or choose another folder with --output-dir"
              .formatted(certificate, key, unusable.getMessage()),
          unusable);
    }
  }

  /// Writes everything; keys before certificates, since it is a certificate that says that a pair is there.
  void write(CertificateAuthority ca, Identity agent, TrustBundle gatewayTrust) {
    try {
      writeCa(ca);
      DataDirectory.writeSecret(gatewayCa(), gatewayTrust.pem());
      DataDirectory.writeSecret(key(), agent.keyPem());
      DataDirectory.writeSecret(certificate(), agent.certificatePem());
    } catch (UncheckedIOException cannot) {
      throw cannotWrite(cannot);
    }
  }

  /// Writes the CA alone, before anybody is told to trust it.
  void writeCa(CertificateAuthority ca) {
    try {
      if (!Files.isDirectory(folder)) {
        Files.createDirectories(folder);
        DataDirectory.restrict(folder);
      }
      DataDirectory.writeSecret(caKey(), ca.identity().keyPem());
      DataDirectory.writeSecret(caCertificate(), ca.certificatePem());
    } catch (IOException | UncheckedIOException cannot) {
      throw cannotWrite(cannot);
    }
  }

  private CliProblem cannotWrite(Exception cannot) {
    return new CliProblem(
        "expected to write to %s, found: %s; choose another folder with --output-dir"
            .formatted(folder, cannot.getMessage()),
        cannot);
  }
}
