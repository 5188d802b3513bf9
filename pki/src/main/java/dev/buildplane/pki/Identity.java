package dev.buildplane.pki;

import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.List;
import org.bouncycastle.openssl.PEMKeyPair;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;

/// A certificate chain, leaf first, with the private key of its leaf.
public record Identity(List<X509Certificate> chain, PrivateKey key) {
  public Identity {
    chain = List.copyOf(chain);
    if (chain.isEmpty()) {
      throw new IllegalArgumentException("an identity has at least its leaf certificate");
    }
  }

  /// Reads PEM files; the key may be PKCS #8, SEC 1 (`EC PRIVATE KEY`) or PKCS #1 (`RSA PRIVATE
  /// KEY`), unencrypted.
  ///
  /// @throws CertificateProblem naming the file when it holds something else, or when key and certificate do not match
  public static Identity read(Path certificatePem, Path keyPem)
      throws CertificateProblem, IOException {
    try {
      return parse(Files.readString(certificatePem), Files.readString(keyPem));
    } catch (CertificateProblem problem) {
      throw new CertificateProblem(
          certificatePem + ", " + keyPem + ": " + problem.getMessage(), problem);
    }
  }

  /// As [#read], from text.
  public static Identity parse(String certificatePem, String keyPem) throws CertificateProblem {
    var chain = new ArrayList<X509Certificate>();
    for (var block : Pem.blocks(certificatePem)) {
      if (block.label().equals("CERTIFICATE")) {
        chain.add(Pem.certificate(block.content())
            .orElseThrow(() -> new CertificateProblem(
                "expected X.509 certificates, found a CERTIFICATE block that does not"
                    + " parse; write the certificate again")));
      }
    }
    if (chain.isEmpty()) {
      throw new CertificateProblem(
          "expected a CERTIFICATE block, found none; put the certificate chain there, leaf first");
    }
    var key = parseKey(keyPem);
    requireMatch(chain.getFirst(), key);
    return new Identity(chain, key);
  }

  public String certificatePem() {
    return Pem.encode(chain);
  }

  /// PKCS #8. Secret: for files of mode 0600 and Secrets only.
  public String keyPem() {
    return Pem.encode("PRIVATE KEY", key.getEncoded());
  }

  /// Hides the key.
  @Override
  public String toString() {
    return "Identity[" + chain.getFirst().getSubjectX500Principal().getName() + "]";
  }

  private static PrivateKey parseKey(String pem) throws CertificateProblem {
    try {
      for (var block : Pem.blocks(pem)) {
        switch (block.label()) {
          case "PRIVATE KEY" -> {
            return pkcs8(block.content());
          }
          case "EC PRIVATE KEY", "RSA PRIVATE KEY" -> {
            return traditional(pem);
          }
          default -> {} // EC PARAMETERS and certificates may stand beside the key
        }
      }
    } catch (GeneralSecurityException | IOException unreadable) {
      throw new CertificateProblem(
          "expected an unencrypted RSA or EC private key, found one that does not parse",
          unreadable);
    }
    throw new CertificateProblem(
        "expected a PRIVATE KEY, EC PRIVATE KEY or RSA PRIVATE KEY block, found none; put the unencrypted key there");
  }

  private static PrivateKey pkcs8(byte[] der) throws GeneralSecurityException {
    var spec = new PKCS8EncodedKeySpec(der);
    GeneralSecurityException last = new GeneralSecurityException("no key algorithm tried");
    for (var algorithm : List.of("EC", "RSA", "Ed25519")) {
      try {
        return KeyFactory.getInstance(algorithm).generatePrivate(spec);
      } catch (GeneralSecurityException otherAlgorithm) {
        last = otherAlgorithm;
      }
    }
    throw last;
  }

  private static PrivateKey traditional(String pem) throws IOException {
    try (var parser = new PEMParser(new StringReader(pem))) {
      for (var next = parser.readObject(); next != null; next = parser.readObject()) {
        if (next instanceof PEMKeyPair pair) {
          return new JcaPEMKeyConverter().getPrivateKey(pair.getPrivateKeyInfo());
        }
      }
    }
    throw new IOException("no key pair in the PEM text");
  }

  /// Signs and verifies a probe, the one check that works for every algorithm.
  private static void requireMatch(X509Certificate leaf, PrivateKey key) throws CertificateProblem {
    var algorithm = switch (key.getAlgorithm()) {
      case "EC" -> "SHA256withECDSA";
      case "RSA" -> "SHA256withRSA";
      default -> key.getAlgorithm();
    };
    var probe = new byte[] {1, 2, 3, 4};
    try {
      var signer = Signature.getInstance(algorithm);
      signer.initSign(key);
      signer.update(probe);
      var signature = signer.sign();
      signer.initVerify(leaf.getPublicKey());
      signer.update(probe);
      if (signer.verify(signature)) {
        return;
      }
    } catch (GeneralSecurityException mismatch) {
      throw new CertificateProblem(unmatched(leaf), mismatch);
    }
    throw new CertificateProblem(unmatched(leaf));
  }

  private static String unmatched(X509Certificate leaf) {
    return "expected the private key of " + leaf.getSubjectX500Principal().getName()
        + ", found another key; pair the files that were issued together";
  }
}
