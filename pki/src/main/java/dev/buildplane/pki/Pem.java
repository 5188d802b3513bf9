package dev.buildplane.pki;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.cert.CertificateEncodingException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/// Textual encodings of certificates and keys (RFC 7468).
final class Pem {
  /// Text beyond this is refused: a bundle of this size holds hundreds of certificates.
  static final int MAX_TEXT_CHARS = 1 << 20;

  /// Nothing here can match in two ways, so that a failed match costs one pass: the text is whoever's who may create a plane.
  private static final Pattern BLOCK =
      Pattern.compile("-----BEGIN ([A-Z0-9 ]++)-----([^-]*+)-----END \\1-----");
  private static final Base64.Encoder LINES =
      Base64.getMimeEncoder(64, "\n".getBytes(StandardCharsets.US_ASCII));

  record Block(String label, byte[] content) {}

  private Pem() {}

  /// The blocks whose base64 decodes, in order; text around them is ignored as RFC 7468 section 2 allows.
  /// allows.
  static List<Block> blocks(String text) {
    var found = new ArrayList<Block>();
    var matcher = BLOCK.matcher(text);
    while (matcher.find()) {
      var label = matcher.group(1);
      decodeBase64(matcher.group(2)).ifPresent(content -> found.add(new Block(label, content)));
    }
    return found;
  }

  static Optional<byte[]> decodeBase64(String text) {
    try {
      return Optional.of(Base64.getDecoder().decode(text.replaceAll("\\s", "")));
    } catch (IllegalArgumentException notBase64) {
      return Optional.empty();
    }
  }

  static Optional<X509Certificate> certificate(byte[] der) {
    try {
      var factory = CertificateFactory.getInstance("X.509");
      return Optional.of(
          (X509Certificate) factory.generateCertificate(new ByteArrayInputStream(der)));
    } catch (CertificateException notACertificate) {
      return Optional.empty();
    }
  }

  static String encode(List<X509Certificate> certificates) {
    var text = new StringBuilder();
    for (var certificate : certificates) {
      try {
        text.append(encode("CERTIFICATE", certificate.getEncoded()));
      } catch (CertificateEncodingException impossible) {
        throw new IllegalStateException("a parsed certificate has an encoding", impossible);
      }
    }
    return text.toString();
  }

  static String encode(String label, byte[] content) {
    return "-----BEGIN " + label + "-----\n" + LINES.encodeToString(content) + "\n-----END " + label
        + "-----\n";
  }
}
