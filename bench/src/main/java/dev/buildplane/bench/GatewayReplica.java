package dev.buildplane.bench;

import dev.buildplane.gateway.MeshSettings;
import dev.buildplane.http.LoopbackPorts;
import io.fabric8.kubernetes.api.model.rbac.ClusterRoleBindingBuilder;
import io.fabric8.kubernetes.api.model.rbac.ClusterRoleBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// One of several gateways that work as one, in a process of its own, started as a user starts it, at ports that stay the same when it is killed and
/// started again.
final class GatewayReplica implements AutoCloseable {
  /// JVM flags that the launcher gives a gateway.
  private static final List<String> JVM = List.of("-Xmx512m", "-XX:MaxDirectMemorySize=192m");

  private static final String PEER_ROLE = "gateway-peers";
  private static final Duration READY_WITHIN = Duration.ofSeconds(60);
  private static final Duration LOOK_EVERY = Duration.ofMillis(20);

  /// Where the replicas of one gateway are, and what all of them are given.
  record Site(Path folder, Certificates certificates, Path kubeconfig, List<Integer> callerPorts) {
    /// @param hubPort of the API server whose planes they serve
    static Site of(Path folder, Certificates certificates, int hubPort, int replicas)
        throws IOException {
      var ports = new ArrayList<Integer>();
      for (var i = 0; i < replicas; i++) {
        ports.add(LoopbackPorts.free());
      }
      return new Site(
          folder,
          certificates,
          certificates.kubeconfig(folder.resolve("gateway.kubeconfig"), hubPort),
          ports);
    }
  }

  private final Site site;
  private final int index;
  private final int agentPort = LoopbackPorts.free();
  private final int healthPort = LoopbackPorts.free();
  private @Nullable Child process;

  private GatewayReplica(Site site, int index) throws IOException {
    this.site = site;
    this.index = index;
  }

  /// Starts all of them and waits until each has read the planes and follows the others.
  static List<GatewayReplica> startAll(Site site) throws Exception {
    var all = new ArrayList<GatewayReplica>();
    for (var i = 0; i < site.callerPorts().size(); i++) {
      var replica = new GatewayReplica(site, i);
      all.add(replica);
      replica.launch();
    }
    for (var replica : all) {
      replica.awaitReady();
    }
    return all;
  }

  /// Lets gateways follow each other, as an installation does.
  static void allowPeers(KubernetesClient hub) {
    hub.resource(new ClusterRoleBuilder()
            .withNewMetadata()
            .withName(PEER_ROLE)
            .endMetadata()
            .addNewRule()
            .withApiGroups("openchoreo.dev")
            .withResources("agentconnections")
            .withVerbs("watch")
            .endRule()
            .build())
        .create();
    hub.resource(new ClusterRoleBindingBuilder()
            .withNewMetadata()
            .withName(PEER_ROLE)
            .endMetadata()
            .withNewRoleRef("rbac.authorization.k8s.io", "ClusterRole", PEER_ROLE)
            .addNewSubject("rbac.authorization.k8s.io", "Group", MeshSettings.PEER_GROUP, null)
            .build())
        .create();
  }

  /// Starts the process, also after it was killed; returns at once.
  void launch() throws IOException {
    var certificates = site.certificates();
    var arguments = new ArrayList<>(List.of(
        "serve",
        "gateway",
        "--log-level=warn",
        "--kubeconfig=" + site.kubeconfig(),
        "--agent-port=" + agentPort,
        "--gateway-port=" + callerPort(),
        "--health-port=" + healthPort,
        "--server-cert=" + certificates.certificateFile("server"),
        "--server-key=" + certificates.keyFile("server"),
        "--caller-ca=" + certificates.certificateFile("internal-ca"),
        "--peer-cert=" + certificates.certificateFile("peer"),
        "--peer-key=" + certificates.keyFile("peer"),
        "--peer-ca=" + certificates.certificateFile("server-ca")));
    for (var port : site.callerPorts()) {
      arguments.add("--peer=https://127.0.0.1:" + port);
    }
    process =
        Child.start(name(), site.folder(), Child.java(JVM, "dev.buildplane.cli.Main", arguments));
  }

  /// Waits until it takes agents and callers.
  void awaitReady() throws Exception {
    var deadline = System.nanoTime() + READY_WITHIN.toNanos();
    while (!ready()) {
      process().requireAlive();
      if (System.nanoTime() > deadline) {
        throw new IOException("expected " + name() + " to be ready within " + READY_WITHIN
            + ", found: " + process().output());
      }
      Thread.sleep(LOOK_EVERY);
    }
  }

  private boolean ready() throws Exception {
    try (var client = HttpClient.newHttpClient()) {
      var question = HttpRequest.newBuilder(
              URI.create("http://127.0.0.1:" + healthPort + "/readyz"))
          .build();
      return client.send(question, BodyHandlers.discarding()).statusCode() == 200;
    } catch (ConnectException notYet) {
      return false;
    }
  }

  /// SIGKILL.
  void kill() throws InterruptedException {
    process().kill();
  }

  String name() {
    return "gateway-" + (index + 1);
  }

  int callerPort() {
    return site.callerPorts().get(index);
  }

  /// Where agents dial.
  URI agentUrl() {
    return URI.create("wss://127.0.0.1:" + agentPort + "/ws");
  }

  private Child process() {
    if (process == null) {
      throw new IllegalStateException(name() + " was not started");
    }
    return process;
  }

  @Override
  public void close() throws InterruptedException {
    process().close();
  }
}
