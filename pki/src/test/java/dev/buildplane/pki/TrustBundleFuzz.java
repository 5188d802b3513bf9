package dev.buildplane.pki;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Whoever may create a plane resource chooses this text, and the gateway reads it.
class TrustBundleFuzz {
  private static final long SEED = Long.getLong("seed", 20_261_125L);
  private static final int ROUNDS = 1_000;
  private static final List<String> PIECES = List.of(
      "-----BEGIN CERTIFICATE-----",
      "-----END CERTIFICATE-----",
      "-----BEGIN PRIVATE KEY-----",
      "-----END PRIVATE KEY-----",
      "-----BEGIN ",
      "-----",
      "-",
      " ",
      "\n",
      "\r\n\t",
      "\u0000",
      "MIIB",
      "====",
      "\u20ac");

  /// A bundle or a problem, nothing else, and what comes out is what could have gone in.
  @Test
  void anyTextIsABundleOrAProblem() {
    System.out.println("TrustBundleFuzz seed " + SEED);
    var random = new Random(SEED);
    var ca = CertificateAuthority.create("ca", Duration.ofDays(1));
    int parsed = 0;
    for (int round = 0; round < ROUNDS; round++) {
      var text = mutated(ca.certificatePem(), random);
      try {
        var bundle = TrustBundle.parse(text);
        assertThat(bundle.certificates()).isNotEmpty();
        assertThat(TrustBundle.parse(bundle.pem())).isEqualTo(bundle);
        parsed++;
      } catch (CertificateProblem expected) {
        assertThat(expected.getMessage()).contains("expected");
      }
    }
    assertThat(parsed).isBetween(1, ROUNDS - 1);
  }

  private static String mutated(String pem, Random random) {
    var text = new StringBuilder(pem);
    for (int change = random.nextInt(6); change > 0; change--) {
      int at = random.nextInt(text.length());
      switch (random.nextInt(4)) {
        case 0 -> text.setCharAt(at, (char) random.nextInt(128));
        case 1 -> text.insert(at, PIECES.get(random.nextInt(PIECES.size())));
        case 2 -> text.delete(at, Math.min(text.length(), at + 1 + random.nextInt(20)));
        default -> text.insert(at, pem);
      }
      if (text.isEmpty()) {
        text.append('x');
      }
    }
    return text.toString();
  }

  /// Text of the largest size that is almost a certificate is read in one pass; in more it would not end in a day.
  @ParameterizedTest
  @ValueSource(
      strings = {
        " ",
        "\n",
        "A",
        "-",
        " \n",
        "-----BEGIN X",
        "-----BEGIN X-----",
        "-----BEGIN X-----A "
      })
  @Timeout(120)
  void almostCertificatesCostOnePass(String piece) {
    var text = "-----BEGIN X-----" + piece.repeat((Pem.MAX_TEXT_CHARS - 100) / piece.length());
    try {
      TrustBundle.parse(text);
      throw new AssertionError("expected a problem");
    } catch (CertificateProblem expected) {
      assertThat(expected.getMessage()).contains("expected");
    }
  }
}
