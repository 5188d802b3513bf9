package dev.buildplane.pki;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.buildplane.fuzz.Corpus;
import java.util.Base64;
import org.junit.jupiter.api.Test;

/// Whoever may create a plane resource chooses its `clientCA`, plain or base64 of PEM.
class TrustBundleJazzerFuzz {
  @FuzzTest(maxDuration = "2m")
  void clientCA(byte[] input) {
    reads(new String(input, ISO_8859_1));
    reads(Base64.getEncoder().encodeToString(input));
    try {
      assertThat(TrustBundle.ofSecretData(new String(input, ISO_8859_1)).certificates())
          .isNotEmpty();
    } catch (CertificateProblem expected) {
      assertThat(expected.getMessage()).contains("expected");
    }
  }

  private static void reads(String text) {
    try {
      var bundle = TrustBundle.parse(text);
      assertThat(bundle.certificates()).isNotEmpty();
      assertThat(TrustBundle.parse(bundle.pem())).isEqualTo(bundle);
    } catch (CertificateProblem expected) {
      assertThat(expected.getMessage()).contains("expected");
    }
  }

  @Test
  void inputsThatAreNearlyThose() {
    Corpus.nearly(getClass(), "clientCA", this::clientCA);
  }
}
