package dev.buildplane.bench;

import dev.buildplane.model.ClientCA;
import dev.buildplane.model.ClusterBuildPlane;
import dev.buildplane.model.PlaneSpec;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/// One target, and every way to it that is compared: each proxy a process of its own, all on loopback.
final class PeerStage implements AutoCloseable {
  private static final String PLANE = "bench";
  private static final Duration CONNECTED_WITHIN = Duration.ofSeconds(60);
  private static final Duration LOOK_EVERY = Duration.ofMillis(5);
  private static final List<String> TARGET_JVM = List.of("-Xmx256m");
  private static final List<String> HUB_JVM = List.of("-Xmx512m");

  /// Netty's switch: without it BoringSSL serves whenever it is there.
  private static final String JDK_TLS = "-Dio.netty.handler.ssl.noOpenSsl=true";

  /// A way to the target.
  ///
  /// @param proxies the processes on it, front first
  record Peer(String name, Endpoint endpoint, List<Usage> proxies) {}

  /// Gateway and agent of one configuration.
  ///
  /// @param millisToConnected from the start of the agent's process to the first answer through the tunnel
  record Tunnel(String label, Child gateway, Child agent, long millisToConnected) {}

  private final Path folder;
  private final PeersOptions options;
  private final Certificates certificates;
  private final Deque<AutoCloseable> started = new ArrayDeque<>();
  private final List<Peer> peers = new ArrayList<>();
  private final List<Tunnel> tunnels = new ArrayList<>();
  private final Child target;
  private final int hubPort;

  PeerStage(Path folder, PeersOptions options) throws Exception {
    this.folder = folder;
    this.options = options;
    this.certificates = Certificates.create(folder.resolve("pki"));
    try {
      this.target = add(Child.part("target", folder, TARGET_JVM, "target", certificates));
      peers.add(new Peer("direct", plain(target.port("target"), false), List.of()));
      startNginx();
      var hub = add(Child.part(
          "hub", folder, HUB_JVM, "hub", certificates, folder.resolve("hub").toString()));
      this.hubPort = hub.port("api");
      createPlane();
      startTunnels();
      addOthers();
    } catch (Exception | Error failed) {
      close();
      throw failed;
    }
  }

  List<Peer> peers() {
    return peers;
  }

  List<Tunnel> tunnels() {
    return tunnels;
  }

  Usage target() {
    return new Usage("target", target.handle());
  }

  private <T extends AutoCloseable> T add(T part) {
    started.push(part);
    return part;
  }

  private Endpoint plain(int port, boolean http2) throws Exception {
    return new Endpoint(
        "127.0.0.1", port, "", http2, certificates.trust("server-ca"), Optional.empty());
  }

  private void startNginx() throws Exception {
    var one = Nginx.start("nginx-rear", folder, certificates, target.port("target"));
    add(one.process());
    var rear = new Usage("rear", one.process().handle());
    var single = List.of(new Usage("nginx", one.process().handle()));
    peers.add(new Peer("nginx x1", plain(one.http1(), false), single));
    var two = Nginx.start("nginx-front", folder, certificates, one.http1());
    add(two.process());
    peers.add(new Peer(
        "nginx x2",
        plain(two.http1(), false),
        List.of(new Usage("front", two.process().handle()), rear)));
    if (!options.quick) {
      peers.add(new Peer("nginx x1, HTTP/2", plain(one.http2(), true), single));
    }
  }

  private void createPlane() throws Exception {
    try (var client = Part.client(certificates, hubPort)) {
      var plane = new ClusterBuildPlane();
      plane.setMetadata(new ObjectMetaBuilder().withName(PLANE).build());
      plane.setSpec(
          PlaneSpec.of(PLANE, ClientCA.ofValue(certificates.trust("agent-ca").pem())));
      client.resource(plane).create();
    }
  }

  private void startTunnels() throws Exception {
    var boring = tunnel("tunnel", List.of());
    addTunnel(boring, "tunnel", false);
    if (!options.quick || options.http2) {
      addTunnel(boring, "tunnel, HTTP/2", true);
    }
    if (!options.quick) {
      addTunnel(tunnel("tunnel-jdk-tls", List.of(JDK_TLS)), "tunnel, JDK TLS", false);
    }
  }

  private void addTunnel(Tunnel tunnel, String name, boolean http2) throws Exception {
    peers.add(new Peer(
        name,
        tunnelEndpoint(tunnel.gateway(), http2),
        List.of(
            new Usage("gateway", tunnel.gateway().handle()),
            new Usage("agent", tunnel.agent().handle()))));
  }

