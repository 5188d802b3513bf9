package dev.buildplane.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneType;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.TrustBundle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// `buildplane plane register`, with the agents whose commands it prints.
class PlaneRegisterIT extends PlaneStand {
  @Test
  void aRegisteredPlaneBecomesReadyWithThePrintedCommandAndItsKeySurvives() throws Exception {
    var printed = register("fresh");
    assertThat(printed).contains("helm upgrade", "clusterAgent.planeId=fresh");
    assertThat(PosixFilePermissions.toString(
            Files.getPosixFilePermissions(files("fresh").resolve("agent.key"))))
        .isEqualTo("rw-------");
    assertThat(result(doctor("fresh"), PlaneDiagnosis.AGENT)).isEqualTo("problem");
    var agent = startPrinted(printed, "fresh");
    try {
      ready("clusterbuildplane/fresh");
      assertThat(planeCommand("doctor", "fresh").exitCode()).isZero();
      assertThat(plane("describe", "fresh"))
          .contains("CN=fresh-agent-ca", "CN=fresh,O=OpenChoreo")
          .containsPattern("SHA-256 +([0-9A-F]{2}:){31}")
          .doesNotContain("PRIVATE KEY", "BEGIN CERTIFICATE");
      againKeepsTheKey();
      rotationKeepsTheCaWhoseKeyIsAtHand();
      rotationWithoutTheKeyTrustsBothCas();
    } finally {
      agent.destroy();
      agent.waitFor();
    }
  }

  private void againKeepsTheKey() throws Exception {
    var key = Files.readString(files("fresh").resolve("agent.key"));
    var again = planeCommand("register", "fresh", "--output-dir=" + files("fresh"));

    assertThat(again.exitCode()).isEqualTo(ExitCode.FAILED.code());
    assertThat(again.output()).contains("registered already", "--rotate");
    assertThat(Files.readString(files("fresh").resolve("agent.key"))).isEqualTo(key);
  }

  private TrustBundle trusted(String name) throws Exception {
    var encoded = installation
        .kubectl(
            "--namespace=openchoreo-system",
            "get",
            "secret",
            name + "-agent-ca",
            "--output=jsonpath={.data.ca\\.crt}")
        .output();
    return TrustBundle.parse(new String(Base64.getDecoder().decode(encoded)));
  }

  private void rotationKeepsTheCaWhoseKeyIsAtHand() throws Exception {
    var before = trusted("fresh");
    var certificate = Files.readString(files("fresh").resolve("agent.crt"));

    register("fresh", "--rotate", "--validity=90d");

    assertThat(trusted("fresh")).isEqualTo(before);
    assertThat(Files.readString(files("fresh").resolve("agent.crt"))).isNotEqualTo(certificate);
    presents("fresh");
  }

  private void rotationWithoutTheKeyTrustsBothCas() throws Exception {
    Files.delete(files("fresh").resolve("ca.key"));

    var printed = register("fresh", "--rotate");

    assertThat(trusted("fresh").certificates()).hasSize(2);
    assertThat(printed).contains("stop trusting the CAs before", "--force-conflicts");
    presents("fresh");
    assertThat(planeCommand("doctor", "fresh").exitCode()).isZero();
  }

  /// Waits until the running agent has taken up the certificate in its folder.
  private void presents(String name) throws Exception {
    var wanted = TrustBundle.read(files(name).resolve("agent.crt"))
        .certificates()
        .getFirst()
        .getNotAfter()
        .toInstant();
    await().atMost(PATIENCE).until(() -> plane("describe", name).contains("until " + wanted));
  }

  @ParameterizedTest
  @EnumSource
  void everyKindIsRegisteredReachedAndRotated(PlaneKind kind) throws Exception {
    var name = "any-" + kind.singular();
    var typed =
        kind.clusterScoped() ? kind.singular() + "/" + name : kind.singular() + "/default/" + name;
    var which = new ArrayList<>(List.of("--kind=" + kind.singular(), "--output=json"));
    if (!kind.clusterScoped()) {
      which.add("--namespace=default");
    }
    var first = new ArrayList<>(which);
    if (kind.type() == PlaneType.OBSERVABILITY) {
      first.add("--observer-url=https://observer.example");
    }

    var registered = Resources.JSON.readTree(register(name, first.toArray(String[]::new)));

    assertThat(registered.path("plane").asText()).isEqualTo(typed);
    assertThat(registered.path("planeId").asText()).isEqualTo(name);
    assertThat(registered.path("rotated").asBoolean()).isFalse();
    assertThat(Path.of(registered.at("/files/agentKey").asText())).exists();
    assertThat(registered.at("/commands/helm").asText())
        .contains("openchoreo-" + kind.type().wire().replace("plane", "-plane"));
    assertThat(registered.toString()).doesNotContain("PRIVATE KEY", "BEGIN CERTIFICATE");
    var resource = Resources.JSON.readTree(plane("get", typed, "--output=json"));
    assertThat(resource.at("/spec/observerURL").asText())
        .isEqualTo(kind.type() == PlaneType.OBSERVABILITY ? "https://observer.example" : "");
    var agent = startPrinted(registered.at("/commands/agent").asText(), name);
    try {
      var inside = kind.clusterScoped() ? new String[0] : new String[] {"--namespace=default"};
      ready(kind.singular() + "/" + name, inside);
      assertThat(planeCommand("doctor", typed).exitCode())
          .as(planeCommand("doctor", typed).output())
          .isZero();
      var rotated = Resources.JSON.readTree(register(
          name, Stream.concat(which.stream(), Stream.of("--rotate")).toArray(String[]::new)));
      assertThat(rotated.path("rotated").asBoolean()).isTrue();
      assertThat(rotated.path("olderCas").asInt()).isZero();
    } finally {
      agent.destroy();
      agent.waitFor();
    }
  }

