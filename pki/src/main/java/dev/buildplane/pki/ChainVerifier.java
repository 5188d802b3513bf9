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
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// Judges a certificate chain as Go's `x509.Certificate.Verify` does, which is what agents were issued for: the bundle
/// is the whole root set, the rest of the handshake's chain are intermediates, a leaf that is itself in the bundle is
/// good, anchors must be valid and may sign only when they are CAs, usages nest (reference: planes, section 4.2). No
/// revocation lists are read and no names are compared. Pure; any thread.
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
    try {
      var path = build(leaf, intermediates, roots, now);
      var links = path.getCertPath().getCertificates().stream().map(X509Certificate.class::cast);
      var expiry = Stream.concat(links, Stream.of(path.getTrustAnchor().getTrustedCert()))
          .map(ChainVerifier::notAfter)
          .min(Instant::compareTo)
          .orElseThrow();
      return new Verdict.Trusted(expiry);
    } catch (CertPathBuilderException noPath) {
      return unknown(leaf, "no path from it to a CA of the bundle");
    }
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
