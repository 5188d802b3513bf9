package dev.buildplane.pki;

import static dev.buildplane.pki.Forge.NOW;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.pki.Forge.Made;
import dev.buildplane.pki.Verdict.Reason;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// One verifier, over every shape of chain that agents and attackers present.
class ChainVerifierTest {
  /// @param refused empty: trusted
  record Case(
      String law,
      List<X509Certificate> chain,
      List<X509Certificate> anchors,
      Optional<Reason> refused) {
    @Override
    public String toString() {
      return law + " -> " + refused.map(Reason::name).orElse("trusted");
    }
  }

  private static final List<Case> CASES = new ArrayList<>();

  private static void good(String law, List<Made> chain, Made... anchors) {
    CASES.add(
        new Case(law, certificates(chain), certificates(Arrays.asList(anchors)), Optional.empty()));
  }

  private static void bad(String law, Reason reason, List<Made> chain, Made... anchors) {
    CASES.add(new Case(
        law, certificates(chain), certificates(Arrays.asList(anchors)), Optional.of(reason)));
  }

  private static List<X509Certificate> certificates(List<Made> made) {
    return made.stream().map(Made::certificate).toList();
  }

  static Stream<Case> everyChain() throws Exception {
    CASES.clear();
    var ca = Forge.named("ca").ca().selfSigned();
    var other = Forge.named("other").ca().selfSigned();
    var namesake = Forge.named("ca").ca().selfSigned();
    var leaf = Forge.named("agent").client().by(ca);
    direct(ca, other, namesake, leaf);
    usages(ca);
    validity(ca, leaf);
    leafAsAnchor(ca, leaf);
    intermediates(ca, other);
    keysAndVersions(ca);
    impostors(ca, other, leaf);
    extensions(ca);
    constrainedRoots();
    return CASES.stream();
  }

  private static void direct(Made ca, Made other, Made namesake, Made leaf) {
    bad("no certificate", Reason.NO_CERTIFICATE, List.of(), ca);
    good("a leaf of the CA", List.of(leaf), ca);
    good("a leaf of the CA, which is sent along", List.of(leaf, ca), ca);
    good("the CA among foreign ones", List.of(leaf), other, ca);
    good("foreign certificates sent along", List.of(leaf, other), ca);
    bad("a leaf of another CA", Reason.UNKNOWN_AUTHORITY, List.of(leaf), other);
    bad(
        "a CA of the same name with another key",
        Reason.UNKNOWN_AUTHORITY,
        List.of(leaf),
        namesake);
    good("both CAs of one name, as during a rotation", List.of(leaf), namesake, ca);
    bad(
        "a leaf of another CA which is sent along",
        Reason.UNKNOWN_AUTHORITY,
        List.of(leaf, ca),
        other);
    good("the CA's own certificate", List.of(ca), ca);
    bad("another CA's own certificate", Reason.UNKNOWN_AUTHORITY, List.of(other), ca);
  }