  static Stream<Arguments> refusedRegistrations() {
    return Stream.of(
        Arguments.of(
            "an observability plane without observer",
            List.of("--kind=clusterobservabilityplane"),
            "--observer-url https://HOST"),
        Arguments.of(
            "a build plane with observer",
            List.of("--observer-url=https://observer.example"),
            "leave it out"),
        Arguments.of(
            "an observer that is no address",
            List.of("--kind=clusterobservabilityplane", "--observer-url=observer"),
            "found 'observer'"),
        Arguments.of("an unknown kind", List.of("--kind=plane"), "found 'plane'"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("refusedRegistrations")
  void aRegistrationThatCannotBeSaysWhatIsExpected(
      String what, List<String> options, String words) {
    var all = new ArrayList<>(List.of("register", "refused", "--output-dir=" + files("refused")));
    all.addAll(options);

    var refused = planeCommand(all.toArray(String[]::new));

    assertThat(refused.exitCode()).isEqualTo(ExitCode.USAGE.code());
    assertThat(refused.output()).contains("expected", words);
    assertThat(files("refused")).doesNotExist();
  }

  @Test
  void aPlaneWithItsCaInlineIsRotatedToo() throws Exception {
    var before = CertificateAuthority.create("before", Duration.ofDays(30));
    apply("""
        apiVersion: openchoreo.dev/v1alpha1
        kind: ClusterBuildPlane
        metadata: {name: inline}
        spec:
          clusterAgent:
            clientCA:
              value: |
        %s
        """.formatted(before.certificatePem().indent(8)));

    var printed = register("inline", "--rotate");

    assertThat(inlineCas("inline")).hasSize(2).contains(before.certificate());
    var agent = startPrinted(printed, "inline");
    try {
      ready("clusterbuildplane/inline");
      pasteTheCommandAfter(printed, "stop trusting the CAs before");
      assertThat(inlineCas("inline")).hasSize(1).doesNotContain(before.certificate());
      assertThat(planeCommand("doctor", "inline").exitCode()).isZero();
      register("inline", "--rotate");
      assertThat(inlineCas("inline")).as("the same CA issues again").hasSize(1);
    } finally {
      agent.destroy();
      agent.waitFor();
    }
  }

  private List<java.security.cert.X509Certificate> inlineCas(String name) throws Exception {
    var resource = Resources.JSON.readTree(plane("get", name, "--output=json"));
    return TrustBundle.parse(resource.at("/spec/clusterAgent/clientCA/value").asText())
        .certificates();
  }

  private static void pasteTheCommandAfter(String printed, String words) {
    var lines = printed.lines().toList();
    var at = lines.stream().filter(line -> line.contains(words)).findFirst().orElseThrow();
    var pasted = LocalInstallation.run(List.of("sh", "-c", lines.get(lines.indexOf(at) + 1)), "");
    assertThat(pasted.exitCode()).as(pasted.output()).isZero();
  }

  @Test
  void aPlaneOfThatNameWithAnotherSpecIsLeftAloneAndNothingIsMade() throws Exception {
    apply("""
        apiVersion: openchoreo.dev/v1alpha1
        kind: ClusterBuildPlane
        metadata: {name: taken}
        spec:
          planeID: somebody-elses
          clusterAgent: {clientCA: {secretRef: {name: other, namespace: default, key: ca.crt}}}
        """);

    var refused = planeCommand("register", "taken", "--output-dir=" + files("taken"));

    assertThat(refused.exitCode()).isEqualTo(ExitCode.FAILED.code());
    assertThat(refused.output()).contains("somebody-elses", "choose another name");
    assertThat(files("taken")).doesNotExist();
    assertThat(installation
            .kubectl("--namespace=openchoreo-system", "get", "secret", "taken-agent-ca")
            .output())
        .contains("NotFound");
  }

  @Test
  void whatTheApiRefusesLeavesNoSecretAndNoFiles() {
    var refused = planeCommand(
        "register", "nowhere", "--namespace=missing", "--output-dir=" + files("nowhere"));

    assertThat(refused.exitCode()).isNotZero();
    assertThat(refused.output()).contains("missing");
    assertThat(files("nowhere")).doesNotExist();
  }

  @Test
  void anInterruptedRegistrationGoesOnWithTheSameKey() throws Exception {
    register("interrupted");
    var key = Files.readString(files("interrupted").resolve("agent.key"));
    installation.kubectl("delete", "clusterbuildplane/interrupted");

    register("interrupted");

    assertThat(Files.readString(files("interrupted").resolve("agent.key"))).isEqualTo(key);
  }
}
