package dev.buildplane.pki;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TrustBundleTest {
  private final CertificateAuthority ca = CertificateAuthority.create("ca", Duration.ofDays(1));
  private final CertificateAuthority other =
      CertificateAuthority.create("other", Duration.ofDays(1));

  @Test
  void readsPem() throws Exception {
    assertThat(TrustBundle.parse(ca.certificatePem()).certificates())
        .containsExactly(ca.certificate());
  }

  @Test
  void readsBase64OfPemAsTheSeedHasIt() throws Exception {
    var encoded = Base64.getMimeEncoder()
        .encodeToString(ca.certificatePem().getBytes(StandardCharsets.US_ASCII));

    assertThat(TrustBundle.parse(encoded).certificates()).containsExactly(ca.certificate());
  }

  @Test
  void readsBase64OfDer() throws Exception {
    var encoded = Base64.getEncoder().encodeToString(ca.certificate().getEncoded());

    assertThat(TrustBundle.parse(encoded).certificates()).containsExactly(ca.certificate());
  }

  @Test
  void readsTheDataOfASecretInEveryForm() throws Exception {
    var base64 = Base64.getEncoder();
    var pem = ca.certificatePem().getBytes(StandardCharsets.UTF_8);
    for (var bytes : List.of(pem, base64.encode(pem), ca.certificate().getEncoded())) {
      assertThat(TrustBundle.ofSecretData(base64.encodeToString(bytes)).certificates())
          .containsExactly(ca.certificate());
    }
    assertThatThrownBy(() -> TrustBundle.ofSecretData("A"))
        .isInstanceOf(CertificateProblem.class)
        .hasMessageContaining("base64");
  }

  @Test
  void readsBundlesAndSkipsForeignBlocksAndText() throws Exception {
    var text = "# issued by hand\n" + ca.certificatePem()
        + Pem.encode("EC PARAMETERS", new byte[] {6, 8, 42})
        + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        + other.certificatePem().replace("\n", "\r\n");

    assertThat(TrustBundle.parse(text).certificates())
        .containsExactly(ca.certificate(), other.certificate());
  }

  @Test
  void writesWhatItReads() throws Exception {
    var bundle = new TrustBundle(List.of(ca.certificate(), other.certificate()));

    assertThat(TrustBundle.parse(bundle.pem())).isEqualTo(bundle);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "  \n",
        "not a certificate",
        "bm90IGEgY2VydGlmaWNhdGU=",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\nnever ends"
      })
  void refusesWhatHoldsNoCertificateAndSaysWhatToDo(String text) {
    assertThatThrownBy(() -> TrustBundle.parse(text))
        .isInstanceOf(CertificateProblem.class)
        .hasMessageContaining("expected")
        .hasMessageContaining("put the CA certificate there");
  }

  @Test
  void aKeyInPlaceOfACertificateIsNamedButNotShown() {
    var key = ca.identity().keyPem();

    assertThatThrownBy(() -> TrustBundle.parse(key))
        .hasMessageContaining("PRIVATE KEY")
        .message()
        .doesNotContain(key.lines().skip(1).findFirst().orElseThrow());
  }
}
