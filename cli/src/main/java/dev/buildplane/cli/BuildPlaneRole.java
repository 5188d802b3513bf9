package dev.buildplane.cli;

import dev.buildplane.agent.Agent;
import dev.buildplane.agent.AgentHealth;
import dev.buildplane.agent.AgentProblem;
import dev.buildplane.agent.AgentSettings;
import dev.buildplane.apiserver.ApiServer;
import dev.buildplane.apiserver.ApiServerSettings;
import dev.buildplane.apiserver.LogLine;
import dev.buildplane.apiserver.LogReader;
import dev.buildplane.apiserver.PodLogs;
import dev.buildplane.metrics.Metrics;
import dev.buildplane.runner.CustomResources;
import dev.buildplane.runner.Runner;
import dev.buildplane.runner.RunnerSettings;
import dev.buildplane.runner.StepLogs;
import dev.buildplane.store.ObjectStore;
import dev.buildplane.store.StoreSettings;
import dev.buildplane.tracing.Tracing;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// A build plane of a standalone installation in one process: its own API server, the runner, and the agent that joins it
/// to the control plane. Of the control plane it knows the gateway's address and CA, nothing else.
final class BuildPlaneRole {
  /// What the agent calls itself in spans.
  static final String AGENT_SERVICE = "buildplane-agent";

  private BuildPlaneRole() {}

  static AutoCloseable start(
      DataDirectory data, List<String> serverUrls, int apiPort, TracingOption tracing)
      throws Exception {
    var pki = new StandalonePki(data.pki());
    pki.ensure();
    var parts = new Parts();
    try {
      var folder = data.buildPlane();
      var store = parts.add(ObjectStore.open(StoreSettings.at(folder.resolve("objects.db"))));
      var settings = runnerSettings(data);
      var logs = new AtomicReference<StepLogs>();
      var api = parts.add(ApiServer.start(
          ApiServerSettings.of(
              "plane",
              ControlPlaneRole.loopback(apiPort),
              pki.identity("plane-server"),
              pki.trust("build-plane-ca")),
          store,
          podLogs(logs)));
      var url = "https://127.0.0.1:" + api.port();
      var client = parts.add(
          Clients.connect(url, pki.trust("build-plane-ca"), pki.identity("plane-runner")));
      Clients.applyCrds(client, CustomResources.yaml());
      logs.set(parts.add(Runner.start(settings, client)).logs());
      var kubeconfig = folder.resolve("agent.kubeconfig");
      DataDirectory.writeSecret(
          kubeconfig,
          KubeconfigFile.render(List.of(new KubeconfigFile.Context(
              "build-plane", url, pki.trust("build-plane-ca"), pki.identity("plane-agent")))));
      var metrics = new Metrics();
      var agent = parts.add(agent(
          serverUrls,
          AgentSettings.DEFAULT_CONNECTIONS,
          false,
          "buildplane",
          ControlPlaneRole.LOCAL_PLANE_ID,
          pki.certificateFile("agent"),
          pki.keyFile("agent"),
          pki.certificateFile("control-plane-ca"),
          kubeconfig,
          null,
          AgentSettings.DEFAULT_DRAIN,
          metrics,
          tracing.start(AGENT_SERVICE, parts)));
      var health = parts.add(AgentHealth.start(ControlPlaneRole.loopback(0), agent, metrics));
      new RoleReady(
              ProcessId.current(),
              Map.of("--build-plane-api-port", api.port(), "--health-port", health.port()))
          .write(data, Member.BUILD_PLANE);
      return parts;
    } catch (Exception | Error failed) {
      parts.close();
      throw failed;
    }
  }

  static Agent agent(
      List<String> serverUrls,
      int connections,
      boolean jsonOnly,
      String planeType,
      String planeId,
      Path clientCertificate,
      Path clientKey,
      Path serverCa,
      @Nullable Path kubeconfig,
      @Nullable Path targets,
      Duration drain,
      Metrics metrics,
      Optional<Tracing> tracing)
      throws AgentProblem {
    var urls = serverUrls.stream().map(URI::create).toList();
    var settings = AgentSettings.of(
            urls.getFirst(),
            planeType,
            planeId,
            clientCertificate,
            clientKey,
            serverCa,
            Optional.ofNullable(kubeconfig))
        .withServerUrls(urls)
        .withConnections(connections)
        .withDrain(drain)
        .withJsonOnly(jsonOnly);
    return Agent.start(
        targets == null ? settings : settings.withTargets(targets), metrics, tracing);
  }

  /// Steps find the tools of this machine, the JDK of the product first, and the installation's own git repositories; of its
  /// other state they see nothing.
  private static RunnerSettings runnerSettings(DataDirectory data) throws IOException {
    var repositories = Files.createDirectories(data.repositories());
    var defaults = RunnerSettings.defaults(data.buildPlane().resolve("runner"));
    var javaHome = System.getProperty("java.home");
    var path = Path.of(javaHome, "bin") + File.pathSeparator + defaults.path();
    return defaults
        .withEnvironment(path, Map.of("JAVA_HOME", javaHome))
        .withHost(
            List.of(),
            List.of(repositories),
            List.of(data.pki(), data.run(), data.controlPlane()),
            defaults.hostPaths());
  }

  /// The runner keeps the logs, the API server serves them; neither knows the other.
  private static PodLogs podLogs(AtomicReference<StepLogs> logs) {
    return (namespace, pod, container, follow) -> {
      var started = logs.get();
      return started == null
          ? Optional.empty()
          : started.open(namespace, pod, container, follow).map(BuildPlaneRole::reader);
    };
  }

  private static LogReader reader(StepLogs.Reader log) {
    return new LogReader() {
      @Override
      public @Nullable LogLine next() throws IOException, InterruptedException {
        var line = log.next();
        return line == null ? null : new LogLine(line.time(), line.text());
      }

      @Override
      public void close() {
        log.close();
      }
    };
  }
}
