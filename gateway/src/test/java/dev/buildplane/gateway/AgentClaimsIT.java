package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.model.ClientCA;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.Identity;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// An agent of one plane says that it is of another.
@ExtendWith(Chain.Given.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AgentClaimsIT {
  private static final String OWN = "planeType=buildplane&planeID=claim-a";

  private final Chain chain;
  private final CertificateAuthority one = CertificateAuthority.create("ca-a", TestHub.YEAR);
  private final CertificateAuthority other = CertificateAuthority.create("ca-b", TestHub.YEAR);
  private final CertificateAuthority between = one.issueIntermediate("between", TestHub.YEAR);
  private final Map<String, Identity> identities = Map.of(
      "leaf of A", one.issueClient("claim-b", List.of("claim-b"), TestHub.YEAR),
      "leaf of an intermediate of A", between.issueClient("claim-b", List.of(), TestHub.YEAR),
      "leaf of A, with B's CA behind it", followedBy(one, other),
      "leaf of an intermediate of A, with B's CA behind it", followedBy(between, other));

  AgentClaimsIT(Chain chain) {
    this.chain = chain;
  }

  private static Identity followedBy(CertificateAuthority issuer, CertificateAuthority stranger) {
    var identity = issuer.issueClient("agent", List.of(), TestHub.YEAR);
    var chain = new ArrayList<>(identity.chain());
    chain.add(stranger.certificate());
    return new Identity(chain, identity.key());
  }

  @BeforeAll
  void populate() {
    chain.hub.plane("claim-a", null, ClientCA.ofValue(one.certificatePem()));
    chain.hub.plane("claim-b", null, ClientCA.ofValue(other.certificatePem()));
    for (var own : identities.values()) {
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> status(OWN, own) == 101);
    }
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> status(
                "planeType=buildplane&planeID=claim-b",
                other.issueClient("b", List.of(), TestHub.YEAR))
            == 101);
  }

  private int status(String query, Identity identity) throws IOException {
    try (var agent = chain.agents(identity)) {
      return agent.send(handshake("/ws?" + query)).read().status();
    }
  }

  static String handshake(String path, String... more) {
    var lines = new ArrayList<>(List.of(
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol: h2.buildplane.openchoreo.dev"));
    lines.addAll(List.of(more));
    return Chain.get(path, lines.toArray(String[]::new));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "planeType=buildplane&planeID=claim-b",
        "planeID=claim-b&planeType=buildplane",
        "planeType=buildplane&planeID=%63laim-b",
        "planeType=buildplane&plane%49D=claim-b",
        "planeType=buildplane&planeID=claim%2Db",
        "planeType=buildplane&planeID=CLAIM-B",
        "planeType=buildplane&planeID=claim-a%00claim-b",
        "planeType=buildplane&planeID=claim-a/../claim-b",
        "planeType=buildplane&planeID=claim-a,claim-b",
        "planeType=buildplane&planeID=claim-a;planeID=claim-b",
        "planeType=buildplane&planeID=claim-b%20",
        "planeType=buildplane&planeID=*",
        "planeType=buildplane&planeid=claim-a",
        "planeType=dataplane&planeID=claim-a"
      })
  void noCertificateOfAIsTakenForB(String query) throws IOException {
    for (var identity : identities.entrySet()) {
      assertThat(status(query, identity.getValue())).as(identity.getKey()).isIn(400, 401);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "planeType=buildplane&planeID=claim-a&planeID=claim-b",
        "planeType=buildplane&planeID=claim-b&planeID=claim-a",
        "planeType=buildplane&planeID=claim-a&planeID=claim-a",
        "planeType=buildplane&planeID=claim-a&plane%49D=claim-b",
        "planeType=buildplane&planeID=claim-a&planeID",
        "planeType=buildplane&planeID=claim-a&planeID=",
        "planeType=buildplane&planeType=dataplane&planeID=claim-a",
        "planeType=buildplane&planeID=claim-a&planeType=buildplane"
      })
  void aParameterGivenTwiceIsRefused(String query) throws IOException {
    assertThat(status(query, identities.get("leaf of A"))).isEqualTo(400);
  }

  @Test
  void aCertificateForServersIsNoAgents() throws IOException {
    assertThat(status(OWN, one.issueServer("agent", List.of("localhost"), TestHub.YEAR)))
        .isEqualTo(401);
  }

  @Test
  void theCaItselfIsRefusedWhereItIsNotTrusted() throws IOException {
    assertThat(status("planeType=buildplane&planeID=claim-b", one.identity())).isEqualTo(401);
    assertThat(status("planeType=buildplane&planeID=claim-b", between.identity()))
        .isEqualTo(401);
  }
}
