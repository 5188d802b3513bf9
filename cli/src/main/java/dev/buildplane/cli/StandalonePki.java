package dev.buildplane.cli;

import dev.buildplane.gateway.MeshSettings;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.CertificateProblem;
import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.Function;

/// The certificates of a standalone installation, made on first start and read from then on. Two clusters that trust
/// each other as little as two real ones: the build plane's process reads nothing of the control plane's but the
/// gateway's CA, and nobody but the control plane can mint callers.
///
/// | file | signed by | for |
/// |---|---|---|
/// | `control-plane-ca` | itself | serving certificates of the API server and the gateway |
/// | `internal-ca` | itself | callers of the control plane's API server and of the gateway |
/// | `buildplane-agent-ca` | itself | the agent; its certificate is what `clientCA` names |
/// | `build-plane-ca` | itself | serving certificate and callers of the build plane's API server |
final class StandalonePki {
  static final Duration CA_VALIDITY = Duration.ofDays(3650);
  static final Duration LEAF_VALIDITY = Duration.ofDays(365);

  /// A leaf with less left is issued anew at start.
  static final Duration RENEW_BEFORE = Duration.ofDays(60);

  private static final List<String> LOOPBACK_NAMES = List.of("localhost", "127.0.0.1", "::1");
  private static final String ADMINISTRATORS = "system:masters";

  private final Path folder;

  StandalonePki(Path folder) {
    this.folder = folder;
  }

  /// Makes what is missing or about to expire; what is there and valid stays.
  void ensure() {
    var controlPlane = ensureCa("control-plane-ca");
    var internal = ensureCa("internal-ca");
    var agents = ensureCa("buildplane-agent-ca");
    var buildPlane = ensureCa("build-plane-ca");
    ensureLeaf(
        "hub-server",
        controlPlane,
        ca -> ca.issueServer("buildplane-api", LOOPBACK_NAMES, LEAF_VALIDITY));
    ensureLeaf(
        "gateway-server",
        controlPlane,
        ca -> ca.issueServer("cluster-gateway", LOOPBACK_NAMES, LEAF_VALIDITY));
    ensureLeaf(
        "admin", internal, ca -> ca.issueClient("admin", List.of(ADMINISTRATORS), LEAF_VALIDITY));
    ensureLeaf(
        "operator",
        internal,
        ca -> ca.issueClient("buildplane-operator", List.of(ADMINISTRATORS), LEAF_VALIDITY));
    ensureLeaf(
        "gateway",
        internal,
        ca -> ca.issueClient("cluster-gateway", List.of(ADMINISTRATORS), LEAF_VALIDITY));
    ensureLeaf(
        "gateway-peer",
        internal,
        ca -> ca.issueClient(
            "cluster-gateway-peer", List.of(MeshSettings.PEER_GROUP), LEAF_VALIDITY));
    ensureLeaf(
        "agent",
        agents,
        ca -> ca.issueClient("shared-builder", List.of("OpenChoreo"), LEAF_VALIDITY));
    ensureLeaf(
        "plane-server",
        buildPlane,
        ca -> ca.issueServer("build-plane-api", LOOPBACK_NAMES, LEAF_VALIDITY));
    ensureLeaf(
        "plane-admin",
        buildPlane,
        ca -> ca.issueClient("admin", List.of(ADMINISTRATORS), LEAF_VALIDITY));
    ensureLeaf(
        "plane-runner",
        buildPlane,
        ca -> ca.issueClient("runner", List.of(ADMINISTRATORS), LEAF_VALIDITY));
    ensureLeaf(
        "plane-agent",
        buildPlane,
        ca -> ca.issueClient("cluster-agent", List.of(ADMINISTRATORS), LEAF_VALIDITY));
  }

  Path certificateFile(String name) {
    return folder.resolve(name + ".crt");
  }

  Path keyFile(String name) {
    return folder.resolve(name + ".key");
  }

  Identity identity(String name) {
    try {
      return Identity.read(certificateFile(name), keyFile(name));
    } catch (CertificateProblem | IOException unusable) {
      throw new CliProblem(
          "expected certificate and key %s in %s, found: %s; restore them from a backup, or remove both files to have them issued again"
              .formatted(name, folder, unusable.getMessage()),
          unusable);
    }
  }

  TrustBundle trust(String name) {
    try {
      return TrustBundle.read(certificateFile(name));
    } catch (CertificateProblem | IOException unusable) {
      throw new CliProblem(
          "expected CA certificate %s, found: %s; restore it from a backup"
              .formatted(certificateFile(name), unusable.getMessage()),
          unusable);
    }
  }

  private CertificateAuthority ensureCa(String name) {
    if (!Files.exists(certificateFile(name))) {
      write(name, CertificateAuthority.create(name, CA_VALIDITY).identity());
    }
    return CertificateAuthority.of(identity(name));
  }

  private void ensureLeaf(
      String name, CertificateAuthority issuer, Function<CertificateAuthority, Identity> issue) {
    if (!Files.exists(certificateFile(name)) || expiresSoon(identity(name))) {
      write(name, issue.apply(issuer));
    }
  }

  private static boolean expiresSoon(Identity identity) {
    var left = Duration.between(
        java.time.Instant.now(), identity.chain().getFirst().getNotAfter().toInstant());
    return left.compareTo(RENEW_BEFORE) < 0;
  }

  /// The certificate goes last: it is what says that the pair is there.
  private void write(String name, Identity identity) {
    DataDirectory.writeSecret(keyFile(name), identity.keyPem());
    DataDirectory.writeSecret(certificateFile(name), identity.certificatePem());
  }
}
