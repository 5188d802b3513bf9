package dev.buildplane.pki;

import java.math.BigInteger;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.DEROctetString;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.GeneralSubtree;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.NameConstraints;
import org.bouncycastle.cert.X509v1CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v1CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/// Certificates of every shape, good and bad, that [CertificateAuthority] would never issue.
final class Forge {
  static final Instant NOW = Instant.parse("2026-06-01T12:00:00Z");

  /// A certificate with the key that signs below it.
  record Made(X509Certificate certificate, KeyPair keys) {}

  private String subject = "CN=x";
  private Instant notBefore = NOW.minus(Duration.ofDays(1));
  private Instant notAfter = NOW.plus(Duration.ofDays(30));
  private Integer pathLength =
      -2; // -2: no basic constraints; -1: end entity; others: CA with that length
  private final List<KeyPurposeId> usages = new ArrayList<>();
  private boolean rsa;
  private boolean ed25519;
  private String curve = "secp256r1";
  private boolean unknownCritical;
  private String dnsName = "";
  private final List<GeneralName> permitted = new ArrayList<>();
  private final List<GeneralName> excluded = new ArrayList<>();
  private boolean version1;
  private KeyPair reuse;

  static Forge named(String name) {
    var forge = new Forge();
    forge.subject = "CN=" + name;
    return forge;
  }

  Forge ca() {
    return pathLength(Integer.MAX_VALUE);
  }

  Forge pathLength(int length) {
    pathLength = length;
    return this;
  }

  Forge endEntity() {
    pathLength = -1;
    return this;
  }

  Forge usage(KeyPurposeId... purposes) {
    usages.addAll(List.of(purposes));
    return this;
  }

  Forge client() {
    return endEntity().usage(KeyPurposeId.id_kp_clientAuth);
  }

  Forge valid(Duration fromNow, Duration untilNow) {
    notBefore = NOW.plus(fromNow);
    notAfter = NOW.plus(untilNow);
    return this;
  }

  Forge expired() {
    return valid(Duration.ofDays(-10), Duration.ofSeconds(-1));
  }

  Forge notYet() {
    return valid(Duration.ofSeconds(1), Duration.ofDays(10));
  }

  Forge rsa() {
    rsa = true;
    return this;
  }

  Forge ed25519() {
    ed25519 = true;
    return this;
  }

  Forge curve(String name) {
    curve = name;
    return this;
  }

  /// A critical extension nobody knows.
  Forge unknownCritical() {
    unknownCritical = true;
    return this;
  }

  Forge dns(String name) {
    dnsName = name;
    return this;
  }

  /// A name constraint: only names below this one.
  Forge permitting(String name) {
    permitted.add(new GeneralName(GeneralName.dNSName, name));
    return this;
  }

  /// A name constraint: only subjects of that organisation.
  Forge permittingOrganisation(String name) {
    permitted.add(new GeneralName(new X500Name("O=" + name)));
    return this;
  }

  /// A name constraint: no names below this one.
  Forge excluding(String name) {
    excluded.add(new GeneralName(GeneralName.dNSName, name));
    return this;
  }

  /// Puts the subject below an organisation.
  Forge of(String organisation) {
    subject = "O=" + organisation + "," + subject;
    return this;
  }

  Forge version1() {
    version1 = true;
    return this;
  }

  Forge withKeysOf(Made other) {
    reuse = other.keys();
    return this;
  }

  Made selfSigned() throws Exception {
    var keys = keys();
    return new Made(make(new X500Name(subject), keys, keys), keys);
  }

  Made by(Made issuer) throws Exception {
    var keys = keys();
    var name =
        X500Name.getInstance(issuer.certificate().getSubjectX500Principal().getEncoded());
    return new Made(make(name, issuer.keys(), keys), keys);
  }

  private KeyPair keys() throws Exception {
    if (reuse != null) {
      return reuse;
    }
    if (ed25519) {
      return KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
    }
    var generator = KeyPairGenerator.getInstance(rsa ? "RSA" : "EC");
    if (rsa) {
      generator.initialize(2048);
    } else {
      generator.initialize(new ECGenParameterSpec(curve));
    }
    return generator.generateKeyPair();
  }

  private X509Certificate make(X500Name issuer, KeyPair issuerKeys, KeyPair keys) throws Exception {
    var algorithm = switch (issuerKeys.getPrivate().getAlgorithm()) {
      case "RSA" -> "SHA256withRSA";
      case "EC" -> "SHA256withECDSA";
      case "EdDSA" -> "Ed25519";
      default -> throw new AssertionError(issuerKeys.getPrivate().getAlgorithm());
    };
    ContentSigner signer = new JcaContentSignerBuilder(algorithm).build(issuerKeys.getPrivate());
    var serial = new BigInteger(64, new java.security.SecureRandom());
    var from = Date.from(notBefore);
    var until = Date.from(notAfter);
    var converter = new JcaX509CertificateConverter();
    if (version1) {
      X509v1CertificateBuilder builder = new JcaX509v1CertificateBuilder(
          issuer, serial, from, until, new X500Name(subject), keys.getPublic());
      return converter.getCertificate(builder.build(signer));
    }
    var builder = new JcaX509v3CertificateBuilder(
        issuer, serial, from, until, new X500Name(subject), keys.getPublic());
    if (pathLength == -1) {
      builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(false));
    } else if (pathLength == Integer.MAX_VALUE) {
      builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(true));
    } else if (pathLength >= 0) {
      builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(pathLength));
    }
    if (!usages.isEmpty()) {
      builder.addExtension(
          Extension.extendedKeyUsage,
          false,
          new ExtendedKeyUsage(usages.toArray(KeyPurposeId[]::new)));
    }
    rare(builder);
    return converter.getCertificate(builder.build(signer));
  }

  private void rare(JcaX509v3CertificateBuilder builder) throws Exception {
    if (unknownCritical) {
      builder.addExtension(
          new ASN1ObjectIdentifier("1.2.3.4.5.6.7"), true, new DEROctetString(new byte[1]));
    }
    if (!dnsName.isEmpty()) {
      builder.addExtension(
          Extension.subjectAlternativeName,
          false,
          new GeneralNames(new GeneralName(GeneralName.dNSName, dnsName)));
    }
    if (!permitted.isEmpty() || !excluded.isEmpty()) {
      builder.addExtension(
          Extension.nameConstraints,
          true,
          new NameConstraints(subtrees(permitted), subtrees(excluded)));
    }
  }

  private static GeneralSubtree[] subtrees(List<GeneralName> names) {
    return names.isEmpty()
        ? null
        : names.stream().map(GeneralSubtree::new).toArray(GeneralSubtree[]::new);
  }
}
