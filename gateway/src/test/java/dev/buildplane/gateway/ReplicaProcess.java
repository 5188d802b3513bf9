package dev.buildplane.gateway;

import dev.buildplane.http.LoopbackPorts;
import dev.buildplane.http.TlsIdentity;
import dev.buildplane.metrics.Metrics;
import dev.buildplane.pki.Identity;
import dev.buildplane.pki.TrustBundle;
import dev.buildplane.tunnel.TunnelSettings;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;

/// One replica as a process of its own, so that a test can kill or stop it as a machine would.
final class ReplicaProcess implements AutoCloseable {
  static final Duration PING = Duration.ofMillis(200);
  static final Duration LEASE = Duration.ofSeconds(6);

  private final Process process;
  final int callerPort;
  final int agentPort;

  private ReplicaProcess(Process process, int callerPort, int agentPort) {
    this.process = process;
    this.callerPort = callerPort;
    this.agentPort = agentPort;
  }

  static TunnelSettings tunnels() {
    return TunnelSettings.defaults().withLiveness(PING, LEASE);
  }

  /// Starts replicas of a hub that know each other, and waits until they do.
  static List<ReplicaProcess> start(TestHub hub, Path folder, int count) throws Exception {
    var ports = new ArrayList<Integer>();
    for (int i = 0; i < count; i++) {
      ports.add(LoopbackPorts.free());
    }
    write(folder, "server", hub.serverIdentity());
    write(folder, "peer", hub.peerIdentity());
    write(folder, "hub", hub.ca.issueClient("gateway", List.of("system:masters"), TestHub.YEAR));
    Files.writeString(folder.resolve("ca.pem"), hub.ca.certificatePem());
    var started = new ArrayList<ReplicaProcess>();
    for (int port : ports) {
      started.add(launch(folder, hub.serverPort(), port, ports));
    }
    return started;
  }

  private static ReplicaProcess launch(Path folder, int hubPort, int port, List<Integer> peers)
      throws IOException {
    var command = new ArrayList<>(List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-Xmx96m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        System.getProperty("java.class.path"),
        ReplicaProcess.class.getName(),
        folder.toString(),
        Integer.toString(hubPort),
        Integer.toString(port),
        Long.toString(ProcessHandle.current().pid())));
    peers.forEach(peer -> command.add(Integer.toString(peer)));
    var process = new ProcessBuilder(command)
        .redirectError(folder.resolve("replica-" + port + ".log").toFile())
        .start();
    var lines = new BufferedReader(process.inputReader());
    for (var line = lines.readLine(); line != null; line = lines.readLine()) {
      if (line.startsWith("READY ")) {
        return new ReplicaProcess(process, port, Integer.parseInt(line.substring(6)));
      }
    }
    throw new IOException("the replica ended before it was ready; see " + folder);
  }

  private static void write(Path folder, String name, Identity identity) throws IOException {
    Files.writeString(folder.resolve(name + ".crt"), identity.certificatePem());
    Files.writeString(folder.resolve(name + ".key"), identity.keyPem());
  }

  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  /// SIGSTOP, SIGCONT.
  void signal(String name) throws Exception {
    int code = new ProcessBuilder("kill", "-" + name, Long.toString(process.pid()))
        .start()
        .waitFor();
    if (code != 0) {
      throw new IOException("kill -" + name + " ended with " + code);
    }
  }

  @Override
  public void close() throws InterruptedException {
    kill();
  }

  /// Runs a gateway until the process that started it ends.
  public static void main(String[] arguments) throws Exception {
    var folder = Path.of(arguments[0]);
    var trust = TrustBundle.read(folder.resolve("ca.pem"));
    var server = Identity.read(folder.resolve("server.crt"), folder.resolve("server.key"));
    var peer = Identity.read(folder.resolve("peer.crt"), folder.resolve("peer.key"));
    var peers = Arrays.stream(arguments, 4, arguments.length)
        .map(port -> URI.create("https://localhost:" + port))
        .toList();
    var any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    var callers =
        new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(arguments[2]));
    var client = new KubernetesClientBuilder()
        .withConfig(config(folder, Integer.parseInt(arguments[1])))
        .build();
    var gateway = Gateway.start(
        GatewaySettings.of(any, callers, any, TlsIdentity.of(server), () -> trust)
            .withTunnels(tunnels())
            .withAudit(AuditSink.each(_ -> {})),
        MeshSettings.of(PeerAddress.fixed(peers), () -> peer, () -> trust)
            .withIntervals(PING, LEASE, PING),
        client,
        new Metrics());
    System.out.println("READY " + gateway.agentPort());
    ProcessHandle.of(Long.parseLong(arguments[3])).orElseThrow().onExit().join();
    System.exit(0);
  }

  private static Config config(Path folder, int port) throws IOException {
    return new ConfigBuilder(Config.empty())
        .withMasterUrl("https://localhost:" + port)
        .withCaCertData(base64(folder.resolve("ca.pem")))
        .withClientCertData(base64(folder.resolve("hub.crt")))
        .withClientKeyData(base64(folder.resolve("hub.key")))
        .withClientKeyAlgo("EC")
        .build();
  }

  private static String base64(Path file) throws IOException {
    return Base64.getEncoder().encodeToString(Files.readAllBytes(file));
  }
}