  private Endpoint tunnelEndpoint(Child gateway, boolean http2) throws Exception {
    return new Endpoint(
        "127.0.0.1",
        gateway.port("callers"),
        "/api/proxy/buildplane/" + PLANE + "/_cluster/" + PLANE + "/k8s",
        http2,
        certificates.trust("server-ca"),
        Optional.of(certificates.identity("admin")));
  }

  private Tunnel tunnel(String label, List<String> jvm) throws Exception {
    var gatewayJvm = new ArrayList<>(options.gatewayJvm());
    gatewayJvm.addAll(jvm);
    var gateway = add(Child.part(
        label + "-gateway",
        folder,
        gatewayJvm,
        "gateway",
        certificates,
        Integer.toString(hubPort)));
    awaitReady(gateway);
    var agentJvm = new ArrayList<>(options.agentJvm());
    agentJvm.addAll(jvm);
    var begun = System.nanoTime();
    var agent =
        add(Child.start(label + "-agent", folder, agentCommand(agentJvm, gateway.port("agents"))));
    awaitAnswer(tunnelEndpoint(gateway, false), agent);
    var millis = (System.nanoTime() - begun) / 1_000_000;
    var tunnel = new Tunnel(label, gateway, agent, millis);
    tunnels.add(tunnel);
    return tunnel;
  }

  /// The product's agent, as a user starts it, with the target as its cluster.
  private List<String> agentCommand(List<String> jvm, int port) throws Exception {
    var arguments = new ArrayList<>(List.of(
        "serve",
        "agent",
        "--log-level=warn",
        "--server-url=wss://127.0.0.1:" + port + "/ws",
        "--plane-id=" + PLANE,
        "--client-cert=" + certificates.certificateFile("agent"),
        "--client-key=" + certificates.keyFile("agent"),
        "--server-ca=" + certificates.certificateFile("server-ca"),
        "--kubeconfig=" + kubeconfig()));
    arguments.addAll(options.agentArguments);
    return Child.java(jvm, "dev.buildplane.cli.Main", arguments);
  }

  private Path kubeconfig() throws Exception {
    var trust = Base64.getEncoder()
        .encodeToString(certificates.trust("server-ca").pem().getBytes(StandardCharsets.US_ASCII));
    return Files.writeString(
        folder.resolve("target.kubeconfig"), """
        apiVersion: v1
        kind: Config
        current-context: bench
        clusters: [{name: bench, cluster: {server: 'https://127.0.0.1:%d', certificate-authority-data: %s}}]
        users: [{name: bench, user: {token: none}}]
        contexts: [{name: bench, context: {cluster: bench, user: bench}}]
        """.formatted(target.port("target"), trust));
  }

  /// The gateway turns agents away, and they wait before they dial again, until it has read the planes.
  private static void awaitReady(Child gateway) throws Exception {
    await("the gateway to be ready", gateway, () -> {
      try (var health =
          new java.net.Socket(java.net.InetAddress.getLoopbackAddress(), gateway.port("health"))) {
        health
            .getOutputStream()
            .write("GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
                .getBytes(StandardCharsets.US_ASCII));
        return new String(health.getInputStream().readAllBytes(), StandardCharsets.US_ASCII)
            .startsWith("HTTP/1.1 200");
      }
    });
  }

  private static void awaitAnswer(Endpoint endpoint, Child agent) throws Exception {
    try (var client = new LoadClient(endpoint)) {
      await("an answer through the tunnel", agent, () -> {
        try {
          return client.once(Request.get("/small")).length == TargetServer.SMALL_BYTES;
        } catch (java.util.concurrent.ExecutionException notYet) {
          return false;
        }
      });
    }
  }

  /// A question with an answer.
  @FunctionalInterface
  private interface Question {
    boolean ask() throws Exception;
  }

  private static void await(String what, Child child, Question question) throws Exception {
    var deadline = System.nanoTime() + CONNECTED_WITHIN.toNanos();
    while (!question.ask()) {
      child.requireAlive();
      if (System.nanoTime() > deadline) {
        throw new IOException(
            "expected " + what + " within " + CONNECTED_WITHIN + ", found none: " + child.output());
      }
      Thread.sleep(LOOK_EVERY);
    }
  }

  /// Peers that the user runs.
  private void addOthers() throws Exception {
    for (var other : options.others()) {
      peers.add(other);
    }
  }

  @Override
  public void close() throws Exception {
    while (!started.isEmpty()) {
      started.pop().close();
    }
  }
}
