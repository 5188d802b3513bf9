package dev.buildplane.pki;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;

/// A complete set of trust anchors: nothing outside it is trusted, the system's roots included.
///
/// @param certificates at least one, in the order of the text
public record TrustBundle(List<X509Certificate> certificates) {
  /// First byte of a certificate in DER.
  private static final byte DER_SEQUENCE = 0x30;

  public TrustBundle {
    certificates = List.copyOf(certificates);
    if (certificates.isEmpty()) {
      throw new IllegalArgumentException("a trust bundle holds at least one certificate");
    }
  }

  /// Reads PEM, base64 of PEM (the seed's `clientCA`), or base64 of DER. Blocks of other kinds and certificates that do
  /// not parse are skipped, as Go's `AppendCertsFromPEM` does (reference: planes, section 4.2).
  ///
  /// @throws CertificateProblem when no certificate is left
  public static TrustBundle parse(String text) throws CertificateProblem {
    if (text.length() > Pem.MAX_TEXT_CHARS) {
      throw new CertificateProblem(
          "expected at most " + Pem.MAX_TEXT_CHARS + " characters of certificates, found "
              + text.length() + "; keep only the CA certificates the agents are signed by");
    }
    if (text.isBlank()) {
      throw new CertificateProblem(
          "expected a PEM certificate, found nothing; put the CA certificate there");
    }
    if (text.contains("-----BEGIN ")) {
      return ofPem(text);
    }
    var decoded = Pem.decodeBase64(text)
        .orElseThrow(() -> new CertificateProblem(
            "expected PEM ('-----BEGIN CERTIFICATE-----') or base64 of it, found"
                + " text that is neither; put the CA certificate there"));
    var inner = new String(decoded, StandardCharsets.ISO_8859_1);
    if (inner.contains("-----BEGIN ")) {
      return ofPem(inner);
    }
    return Pem.certificate(decoded)
        .map(certificate -> new TrustBundle(List.of(certificate)))
        .orElseThrow(
            () -> new CertificateProblem(
                "expected base64 of a PEM or DER certificate, found base64 of something else; put the CA certificate there"));
  }

  /// Reads the data of a Secret's key as Kubernetes stores it: base64 of what [#parse] reads, or of DER.
  ///
  /// @throws CertificateProblem when it is no base64, or no certificate is in it
  public static TrustBundle ofSecretData(String encoded) throws CertificateProblem {
    try {
      var bytes = Base64.getMimeDecoder().decode(encoded);
      return parse(
          bytes.length > 0 && bytes[0] == DER_SEQUENCE
              ? encoded
              : new String(bytes, StandardCharsets.UTF_8));
    } catch (IllegalArgumentException notBase64) {
      throw new CertificateProblem(
          "expected base64 as the data of the Secret, found something else; write the Secret anew",
          notBase64);
    }
  }

  /// Reads a file, see [#parse].
  public static TrustBundle read(Path file) throws CertificateProblem, IOException {
    try {
      return parse(Files.readString(file));
    } catch (CertificateProblem problem) {
      throw new CertificateProblem(file + ": " + problem.getMessage(), problem);
    }
  }

  public String pem() {
    return Pem.encode(certificates);
  }

  private static TrustBundle ofPem(String text) throws CertificateProblem {
    var certificates = new ArrayList<X509Certificate>();
    var labels = new ArrayList<String>();
    for (var block : Pem.blocks(text)) {
      labels.add(block.label());
      if (block.label().equals("CERTIFICATE")) {
        Optional<X509Certificate> parsed = Pem.certificate(block.content());
        parsed.ifPresent(certificates::add);
      }
    }
    if (certificates.isEmpty()) {
      throw new CertificateProblem(
          "expected at least one CERTIFICATE block that parses, found blocks " + labels
              + "; put the CA certificate there");
    }
    return new TrustBundle(certificates);
  }
}
