package dev.buildplane.pki;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.security.KeyPairGenerator;
import java.security.interfaces.ECPrivateKey;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.bouncycastle.asn1.sec.SECObjectIdentifiers;
import org.junit.jupiter.api.Test;

class IdentityTest {
  private final CertificateAuthority ca = CertificateAuthority.create("ca", Duration.ofDays(2));

  @Test
  void readsWhatItWrites() throws Exception {
    var made = ca.issueIntermediate("step", Duration.ofDays(1))
        .issueClient("a", List.of("g"), Duration.ofDays(1));

    var read = Identity.parse(made.certificatePem(), made.keyPem());

    assertThat(read.chain()).isEqualTo(made.chain()).hasSize(2);
    assertThat(read.key()).isEqualTo(made.key());
  }

  @Test
  void readsTraditionalKeys() throws Exception {
    var made = ca.issueClient("a", List.of(), Duration.ofDays(1));
    var structure = new org.bouncycastle.asn1.sec.ECPrivateKey(
        256, ((ECPrivateKey) made.key()).getS(), SECObjectIdentifiers.secp256r1);
    var text = Pem.encode("EC PRIVATE KEY", structure.getEncoded());

    var read = (ECPrivateKey) Identity.parse(made.certificatePem(), text).key();

    assertThat(read.getS()).isEqualTo(((ECPrivateKey) made.key()).getS());
  }

  @Test
  void refusesAKeyOfAnotherCertificate() {
    var a = ca.issueClient("a", List.of(), Duration.ofDays(1));
    var b = ca.issueClient("b", List.of(), Duration.ofDays(1));

    assertThatThrownBy(() -> Identity.parse(a.certificatePem(), b.keyPem()))
        .isInstanceOf(CertificateProblem.class)
        .hasMessageContaining("expected the private key of CN=a, found another key");
  }

  @Test
  void refusesAKeyOfAnotherAlgorithm() throws Exception {
    var a = ca.issueClient("a", List.of(), Duration.ofDays(1));
    var rsa = KeyPairGenerator.getInstance("RSA").generateKeyPair();

    assertThatThrownBy(() -> Identity.parse(
            a.certificatePem(), Pem.encode("PRIVATE KEY", rsa.getPrivate().getEncoded())))
        .isInstanceOf(CertificateProblem.class);
  }

  @Test
  void refusesWhatIsNoKey() {
    var a = ca.issueClient("a", List.of(), Duration.ofDays(1));

    assertThatThrownBy(() -> Identity.parse(a.certificatePem(), a.certificatePem()))
        .hasMessageContaining("expected a PRIVATE KEY");
    assertThatThrownBy(() -> Identity.parse(a.keyPem(), a.keyPem()))
        .hasMessageContaining("expected a CERTIFICATE");
  }

  @Test
  void neverShowsItsKey() {
    assertThat(ca.identity().toString()).isEqualTo("Identity[CN=ca]");
  }

  @Test
  void whatTheAuthorityIssuesIsTrustedForItsPurposeOnly() {
    var client = ca.issueClient("a", List.of("g"), Duration.ofDays(1)).chain();
    var server = ca.issueServer("s", List.of("localhost", "127.0.0.1"), Duration.ofDays(1))
        .chain();
    var now = Instant.now();

    assertThat(ChainVerifier.judge(client, ca.trust(), now, Purpose.CLIENT))
        .isInstanceOf(Verdict.Trusted.class);
    assertThat(ChainVerifier.judge(client, ca.trust(), now, Purpose.SERVER))
        .isInstanceOf(Verdict.Refused.class);
    assertThat(ChainVerifier.judge(server, ca.trust(), now, Purpose.SERVER))
        .isInstanceOf(Verdict.Trusted.class);
  }
}
