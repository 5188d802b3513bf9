package dev.buildplane.cli;

import dev.buildplane.http.TlsIdentity;
import dev.buildplane.pki.CertificateProblem;
import dev.buildplane.pki.FileWatch;
import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What a gateway shows and whom it believes, as it stands in files now: they are looked at every [#LOOK] and read anew when one
/// has changed. New connections get what is new, open ones go on. Files that cannot be used, say while they are being replaced, change
/// nothing and are told in the log.
///
/// Thread-safe; one daemon thread of its own looks.
final class GatewayCertificates implements AutoCloseable {
  static final Duration LOOK = Duration.ofSeconds(5);

  private static final Logger LOG = LoggerFactory.getLogger(GatewayCertificates.class);

  /// A certificate chain and its key.
  record Pair(Path certificate, Path key) {
    static Pair of(StandalonePki pki, String name) {
      return new Pair(pki.certificateFile(name), pki.keyFile(name));
    }

    private Identity read() {
      try {
        return Identity.read(certificate, key);
      } catch (CertificateProblem | IOException unusable) {
        throw new CliProblem(
            "expected a certificate in %s and its key in %s, found: %s; put the two files right, or restore them from a backup"
                .formatted(certificate, key, unusable.getMessage()),
            unusable);
      }
    }
  }

  /// Where it all is.
  ///
  /// @param server shown to agents, callers and peers
  /// @param callerCa CA of callers' certificates, peers included
  /// @param peer shown to other replicas, in the group of gateways
  /// @param peerCa CA of their serving certificates
  record Sources(Pair server, Path callerCa, Pair peer, Path peerCa) {
    static Sources standalone(StandalonePki pki) {
      return new Sources(
          Pair.of(pki, "gateway-server"),
          pki.certificateFile("internal-ca"),
          Pair.of(pki, "gateway-peer"),
          pki.certificateFile("control-plane-ca"));
    }

    private Set<Path> files() {
      return Set.of(
          server.certificate(), server.key(), callerCa, peer.certificate(), peer.key(), peerCa);
    }

    private Read read() {
      return new Read(server.read(), trust(callerCa), peer.read(), trust(peerCa));
    }

    private static TrustBundle trust(Path file) {
      try {
        return TrustBundle.read(file);
      } catch (CertificateProblem | IOException unusable) {
        throw new CliProblem(
            "expected CA certificates in %s, found: %s; put the file right, or restore it from a backup"
                .formatted(file, unusable.getMessage()),
            unusable);
      }
    }
  }

  private record Read(
      Identity server, TrustBundle callerTrust, Identity peer, TrustBundle peerTrust) {}

  private final Sources sources;
  private final FileWatch watch = new FileWatch();
  private final TlsIdentity server;
  private final ScheduledExecutorService looks = Executors.newSingleThreadScheduledExecutor(
      Thread.ofPlatform().name("gateway-certificates").daemon().factory());
  private volatile Read now;

  /// What was told last of files that cannot be used, so that it is told once. Of the thread that looks.
  private String unusable = "";

  private GatewayCertificates(Sources sources) {
    this.sources = sources;
    watch.watch(sources.files());
    now = sources.read();
    server = TlsIdentity.of(now.server());
  }

  /// Reads the files and follows them.
  ///
  /// @throws CliProblem when one cannot be used
  static GatewayCertificates follow(Sources sources) {
    return follow(sources, LOOK);
  }

  static GatewayCertificates follow(Sources sources, Duration look) {
    var certificates = new GatewayCertificates(sources);
    certificates.looks.scheduleWithFixedDelay(
        certificates::look, look.toMillis(), look.toMillis(), TimeUnit.MILLISECONDS);
    return certificates;
  }

  private void look() {
    try {
      if (watch.changed()) {
        var read = sources.read();
        server.replace(read.server());
        now = read;
        LOG.info("certificates of the gateway were read anew");
        unusable = "";
      }
    } catch (RuntimeException problem) {
      watch.again();
      var told = String.valueOf(problem.getMessage());
      if (!told.equals(unusable)) {
        LOG.warn(
            "certificates of the gateway have changed and cannot be used; it goes on with those before: {}",
            told);
      }
      unusable = told;
    }
  }

  TlsIdentity server() {
    return server;
  }

  TrustBundle callerTrust() {
    return now.callerTrust();
  }

  Identity peer() {
    return now.peer();
  }

  TrustBundle peerTrust() {
    return now.peerTrust();
  }

  @Override
  public void close() {
    looks.shutdownNow();
  }
}
