package dev.buildplane.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.cli.LocalInstallation.Outcome;
import dev.buildplane.pki.TrustBundle;
import dev.buildplane.testkit.Kubectl;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/// A whole standalone installation for the tests of a class of `buildplane plane`.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class PlaneStand {
  static final Duration PATIENCE = Duration.ofSeconds(60);

  @TempDir
  static Path folder;

  LocalInstallation installation;

  @BeforeAll
  void start() {
    installation = new LocalInstallation(folder.resolve("data")).up();
    ready("clusterbuildplane/default");
  }

  @AfterAll
  void stop() {
    installation.close();
  }

  void ready(String plane, String... more) {
    var arguments =
        new ArrayList<>(List.of("wait", "--for=condition=Ready", "--timeout=60s", plane));
    arguments.addAll(List.of(more));
    var waited = installation.kubectl(arguments.toArray(String[]::new));
    assertThat(waited.exitCode()).as(waited.output() + installation.logs()).isZero();
  }

  String plane(String... arguments) {
    var outcome = planeCommand(arguments);
    assertThat(outcome.exitCode()).as(outcome.output()).isZero();
    return outcome.output();
  }

  Outcome planeCommand(String... arguments) {
    var all = new ArrayList<>(List.of("plane"));
    all.addAll(List.of(arguments));
    return installation.buildplane(all.toArray(String[]::new));
  }

  void apply(String yaml) {
    var outcome = installation.kubectlWithInput(yaml, "apply", "-f", "-");
    assertThat(outcome.exitCode()).as(outcome.output()).isZero();
  }

  static Kubectl kubectl(Path kubeconfig) throws Exception {
    return new Kubectl(kubeconfig, Files.createTempDirectory(folder, "home"));
  }

  Kubectl through(String plane, String file) throws Exception {
    plane("kubeconfig", plane, "--output", folder.resolve(file).toString());
    return kubectl(folder.resolve(file));
  }

  String agentCa() throws Exception {
    return TrustBundle.read(installation.data().pki().resolve("buildplane-agent-ca.crt"))
        .pem();
  }

  JsonNode doctor(String plane) throws Exception {
    return Resources.JSON.readTree(
        planeCommand("doctor", plane, "--output=json").output());
  }

  static String result(JsonNode diagnosis, String check) {
    return diagnosis
        .path("checks")
        .valueStream()
        .filter(one -> one.path("check").asText().equals(check))
        .map(one -> one.path("result").asText())
        .findFirst()
        .orElse("none");
  }

  static Path files(String name) {
    return folder.resolve("agent-" + name);
  }

  String register(String name, String... more) {
    var all = new ArrayList<>(List.of("register", name, "--output-dir=" + files(name)));
    all.addAll(List.of(more));
    return plane(all.toArray(String[]::new));
  }

  /// The agent's command as printed, run by this JDK, on the standalone build plane.
  Process startPrinted(String printed, String name) throws Exception {
    var line = printed
        .lines()
        .map(String::strip)
        .filter(one -> one.startsWith("buildplane serve agent"))
        .findFirst()
        .orElseThrow();
    var kubeconfig = Files.writeString(
        folder.resolve(name + "-cluster.kubeconfig"),
        Files.readString(installation.data().kubeconfig())
            .replace("current-context: control-plane", "current-context: build-plane"));
    var command = new ArrayList<>(JavaCommand.server(128, 64));
    command.addAll(Arrays.asList(line.split(" ")).subList(1, line.split(" ").length));
    command.add("--kubeconfig=" + kubeconfig);
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(folder.resolve(name + ".log").toFile())
        .start();
  }
}