  private static void usages(Made ca) throws Exception {
    good("no extended key usage", List.of(Forge.named("a").endEntity().by(ca)), ca);
    good("no extensions at all", List.of(Forge.named("a").by(ca)), ca);
    good(
        "any usage",
        List.of(Forge.named("a").usage(KeyPurposeId.anyExtendedKeyUsage).by(ca)),
        ca);
    good(
        "client among others",
        List.of(Forge.named("a")
            .usage(KeyPurposeId.id_kp_serverAuth, KeyPurposeId.id_kp_clientAuth)
            .by(ca)),
        ca);
    bad(
        "server only",
        Reason.WRONG_USAGE,
        List.of(Forge.named("a").usage(KeyPurposeId.id_kp_serverAuth).by(ca)),
        ca);
    bad(
        "code signing only",
        Reason.WRONG_USAGE,
        List.of(Forge.named("a").usage(KeyPurposeId.id_kp_codeSigning).by(ca)),
        ca);
    var serverOnly =
        Forge.named("server ca").ca().usage(KeyPurposeId.id_kp_serverAuth).selfSigned();
    bad(
        "a CA for servers only",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("a").client().by(serverOnly)),
        serverOnly);
    var clientCa =
        Forge.named("client ca").ca().usage(KeyPurposeId.id_kp_clientAuth).selfSigned();
    good("a CA for clients only", List.of(Forge.named("a").client().by(clientCa)), clientCa);
    var serverStep =
        Forge.named("step").ca().usage(KeyPurposeId.id_kp_serverAuth).by(ca);
    bad(
        "an intermediate for servers only",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("a").client().by(serverStep), serverStep),
        ca);
  }

  private static void validity(Made ca, Made leaf) throws Exception {
    bad(
        "expired a second ago",
        Reason.EXPIRED,
        List.of(Forge.named("a").client().expired().by(ca)),
        ca);
    bad(
        "valid from the next second",
        Reason.NOT_YET_VALID,
        List.of(Forge.named("a").client().notYet().by(ca)),
        ca);
    good(
        "expires this second",
        List.of(
            Forge.named("a").client().valid(Duration.ofDays(-1), Duration.ZERO).by(ca)),
        ca);
    good(
        "valid from this second",
        List.of(
            Forge.named("a").client().valid(Duration.ZERO, Duration.ofDays(1)).by(ca)),
        ca);
    var expired = Forge.named("expired ca").ca().expired().selfSigned();
    bad(
        "an expired CA",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("a").client().by(expired)),
        expired);
    var future = Forge.named("future ca").ca().notYet().selfSigned();
    bad(
        "a CA of the future",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("a").client().by(future)),
        future);
    good("an expired CA beside the good one", List.of(leaf), expired, ca);
    var renewed = Forge.named("ca").ca().withKeysOf(ca).selfSigned();
    good("a CA renewed with the same key", List.of(leaf), renewed);
    var step = Forge.named("step").ca().expired().by(ca);
    bad(
        "an expired intermediate",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("a").client().by(step), step),
        ca);
  }

  private static void leafAsAnchor(Made ca, Made leaf) throws Exception {
    var alone = Forge.named("alone").client().selfSigned();
    good("a self-signed leaf that is the anchor", List.of(alone), alone);
    good("a leaf that is the anchor, its CA unknown", List.of(leaf), leaf);
    good("a leaf that is one of several anchors", List.of(leaf), ca, leaf);
    bad(
        "another self-signed leaf",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("alone").client().selfSigned()),
        alone);
    var expired = Forge.named("alone").client().expired().selfSigned();
    bad("an expired leaf that is the anchor", Reason.EXPIRED, List.of(expired), expired);
    var server =
        Forge.named("alone").endEntity().usage(KeyPurposeId.id_kp_serverAuth).selfSigned();
    bad("a server's leaf that is the anchor", Reason.WRONG_USAGE, List.of(server), server);
    bad(
        "signed by a leaf that is the anchor",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("a").client().by(alone)),
        alone);
    var bare = Forge.named("bare").selfSigned();
    bad(
        "signed by an anchor without basic constraints",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("a").client().by(bare)),
        bare);
  }

  private static void intermediates(Made ca, Made other) throws Exception {
    var step = Forge.named("step").ca().by(ca);
    var leaf = Forge.named("a").client().by(step);
    good("one intermediate", List.of(leaf, step), ca);
    bad("an intermediate that is not sent", Reason.UNKNOWN_AUTHORITY, List.of(leaf), ca);
    good("an intermediate that is the anchor", List.of(leaf), step);
    var second = Forge.named("second").ca().by(step);
    var deep = Forge.named("a").client().by(second);
    good("two intermediates", List.of(deep, second, step), ca);
    good("two intermediates in the wrong order", List.of(deep, step, second), ca);
    bad(
        "the middle of two intermediates missing",
        Reason.UNKNOWN_AUTHORITY,
        List.of(deep, second),
        ca);
    good("an unneeded intermediate", List.of(leaf, step, second, other), ca);
    var limited = Forge.named("limited").pathLength(0).by(ca);
    var below = Forge.named("below").ca().by(limited);
    bad(
        "a CA below one with path length 0",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("a").client().by(below), below, limited),
        ca);
    good(
        "a leaf below one with path length 0",
        List.of(Forge.named("a").client().by(limited), limited),
        ca);
    var notCa = Forge.named("not a ca").endEntity().by(ca);
    bad(
        "an end entity as intermediate",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("a").client().by(notCa), notCa),
        ca);
    var cross = Forge.named("step").ca().withKeysOf(step).by(other);
    good("an intermediate cross-signed by the anchor", List.of(leaf, step, cross), other);
    var endless = new ArrayList<>(List.of(leaf));
    for (var i = 0; i < 100; i++) {
      endless.add(other);
    }
    endless.add(step);
    bad("an intermediate behind a hundred others", Reason.UNKNOWN_AUTHORITY, endless, ca);
  }

  private static void keysAndVersions(Made ca) throws Exception {
    var rsaCa = Forge.named("rsa").ca().rsa().selfSigned();
    good("RSA below RSA", List.of(Forge.named("a").client().rsa().by(rsaCa)), rsaCa);
    good("EC below RSA", List.of(Forge.named("a").client().by(rsaCa)), rsaCa);
    good("RSA below EC", List.of(Forge.named("a").client().rsa().by(ca)), ca);
    for (var curve : List.of("secp384r1", "secp521r1")) {
      var curved = Forge.named(curve).ca().curve(curve).selfSigned();
      good(
          curve + " below " + curve,
          List.of(Forge.named("a").client().curve(curve).by(curved)),
          curved);
    }
    var edwards = Forge.named("edwards").ca().ed25519().selfSigned();
    good(
        "Ed25519 below Ed25519", List.of(Forge.named("a").client().ed25519().by(edwards)), edwards);
    good("EC below Ed25519", List.of(Forge.named("a").client().by(edwards)), edwards);
    var alone = Forge.named("alone").client().ed25519().selfSigned();
    good("an Ed25519 leaf that is the anchor", List.of(alone), alone);
    var old = Forge.named("old").version1().selfSigned();
    good("a version 1 CA", List.of(Forge.named("a").client().by(old)), old);
  }

  private static void extensions(Made ca) throws Exception {
    bad(
        "a leaf with an unknown critical extension",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("a").client().unknownCritical().by(ca)),
        ca);
    var step = Forge.named("step").ca().unknownCritical().by(ca);
    bad(
        "an intermediate with an unknown critical extension",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("a").client().by(step), step),
        ca);
    var odd = Forge.named("odd").ca().unknownCritical().selfSigned();
    bad(
        "a CA with an unknown critical extension",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("a").client().by(odd)),
        odd);
    var alone = Forge.named("alone").client().unknownCritical().selfSigned();
    bad(
        "a leaf with an unknown critical extension that is the anchor",
        Reason.UNKNOWN_AUTHORITY,
        List.of(alone),
        alone);
    var limited = Forge.named("limited").ca().permitting("ci.example").by(ca);
    good(
        "a name within the constraints of its intermediate",
        List.of(Forge.named("a").client().dns("agent.ci.example").by(limited), limited),
        ca);
    bad(
        "a name outside the constraints of its intermediate",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("a").client().dns("agent.prod.example").by(limited), limited),
        ca);
  }

  private static void constrainedRoots() throws Exception {
    var root = Forge.named("constrained").ca().permitting("ci.example").selfSigned();
    var inside = Forge.named("a").client().dns("agent.ci.example").by(root);
    var outside = Forge.named("a").client().dns("agent.prod.example").by(root);
    good("a name within the constraints of the root", List.of(inside), root);
    bad(
        "a name outside the constraints of the root",
        Reason.UNKNOWN_AUTHORITY,
        List.of(outside),
        root);
    good(
        "no name of the kind that the root constrains",
        List.of(Forge.named("a").client().by(root)),
        root);
    var step = Forge.named("step").ca().by(root);
    good(
        "a name within the constraints of the root above an intermediate",
        List.of(Forge.named("a").client().dns("agent.ci.example").by(step), step),
        root);
    bad(
        "a name outside the constraints of the root above an intermediate",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("a").client().dns("agent.prod.example").by(step), step),
        root);
    var wider = Forge.named("wider").ca().permitting("example").by(root);
    bad(
        "an intermediate that permits more than its root",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("a").client().dns("agent.prod.example").by(wider), wider),
        root);
    var renewed = Forge.named("constrained").ca().withKeysOf(root).selfSigned();
    good("the same CA without constraints beside it", List.of(outside), root, renewed);
    good("the same CA without constraints before it", List.of(outside), renewed, root);
    good("a leaf that is the anchor, whatever its CA permits", List.of(outside), root, outside);
    var excluding = Forge.named("excluding").ca().excluding("prod.example").selfSigned();
    good(
        "a name that the root does not exclude",
        List.of(Forge.named("a").client().dns("agent.ci.example").by(excluding)),
        excluding);
    bad(
        "a name that the root excludes",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("a").client().dns("agent.prod.example").by(excluding)),
        excluding);
    var organisation = Forge.named("org ca").ca().permittingOrganisation("ci").selfSigned();
    good(
        "a subject of the organisation that the root permits",
        List.of(Forge.named("a").of("ci").client().by(organisation)),
        organisation);
    bad(
        "a subject of another organisation",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("a").of("prod").client().by(organisation)),
        organisation);
    var elsewhere = Forge.named("step").of("prod").ca().by(organisation);
    bad(
        "an intermediate of another organisation",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("a").of("ci").client().by(elsewhere), elsewhere),
        organisation);
  }

  private static void impostors(Made ca, Made other, Made leaf) throws Exception {
    var forged = Forge.named("ca").ca().by(other);
    bad(
        "a CA's name signed by another CA",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("agent").client().by(forged), forged),
        ca);
    bad(
        "the real CA sent with a foreign leaf",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("agent").client().by(other), ca, leaf),
        ca);
    bad(
        "a self-signed copy of the leaf's name",
        Reason.UNKNOWN_AUTHORITY,
        List.of(Forge.named("agent").client().selfSigned(), leaf, ca),
        ca);
  }

  @ParameterizedTest
  @MethodSource("everyChain")
  void judgesAsGoDoes(Case given) {
    var verdict =
        ChainVerifier.judge(given.chain(), new TrustBundle(given.anchors()), NOW, Purpose.CLIENT);

    var reason = verdict instanceof Verdict.Refused(var found, var _)
        ? Optional.of(found)
        : Optional.empty();
    assertThat(reason).as(verdict.toString()).isEqualTo(given.refused());
  }

  @Test
  void aNameOutsideTheConstraintsOfTheRootIsToldSo() throws Exception {
    var root = Forge.named("constrained").ca().permitting("ci.example").selfSigned();
    var leaf = Forge.named("a").client().dns("agent.prod.example").by(root);

    var verdict = ChainVerifier.judge(
        certificates(List.of(leaf)),
        new TrustBundle(certificates(List.of(root))),
        NOW,
        Purpose.CLIENT);

    assertThat(verdict.toString()).contains("name constraints of the CA CN=constrained");
  }

  @Test
  void atLeastFortyChainsAreJudged() throws Exception {
    assertThat(everyChain()).hasSizeGreaterThanOrEqualTo(40);
  }

  @Test
  void trustEndsWithTheFirstCertificateOfThePathToExpire() throws Exception {
    var ca =
        Forge.named("ca").ca().valid(Duration.ofDays(-1), Duration.ofDays(9)).selfSigned();
    var step =
        Forge.named("step").ca().valid(Duration.ofDays(-1), Duration.ofDays(5)).by(ca);
    var leaf =
        Forge.named("a").client().valid(Duration.ofDays(-1), Duration.ofDays(7)).by(step);

    var verdict = ChainVerifier.judge(
        certificates(List.of(leaf, step)),
        new TrustBundle(certificates(List.of(ca))),
        NOW,
        Purpose.CLIENT);

    assertThat(verdict).isEqualTo(new Verdict.Trusted(NOW.plus(Duration.ofDays(5))));
  }
}
