package dev.buildplane.pki;

import java.io.IOException;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x500.X500NameBuilder;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.CertIOException;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509ExtensionUtils;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/// Issues certificates for standalone mode, `plane register` and tests; on Kubernetes cert-manager does. Keys are EC
/// P-256. Any thread.
public final class CertificateAuthority {
  /// Certificates start this long ago, so that a clock slightly behind accepts them.
  static final Duration BACKDATING = Duration.ofMinutes(5);

  private static final int SERIAL_BITS = 127;
  private static final int KEY_USAGE_CA =
      KeyUsage.keyCertSign | KeyUsage.cRLSign | KeyUsage.digitalSignature;

  private final Identity identity;
  private final Clock clock;
  private final SecureRandom random;

  private CertificateAuthority(Identity identity, Clock clock, SecureRandom random) {
    this.identity = identity;
    this.clock = clock;
    this.random = random;
  }

  /// A new self-signed CA.
  public static CertificateAuthority create(String commonName, Duration validity) {
    return create(commonName, validity, Clock.systemUTC());
  }

  /// A new self-signed CA whose validity, and that of all it issues, starts at `clock`'s now.
  public static CertificateAuthority create(String commonName, Duration validity, Clock clock) {
    var random = new SecureRandom();
    var keys = keys(random);
    var name = name(commonName, List.of());
    var certificate =
        sign(name, keys, name, keys.getPublic(), validity, clock, random, caExtensions());
    return new CertificateAuthority(
        new Identity(List.of(certificate), keys.getPrivate()), clock, random);
  }

  /// A CA made before.
  public static CertificateAuthority of(Identity identity) {
    return of(identity, Clock.systemUTC());
  }

  /// A CA made before, with another clock for what it issues from now on.
  public static CertificateAuthority of(Identity identity, Clock clock) {
    return new CertificateAuthority(identity, clock, new SecureRandom());
  }

  public Identity identity() {
    return identity;
  }

  public X509Certificate certificate() {
    return identity.chain().getFirst();
  }

  public String certificatePem() {
    return Pem.encode(List.of(certificate()));
  }

  public TrustBundle trust() {
    return new TrustBundle(List.of(certificate()));
  }

  /// A server certificate; entries made of digits, dots and colons become IP addresses, others DNS names (RFC 6125).
  public Identity issueServer(String commonName, List<String> dnsNamesAndIps, Duration validity) {
    var names = dnsNamesAndIps.stream()
        .map(entry ->
            new GeneralName(isAddress(entry) ? GeneralName.iPAddress : GeneralName.dNSName, entry))
        .toArray(GeneralName[]::new);
    return issue(name(commonName, List.of()), validity, extensions -> {
      extensions.addExtension(Extension.basicConstraints, true, new BasicConstraints(false));
      extensions.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature));
      extensions.addExtension(
          Extension.extendedKeyUsage, false, new ExtendedKeyUsage(KeyPurposeId.id_kp_serverAuth));
      extensions.addExtension(Extension.subjectAlternativeName, false, new GeneralNames(names));
    });
  }

  /// A client certificate; on Kubernetes' reading the common name is the user and the organizations are its groups.
  public Identity issueClient(String commonName, List<String> organizations, Duration validity) {
    return issue(name(commonName, organizations), validity, extensions -> {
      extensions.addExtension(Extension.basicConstraints, true, new BasicConstraints(false));
      extensions.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature));
      extensions.addExtension(
          Extension.extendedKeyUsage, false, new ExtendedKeyUsage(KeyPurposeId.id_kp_clientAuth));
    });
  }

  /// A CA signed by this one; what it issues carries it as an intermediate.
  public CertificateAuthority issueIntermediate(String commonName, Duration validity) {
    return new CertificateAuthority(
        issue(name(commonName, List.of()), validity, caExtensions()), clock, random);
  }

  private Identity issue(X500Name subject, Duration validity, Extensions extensions) {
    var keys = keys(random);
    var issuerName =
        X500Name.getInstance(certificate().getSubjectX500Principal().getEncoded());
    var issuerKeys = new KeyPair(certificate().getPublicKey(), identity.key());
    var leaf = sign(
        issuerName, issuerKeys, subject, keys.getPublic(), validity, clock, random, extensions);
    var chain = new ArrayList<>(List.of(leaf));
    if (!isSelfSigned(certificate())) {
      chain.addAll(identity.chain());
    }
    return new Identity(chain, keys.getPrivate());
  }

  private static boolean isSelfSigned(X509Certificate certificate) {
    return certificate.getSubjectX500Principal().equals(certificate.getIssuerX500Principal());
  }

  private static boolean isAddress(String entry) {
    return entry.contains(":") || entry.matches("[0-9.]+");
  }

  private static Extensions caExtensions() {
    return extensions -> {
      extensions.addExtension(Extension.basicConstraints, true, new BasicConstraints(true));
      extensions.addExtension(Extension.keyUsage, true, new KeyUsage(KEY_USAGE_CA));
    };
  }

  @FunctionalInterface
  private interface Extensions {
    void addTo(X509v3CertificateBuilder certificate) throws CertIOException;
  }

  private static X509Certificate sign(
      X500Name issuer,
      KeyPair issuerKeys,
      X500Name subject,
      PublicKey key,
      Duration validity,
      Clock clock,
      SecureRandom random,
      Extensions extensions) {
    var now = clock.instant();
    try {
      var builder = new JcaX509v3CertificateBuilder(
          issuer,
          new BigInteger(SERIAL_BITS, random).setBit(SERIAL_BITS - 1),
          Date.from(now.minus(BACKDATING)),
          Date.from(now.plus(validity)),
          subject,
          key);
      var identifiers = new JcaX509ExtensionUtils();
      builder.addExtension(
          Extension.subjectKeyIdentifier, false, identifiers.createSubjectKeyIdentifier(key));
      builder.addExtension(
          Extension.authorityKeyIdentifier,
          false,
          identifiers.createAuthorityKeyIdentifier(issuerKeys.getPublic()));
      extensions.addTo(builder);
      var signer = new JcaContentSignerBuilder("SHA256withECDSA").build(issuerKeys.getPrivate());
      return new JcaX509CertificateConverter().getCertificate(builder.build(signer));
    } catch (GeneralSecurityException | OperatorCreationException | IOException impossible) {
      throw new IllegalStateException("the JDK signs with ECDSA on P-256", impossible);
    }
  }

  private static KeyPair keys(SecureRandom random) {
    try {
      var generator = KeyPairGenerator.getInstance("EC");
      generator.initialize(new ECGenParameterSpec("secp256r1"), random);
      return generator.generateKeyPair();
    } catch (GeneralSecurityException impossible) {
      throw new IllegalStateException("every JDK makes P-256 keys", impossible);
    }
  }

  private static X500Name name(String commonName, List<String> organizations) {
    var name = new X500NameBuilder(BCStyle.INSTANCE);
    organizations.forEach(organization -> name.addRDN(BCStyle.O, organization));
    return name.addRDN(BCStyle.CN, commonName).build();
  }
}
