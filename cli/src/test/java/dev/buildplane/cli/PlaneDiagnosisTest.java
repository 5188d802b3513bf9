package dev.buildplane.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.buildplane.cli.PlaneCheck.Result;
import dev.buildplane.cli.PlaneExamination.ClientCa;
import dev.buildplane.cli.PlaneExamination.Gateway;
import dev.buildplane.cli.PlaneExamination.MissingRight;
import dev.buildplane.cli.PlaneExamination.Reference;
import dev.buildplane.cli.PlaneExamination.Rights;
import dev.buildplane.cli.PlaneExamination.SecretStore;
import dev.buildplane.cli.PlaneExamination.Source;
import dev.buildplane.cli.PlaneExamination.Tunnel;
import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.pki.CertificateAuthority;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class PlaneDiagnosisTest {
  private static final PlaneRef PLANE = new PlaneRef(PlaneKind.CLUSTER_BUILD, null, "eu");
  private static final Duration YEAR = Duration.ofDays(365);
  private static final Instant NOW = Instant.now();
  private static final ShownCommands COMMANDS = new ShownCommands(
      "kubectl --kubeconfig k --context control-plane", " --data-dir d", "wss://gate:8443/ws");
  private static final Source.Secret SECRET = new Source.Secret("certs", "eu-ca", "ca.crt");

  private static final CertificateAuthority CA = CertificateAuthority.create("eu-ca", YEAR);
  private static final X509Certificate AGENT =
      CA.issueClient("eu", List.of(), YEAR).chain().getFirst();

  private static ObjectNode resource(boolean ready) {
    var resource = Resources.JSON.createObjectNode();
    resource.putObject("metadata").put("name", "eu").put("generation", 2);
    resource.putObject("spec");
    var status = resource.putObject("status").put("observedGeneration", 2);
    status
        .putArray("conditions")
        .addObject()
        .put("type", "Ready")
        .put("status", ready ? "True" : "False")
        .put("reason", ready ? "Ready" : "NoAgentConnected")
        .put("message", ready ? "a build can run there now" : "no agent");
    return resource;
  }

  private static GatewaySnapshot.Connected connected(
      Set<String> authorized, X509Certificate certificate) {
    return new GatewaySnapshot.Connected(
        "c1",
        "buildplane",
        "eu",
        authorized,
        NOW,
        NOW,
        Map.of("hostname", "builder", "version", "1.0"),
        Optional.of(certificate));
  }

  private static Gateway told(GatewaySnapshot.Connected... agents) {
    return new Gateway.Told("https://gate:8444", List.of(agents), Optional.empty());
  }

  private static Gateway turnedAway(X509Certificate certificate) {
    return new Gateway.Told(
        "https://gate:8444",
        List.of(),
        Optional.of(new GatewaySnapshot.TurnedAway(
            "buildplane", "eu", NOW, "not valid", "CN=eu", Optional.of(certificate))));
  }

  /// What a plane looks like on which everything is well; each case changes one thing.
  private record Seen(
      ObjectNode resource,
      String planeId,
      ClientCa clientCa,
      Gateway gateway,
      Tunnel tunnel,
      Rights rights,
      Reference observability,
      SecretStore store) {
    static Seen healthy() {
      return new Seen(
          PlaneDiagnosisTest.resource(true),
          "eu",
          new ClientCa.Found(SECRET, CA.trust()),
          told(connected(Set.of("/eu"), AGENT)),
          new Tunnel.Answered("v1.32.0"),
          new Rights.Asked(List.of()),
          new Reference.NotConfigured(),
          new SecretStore.NotConfigured());
    }

    Seen resource(ObjectNode next) {
      return new Seen(next, planeId, clientCa, gateway, tunnel, rights, observability, store);
    }

    Seen planeId(String next) {
      return new Seen(resource, next, clientCa, gateway, tunnel, rights, observability, store);
    }

    Seen clientCa(ClientCa next) {
      return new Seen(resource, planeId, next, gateway, tunnel, rights, observability, store);
    }

    Seen gateway(Gateway next) {
      return new Seen(resource, planeId, clientCa, next, tunnel, rights, observability, store);
    }

    Seen tunnel(Tunnel next) {
      return new Seen(resource, planeId, clientCa, gateway, next, rights, observability, store);
    }

    Seen rights(Rights next) {
      return new Seen(resource, planeId, clientCa, gateway, tunnel, next, observability, store);
    }

    Seen observability(Reference next) {
      return new Seen(resource, planeId, clientCa, gateway, tunnel, rights, next, store);
    }

    Seen store(SecretStore next) {
      return new Seen(resource, planeId, clientCa, gateway, tunnel, rights, observability, next);
    }

    List<PlaneCheck> checks() {
      return PlaneDiagnosis.of(
          new PlaneExamination(
              PLANE,
              resource,
              planeId,
              "ann",
              clientCa,
              gateway,
              tunnel,
              rights,
              observability,
              store,
              NOW),
          COMMANDS);
    }
  }

  private static PlaneCheck check(List<PlaneCheck> checks, String about) {
    return checks.stream().filter(one -> one.about().equals(about)).findFirst().orElseThrow();
  }

  @Test
  void anAgentThatSaysNothingOfItselfIsTakenForAnOldOne() {
    var agent = new GatewaySnapshot.Connected(
        "c1", "buildplane", "eu", Set.of("/eu"), NOW, NOW, Map.of(), Optional.of(AGENT));
    var seen = Seen.healthy().gateway(told(agent));
    assertThat(check(seen.checks(), PlaneDiagnosis.AGENT).found())
        .startsWith("connected over 1 connection: an agent that says nothing of itself")
        .doesNotContain("?");
  }

  @Test
  void aPlaneOnWhichAllIsWellHasNoProblemAndNoCommand() {
    var checks = Seen.healthy().checks();

    assertThat(checks)
        .allSatisfy(check -> assertThat(check.result()).isEqualTo(Result.OK))
        .allSatisfy(check -> assertThat(check.mend()).isEmpty());
    assertThat(PlaneDiagnosis.healthy(checks)).isTrue();
  }

  @Test
  void aPlaneThatIsNotThereIsToBeRegistered() {
    var checks = PlaneDiagnosis.missing(new PlaneRef(PlaneKind.BUILD, "prod", "eu"), COMMANDS);

    assertThat(PlaneDiagnosis.healthy(checks)).isFalse();
    assertThat(checks.getFirst().mend())
        .isEqualTo("buildplane plane register eu --namespace prod --kind buildplane --data-dir d");
  }

  static Arguments on(
      String what, String about, UnaryOperator<Seen> change, String found, String mend) {
    return Arguments.of(what, about, change, found, mend);
  }

  static Stream<Arguments> problems() {
    var otherCa = CertificateAuthority.create("other-ca", YEAR);
    var sameName = CertificateAuthority.create("eu-ca", YEAR);
    var longAgo = java.time.Clock.fixed(NOW.minus(YEAR), java.time.ZoneOffset.UTC);
    var expired = CertificateAuthority.create("old-ca", Duration.ofDays(1), longAgo);
    var expiredAgent = CertificateAuthority.of(CA.identity(), longAgo)
        .issueClient("eu", List.of(), Duration.ofDays(1))
        .chain()
        .getFirst();
    var server = CA.issueServer("eu", List.of("eu"), YEAR).chain().getFirst();
    var rotate = "buildplane plane register eu --kind clusterbuildplane --rotate --data-dir d";
    return Stream.of(
        on(
            "a name that is no planeID",
            PlaneDiagnosis.PLANE_ID,
            seen -> seen.planeId("Ci.Prod_"),
            "'Ci.Prod_'",
            "--patch '{\"spec\":{\"planeID\":\"ci-prod\"}}'"),
        on(
            "an operator that is behind",
            PlaneDiagnosis.OPERATOR,
            seen -> seen.resource(behind()),
            "generation 1",
            "buildplane status"),
        on(
            "no client CA",
            PlaneDiagnosis.CLIENT_CA,
            seen -> seen.clientCa(new ClientCa.NotConfigured()),
            "neither",
            "secretRef"),
        on(
            "no Secret",
            PlaneDiagnosis.CLIENT_CA,
            seen -> seen.clientCa(new ClientCa.SecretMissing(SECRET)),
            "no such Secret",
            "--namespace certs create secret generic eu-ca --from-file=ca.crt=ca.crt"),
        on(
            "no key in the Secret",
            PlaneDiagnosis.CLIENT_CA,
            seen -> seen.clientCa(new ClientCa.KeyMissing(SECRET, List.of("tls.crt"))),
            "[tls.crt]",
            "apply --server-side"),
        on(
            "a Secret that may not be read",
            PlaneDiagnosis.CLIENT_CA,
            seen -> seen.clientCa(new ClientCa.Unread(SECRET, "forbidden")),
            "forbidden",
            "--user=ann"),
        on(
            "text that is no certificate",
            PlaneDiagnosis.CLIENT_CA,
            seen -> seen.clientCa(new ClientCa.Unreadable(SECRET, "found nothing")),
            "found nothing",
            rotate),
        on(
            "an inline text that is no certificate",
            PlaneDiagnosis.CLIENT_CA,
            seen -> seen.clientCa(new ClientCa.Unreadable(new Source.Inline(), "found nothing")),
            "found nothing",
            rotate),
        on(
            "an expired CA",
            PlaneDiagnosis.CA_VALIDITY,
            seen -> seen.clientCa(new ClientCa.Found(SECRET, expired.trust())),
            "CN=old-ca",
            rotate),
        on(
            "a gateway that does not answer",
            PlaneDiagnosis.GATEWAY,
            seen -> seen.gateway(new Gateway.Unreachable("nobody is listening")),
            "nobody is listening",
            "buildplane status"),
        on(
            "a caller who may not ask",
            PlaneDiagnosis.GATEWAY,
            seen -> seen.gateway(new Gateway.Refused("https://gate", 403, "may not watch")),
            "403: may not watch",
            "agentconnections"),
        on(
            "no agent",
            PlaneDiagnosis.AGENT,
            seen -> seen.gateway(told()),
            "none",
            "--server-url wss://gate:8443/ws --plane-type buildplane --plane-id eu"),
        on(
            "an agent of another CA",
            PlaneDiagnosis.AGENT,
            seen -> seen.gateway(turnedAway(leaf(otherCa))),
            "issued by CN=other-ca, the plane trusts CN=eu-ca",
            rotate),
        on(
            "an agent of a CA of the same name",
            PlaneDiagnosis.AGENT,
            seen -> seen.gateway(turnedAway(leaf(sameName))),
            "another key",
            rotate),
        on(
            "an expired agent",
            PlaneDiagnosis.AGENT,
            seen -> seen.gateway(turnedAway(expiredAgent)),
            "expired at",
            rotate),
        on(
            "a server certificate",
            PlaneDiagnosis.AGENT,
            seen -> seen.gateway(turnedAway(server)),
            "without client auth",
            rotate),
        on(
            "agents that this plane does not trust",
            PlaneDiagnosis.AUTHORISATION,
            seen -> seen.gateway(told(connected(Set.of("/us"), leaf(otherCa)))),
            "issued by CN=other-ca",
            rotate),
        on(
            "a caller who may not proxy",
            PlaneDiagnosis.TUNNEL,
            seen -> seen.tunnel(new Tunnel.Failed(403, "may not get")),
            "403: may not get",
            "clusterbuildplanes/proxy"),
        on(
            "a plane whose API server is away",
            PlaneDiagnosis.TUNNEL,
            seen -> seen.tunnel(new Tunnel.Failed(502, "connection refused")),
            "502: connection refused",
            "logs deployment/cluster-agent-buildplane"),
        on(
            "an agent without rights",
            PlaneDiagnosis.RIGHTS,
            seen -> seen.rights(
                new Rights.Asked(List.of(new MissingRight("create", "argoproj.io", "workflows")))),
            "create workflows.argoproj.io",
            "\"verbs\":[\"create\"]"),
        on(
            "a missing observability plane",
            PlaneDiagnosis.OBSERVABILITY,
            seen -> seen.observability(
                new Reference.Missing(new PlaneRef(PlaneKind.CLUSTER_OBSERVABILITY, null, "obs"))),
            "no such resource",
            "observabilityPlaneRef"),
        on(
            "a missing secret store",
            PlaneDiagnosis.SECRET_STORE,
            seen -> seen.store(new SecretStore.Missing("vault")),
            "no such resource",
            "plane kubeconfig clusterbuildplane/eu"),
        on(
            "no External Secrets",
            PlaneDiagnosis.SECRET_STORE,
            seen -> seen.store(new SecretStore.NotInstalled("vault")),
            "does not serve",
            "helm install external-secrets"),
        on(
            "a secret store that is not ready",
            PlaneDiagnosis.SECRET_STORE,
            seen -> seen.store(new SecretStore.Found("vault", false, "sealed")),
            "sealed",
            "describe clustersecretstore vault"),
        on(
            "a condition that no check explains",
            PlaneDiagnosis.READY,
            seen -> seen.resource(resource(false)),
            "NoAgentConnected: no agent",
            "wait --for=condition=Ready"));
  }

  private static ObjectNode behind() {
    var resource = resource(true);
    ((ObjectNode) resource.path("status")).put("observedGeneration", 1);
    return resource;
  }

  private static X509Certificate leaf(CertificateAuthority authority) {
    return authority.issueClient("eu", List.of(), YEAR).chain().getFirst();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("problems")
  void aProblemSaysWhatWasFoundAndTheCommandThatMendsIt(
      String what, String about, UnaryOperator<Seen> change, String found, String mend) {
    var checks = change.apply(Seen.healthy()).checks();

    var check = check(checks, about);
    assertThat(check.result()).isEqualTo(Result.PROBLEM);
    assertThat(check.expected()).isNotEmpty();
    assertThat(check.found()).contains(found);
    assertThat(check.mend()).contains(mend);
    assertThat(PlaneDiagnosis.healthy(checks)).isFalse();
  }

  static Stream<Arguments> consequences() {
    return Stream.of(
        Arguments.of(
            PlaneDiagnosis.CA_VALIDITY,
            Seen.healthy().clientCa(new ClientCa.SecretMissing(SECRET))),
        Arguments.of(PlaneDiagnosis.AGENT, Seen.healthy().gateway(new Gateway.Unreachable("away"))),
        Arguments.of(PlaneDiagnosis.AUTHORISATION, Seen.healthy().gateway(told())),
        Arguments.of(PlaneDiagnosis.TUNNEL, Seen.healthy().tunnel(new Tunnel.NotTried())),
        Arguments.of(
            PlaneDiagnosis.RIGHTS, Seen.healthy().rights(new Rights.NotAsked("forbidden"))),
        Arguments.of(
            PlaneDiagnosis.OBSERVABILITY,
            Seen.healthy()
                .observability(new Reference.Unread(
                    new PlaneRef(PlaneKind.CLUSTER_OBSERVABILITY, null, "obs"), "forbidden"))),
        Arguments.of(
            PlaneDiagnosis.SECRET_STORE, Seen.healthy().store(new SecretStore.NotAsked("vault"))));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("consequences")
  void whatCannotBeLookedAtIsSkippedAndNotAProblemOfItsOwn(String about, Seen seen) {
    assertThat(check(seen.checks(), about).result()).isEqualTo(Result.SKIPPED);
  }

  @Test
  void aCaThatExpiresSoonIsWellAndSaysSo() {
    var soon = CertificateAuthority.create("soon", Duration.ofDays(3));

    var check = check(
        Seen.healthy().clientCa(new ClientCa.Found(SECRET, soon.trust())).checks(),
        PlaneDiagnosis.CA_VALIDITY);

    assertThat(check.result()).isEqualTo(Result.OK);
    assertThat(check.found()).contains("only until", "--rotate");
  }

  @Test
  void oneValidCertificateOfABundleIsEnough() {
    var longAgo = java.time.Clock.fixed(NOW.minus(YEAR), java.time.ZoneOffset.UTC);
    var expired = CertificateAuthority.create("old", Duration.ofDays(1), longAgo);
    var bundle =
        new dev.buildplane.pki.TrustBundle(List.of(expired.certificate(), CA.certificate()));

    var checks = Seen.healthy().clientCa(new ClientCa.Found(SECRET, bundle)).checks();

    assertThat(PlaneDiagnosis.healthy(checks)).isTrue();
  }

  @Test
  void onceTheCaIsMendedTheOldFaultIsNotToldAgain() {
    var resource = resource(false);
    ((ObjectNode) resource.at("/status/conditions/0"))
        .put("reason", "AgentNotAuthorized")
        .put("message", "an agent with certificate CN=eu was turned away: not valid");
    var seen = Seen.healthy().resource(resource).gateway(turnedAway(AGENT));

    var checks = seen.checks();

    assertThat(PlaneDiagnosis.healthy(checks)).isFalse();
    assertThat(checks)
        .filteredOn(check -> check.result() == Result.PROBLEM)
        .extracting(PlaneCheck::about)
        .containsExactly(PlaneDiagnosis.AGENT, PlaneDiagnosis.READY);
    assertThat(checks).allSatisfy(check -> {
      assertThat(check.found()).doesNotContain("not valid", "turned away", "AgentNotAuthorized");
      assertThat(check.mend()).doesNotContain("--rotate");
    });
    assertThat(checks)
        .filteredOn(check -> check.about().equals(PlaneDiagnosis.AGENT))
        .allSatisfy(check -> {
          assertThat(check.found()).contains("CN=eu", "dials again");
          assertThat(check.mend()).contains("wait --for=condition=Ready");
        });
  }
}
