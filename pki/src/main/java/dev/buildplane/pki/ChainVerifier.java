package dev.buildplane.pki;

import java.security.InvalidAlgorithmParameterException;
import java.security.NoSuchAlgorithmException;
import java.security.cert.CertPathBuilder;
import java.security.cert.CertPathBuilderException;
import java.security.cert.CertStore;
import java.security.cert.CertificateParsingException;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.PKIXCertPathBuilderResult;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Collection;
import java.util.Date;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// Judges a certificate chain as Go's `x509.Certificate.Verify` does, which is what agents were issued for: the bundle
/// is the whole root set, the rest of the handshake's chain are intermediates, a leaf that is itself in the bundle is
/// good, anchors must be valid and may sign only when they are CAs, usages nest, and name constraints bind from the anchor down
/// (reference: planes, section 4.2). No revocation lists are read and no name is compared with a planeID. Pure; any thread.
public final class ChainVerifier {
  /// Certificates of one handshake that are looked at, leaf included; a longer chain is cut.
  static final int MAX_CHAIN_CERTIFICATES = 16;

  private ChainVerifier() {}

  /// Judges `chain` for `purpose` at `now`.
  ///
  /// @param chain as presented, leaf first; may be empty
  public static Verdict judge(
      List<X509Certificate> chain, TrustBundle anchors, Instant now, Purpose purpose) {
    if (chain.isEmpty()) {
      return new Verdict.Refused(Verdict.Reason.NO_CERTIFICATE, "no certificate was presented");
    }
    var bounded = chain.subList(0, Math.min(chain.size(), MAX_CHAIN_CERTIFICATES));
    var leaf = bounded.getFirst();
    if (now.isAfter(leaf.getNotAfter().toInstant())) {
      return new Verdict.Refused(
          Verdict.Reason.EXPIRED,
          "the certificate of " + subject(leaf) + " expired at " + notAfter(leaf));
    }
    if (now.isBefore(leaf.getNotBefore().toInstant())) {
      return new Verdict.Refused(
          Verdict.Reason.NOT_YET_VALID,
          "the certificate of " + subject(leaf) + " is not valid before "
              + leaf.getNotBefore().toInstant());
    }
    if (!allows(leaf, purpose)) {
      return new Verdict.Refused(
          Verdict.Reason.WRONG_USAGE,
          "the certificate of " + subject(leaf) + " has an extended key usage without "
              + purpose.text());
    }
    if (leaf.hasUnsupportedCriticalExtension()) {
      return unknown(leaf, "it has a critical extension that is not understood");
    }
    if (anchors.certificates().contains(leaf)) {
      return new Verdict.Trusted(notAfter(leaf));
    }
    return throughIssuers(bounded, anchors, now, purpose);
  }

  private static Verdict throughIssuers(
      List<X509Certificate> chain, TrustBundle anchors, Instant now, Purpose purpose) {
    var leaf = chain.getFirst();
    Set<TrustAnchor> roots = anchors.certificates().stream()
        .filter(root -> maySign(root) && validAt(root, now) && allows(root, purpose))
        .filter(root -> !root.hasUnsupportedCriticalExtension())
        .map(root -> new TrustAnchor(root, null))
        .collect(Collectors.toUnmodifiableSet());
    if (roots.isEmpty()) {
      return unknown(leaf, "no certificate of the bundle is a CA that is valid at " + now);
    }
    var intermediates =
        chain.stream().skip(1).filter(link -> allows(link, purpose)).toList();
    var why = "no path from it to a CA of the bundle";
    try {
      // Each round has one root fewer.
      for (var left = new HashSet<>(roots); !left.isEmpty(); ) {
        var path = build(leaf, intermediates, left, now);
        var root = path.getTrustAnchor().getTrustedCert();
        var links = links(path);
        if (permits(root, links)) {
          return new Verdict.Trusted(expiry(links, root));
        }
        why = "the name constraints of the CA " + subject(root) + " do not permit its names";
        left.remove(path.getTrustAnchor());
      }
      return unknown(leaf, why);
    } catch (CertPathBuilderException noPath) {
      return unknown(leaf, why);
    }
  }

  private static List<X509Certificate> links(PKIXCertPathBuilderResult path) {
    return path.getCertPath().getCertificates().stream()
        .map(X509Certificate.class::cast)
        .toList();
  }

  private static Instant expiry(List<X509Certificate> links, X509Certificate root) {
    return Stream.concat(links.stream(), Stream.of(root))
        .map(ChainVerifier::notAfter)
        .min(Instant::compareTo)
        .orElseThrow();
  }

  /// Whether the name constraints in the anchor, if there are any, permit the names of all that is below it. RFC 5280 section 6.1
  /// leaves those of an anchor to whoever trusts it, and Java takes none; Go applies them, and so does everybody who
  /// writes them into a root.
  ///
  /// @param links leaf first, without the anchor
  private static boolean permits(X509Certificate root, List<X509Certificate> links) {
    try {
      var constraints = NameRules.of(root);
      return constraints.isEmpty()
          || links.stream()
              .filter(link -> link.equals(links.getFirst()) || !isSelfIssued(link))
              .allMatch(constraints.get()::permit);
    } catch (IllegalArgumentException unreadable) {
      return false; // constraints that nobody can read permit nothing
    }
  }

  private static boolean isSelfIssued(X509Certificate link) {
    return link.getSubjectX500Principal().equals(link.getIssuerX500Principal());
  }

  private static PKIXCertPathBuilderResult build(
      X509Certificate leaf,
      Collection<X509Certificate> intermediates,
      Set<TrustAnchor> roots,
      Instant now)
      throws CertPathBuilderException {
    try {
      var target = new X509CertSelector();
      target.setCertificate(leaf);
      var parameters = new PKIXBuilderParameters(roots, target);
      parameters.setRevocationEnabled(false);
      parameters.setDate(Date.from(now));
      var candidates = Stream.concat(Stream.of(leaf), intermediates.stream()).toList();
      parameters.addCertStore(
          CertStore.getInstance("Collection", new CollectionCertStoreParameters(candidates)));
      return (PKIXCertPathBuilderResult) CertPathBuilder.getInstance("PKIX").build(parameters);
    } catch (NoSuchAlgorithmException | InvalidAlgorithmParameterException impossible) {
      throw new IllegalStateException("every JDK builds PKIX paths", impossible);
    }
  }

  private static Verdict unknown(X509Certificate leaf, String why) {
    return new Verdict.Refused(
        Verdict.Reason.UNKNOWN_AUTHORITY,
        "the certificate of " + subject(leaf) + ", issued by "
            + leaf.getIssuerX500Principal().getName() + ", is signed by unknown authority: " + why);
  }

  private static boolean validAt(X509Certificate certificate, Instant now) {
    return !now.isAfter(notAfter(certificate))
        && !now.isBefore(certificate.getNotBefore().toInstant());
  }

  private static boolean maySign(X509Certificate root) {
    return root.getVersion() < 3 || root.getBasicConstraints() >= 0;
  }

  private static boolean allows(X509Certificate certificate, Purpose purpose) {
    try {
      var usages = certificate.getExtendedKeyUsage();
      return usages == null || usages.contains(purpose.oid()) || usages.contains(Purpose.ANY_OID);
    } catch (CertificateParsingException unreadable) {
      return false;
    }
  }

  private static Instant notAfter(X509Certificate certificate) {
    return certificate.getNotAfter().toInstant();
  }

  private static String subject(X509Certificate certificate) {
    return certificate.getSubjectX500Principal().getName();
  }
}
