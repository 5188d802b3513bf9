package dev.buildplane.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// A standalone installation of its own, started by the `buildplane` script as users start it.
final class Stand implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final List<String> ANY_PORTS = List.of(
      "--api-port=0",
      "--agent-port=0",
      "--gateway-port=0",
      "--health-port=0",
      "--build-plane-api-port=0");

  private final Path data;
  private JsonNode installation = JSON.nullNode();

  private Stand(Path data) {
    this.data = data;
  }

  static Stand start(Path folder) throws IOException, InterruptedException {
    var stand = new Stand(folder.resolve("data"));
    stand.up();
    return stand;
  }

  void up() throws IOException, InterruptedException {
    var arguments = new ArrayList<>(List.of("up", "--detach"));
    arguments.addAll(ANY_PORTS);
    buildplane(arguments);
    installation = JSON.readTree(data.resolve("run/installation.json").toFile());
    try (var hub = client("control-plane")) {
      hub.genericKubernetesResources("openchoreo.dev/v1alpha1", "ClusterBuildPlane")
          .withName("default")
          .waitUntilCondition(
              plane -> plane != null && isReady(JSON.valueToTree(plane)),
              60,
              java.util.concurrent.TimeUnit.SECONDS);
    }
  }

  private static boolean isReady(JsonNode plane) {
    for (var condition : plane.at("/status/conditions")) {
      if (condition.path("type").asText().equals("Ready")) {
        return condition.path("status").asText().equals("True");
      }
    }
    return false;
  }

  void down() throws IOException, InterruptedException {
    buildplane(List.of("down"));
  }

  /// Runs the script on this installation and fails when it does.
  void buildplane(List<String> arguments) throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of(home().resolve("buildplane").toString()));
    command.addAll(arguments);
    command.add("--data-dir=" + data);
    var process = new ProcessBuilder(command).redirectErrorStream(true).start();
    var output = new String(
        process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IllegalStateException(command + " failed: " + output);
    }
  }

  static Path home() {
    return Path.of(System.getenv().getOrDefault("BUILDPLANE_HOME", ".")).toAbsolutePath();
  }

  Path data() {
    return data;
  }

  int port(String name) {
    return installation.path(name).asInt();
  }

  long pid(String process) {
    return installation.path(process).path("pid").asLong();
  }

  Identity identity(String name) throws Exception {
    return Identity.read(
        data.resolve("pki/" + name + ".crt"), data.resolve("pki/" + name + ".key"));
  }

  TrustBundle trust(String name) throws Exception {
    return TrustBundle.read(data.resolve("pki/" + name + ".crt"));
  }

  KubernetesClient client(String context) {
    var config = Config.fromKubeconfig(context, data.resolve("kubeconfig").toFile());
    config.setClientKeyAlgo("EC");
    return new KubernetesClientBuilder().withConfig(config).build();
  }

  @Override
  public void close() throws IOException, InterruptedException {
    if (Files.exists(data.resolve("run/installation.json"))) {
      down();
    }
  }
}
