package dev.buildplane.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.buildplane.http.Headers;
import dev.buildplane.http.HttpExchange;
import dev.buildplane.http.HttpServer;
import dev.buildplane.http.HttpServerSettings;
import dev.buildplane.http.Policy;
import dev.buildplane.http.Route;
import dev.buildplane.http.Router;
import dev.buildplane.http.TlsIdentity;
import dev.buildplane.pki.CertificateAuthority;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/// The way caller, gateway, tunnel, agent, target beside the way caller, target: the same target, client program, machine and
/// run, the two in turn.
final class TunnelBench {
  private static final int SMALL_BYTES = 1024;
  private static final long BULK_BYTES = 512L * 1024 * 1024;
  private static final int ROUNDS = 3;
  private static final double WARM_UP_SECONDS = 3;
  private static final double SECONDS = 5;
  private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());

  private TunnelBench() {}

  static void print(Stand stand, PrintStream out) throws Exception {
    var ca = CertificateAuthority.create("bench", Duration.ofDays(1));
    var user = ca.issueClient("bench", List.of(), Duration.ofDays(1));
    var identity = TlsIdentity.of(
        ca.issueServer("bench", List.of("localhost", "127.0.0.1"), Duration.ofDays(1)));
    var bind = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    var routes = Router.builder()
        .route(Route.blocking(Set.of("GET"), "/small", Policy.PUBLIC, TunnelBench::small))
        .route(Route.blocking(Set.of("GET"), "/bulk", Policy.PUBLIC, TunnelBench::bulk))
        .build();
    try (var target =
        HttpServer.start(HttpServerSettings.tls("bench-target", bind, identity), routes)) {
      var agent = startAgent(stand, ca, target.port());
      try {
        var direct = new LoadClient(ca.trust(), user, target.port());
        var tunnel = new LoadClient(
            stand.trust("control-plane-ca"), stand.identity("admin"), stand.port("gatewayPort"));
        small(out, direct, tunnel);
        bulk(out, direct, tunnel);
        out.printf(
            "%nResident memory of the agent after this: %.0f MiB.%n",
            MemoryBench.rssMebibytes(agent.pid()));
      } finally {
        agent.destroy();
        agent.waitFor();
      }
    }
  }

  private static final byte[] SMALL = new byte[SMALL_BYTES];
  private static final byte[] CHUNK = new byte[64 * 1024];

  private static void small(HttpExchange exchange) {
    exchange.respond(200, Headers.of("content-type", "application/octet-stream"), SMALL);
  }

  private static void bulk(HttpExchange exchange) throws IOException {
    try (var body =
        exchange.respondStreaming(200, Headers.of("content-length", Long.toString(BULK_BYTES)))) {
      for (var left = BULK_BYTES; left > 0; left -= CHUNK.length) {
        body.write(CHUNK);
      }
    }
  }

  private static String tunnelPath(String path) {
    return "/api/proxy/buildplane/bench/_cluster/bench/k8s" + path;
  }

  private static void small(PrintStream out, LoadClient direct, LoadClient tunnel)
      throws Exception {
    out.println("\n## Tunnel beside direct: GET of 1 KiB\n");
    out.println(
        "HTTP/1.1 with TLS and keep-alive; medians of " + ROUNDS + " rounds of " + (int) SECONDS
            + " s, direct and tunnel in turn. Load client, target, gateway and agent share the processors.\n");
    out.println(
        "| callers | direct, requests/s | p50 ms | p99 ms | tunnel, requests/s | p50 ms | p99 ms | ratio |");
    out.println("|---|---|---|---|---|---|---|---|");
    for (var callers : new int[] {1, 16, 64}) {
      var ways =
          new ArrayList<List<LoadClient.Round>>(List.of(new ArrayList<>(), new ArrayList<>()));
      for (var i = 0; i < ROUNDS; i++) {
        ways.get(0).add(direct.run(LoadClient.get("/small"), callers, WARM_UP_SECONDS, SECONDS));
        ways.get(1)
            .add(tunnel.run(
                LoadClient.get(tunnelPath("/small")), callers, WARM_UP_SECONDS, SECONDS));
      }
      var a = median(ways.get(0));
      var b = median(ways.get(1));
      out.printf(
          "| %d | %.0f | %.2f | %.2f | %.0f | %.2f | %.2f | %.2f |%n",
          callers,
          a.perSecond(),
          a.quantileMillis(0.5),
          a.quantileMillis(0.99),
          b.perSecond(),
          b.quantileMillis(0.5),
          b.quantileMillis(0.99),
          b.perSecond() / a.perSecond());
    }
  }

  private static LoadClient.Round median(List<LoadClient.Round> rounds) {
    return rounds.stream()
        .sorted(java.util.Comparator.comparingDouble(LoadClient.Round::perSecond))
        .toList()
        .get(rounds.size() / 2);
  }

  private static void bulk(PrintStream out, LoadClient direct, LoadClient tunnel) throws Exception {
    out.println("\n## Tunnel beside direct: download of 512 MiB per stream\n");
    out.println("| streams | direct, MiB/s | tunnel, MiB/s | ratio |");
    out.println("|---|---|---|---|");
    for (var streams : new int[] {1, 4}) {
      var a = new double[ROUNDS];
      var b = new double[ROUNDS];
      for (var i = 0; i < ROUNDS; i++) {
        a[i] = direct.download(LoadClient.get("/bulk"), streams);
        b[i] = tunnel.download(LoadClient.get(tunnelPath("/bulk")), streams);
      }
      Arrays.sort(a);
      Arrays.sort(b);
      out.printf(
          "| %d | %.0f | %.0f | %.2f |%n",
          streams, a[ROUNDS / 2], b[ROUNDS / 2], b[ROUNDS / 2] / a[ROUNDS / 2]);
    }
  }

  /// An agent of its own whose cluster is the bench's target.
  private static Process startAgent(Stand stand, CertificateAuthority ca, int targetPort)
      throws Exception {
    var identity = ca.issueClient("bench-agent", List.of(), Duration.ofDays(1));
    var folder = stand.data();
    var certificate =
        Files.writeString(folder.resolve("bench-agent.crt"), identity.certificatePem());
    var key = Files.writeString(folder.resolve("bench-agent.key"), identity.keyPem());
    var kubeconfig =
        Files.writeString(folder.resolve("bench-agent.kubeconfig"), kubeconfig(ca, targetPort));
    var command = new ArrayList<>(List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-XX:+UseSerialGC",
        "-Xmx128m",
        "-XX:MaxDirectMemorySize=64m",
        "-cp",
        System.getProperty("java.class.path"),
        "dev.buildplane.cli.Main"));
    command.addAll(List.of(
        "serve",
        "agent",
        "--log-level=warn",
        "--server-url=wss://127.0.0.1:" + stand.port("agentPort") + "/ws",
        "--plane-id=bench",
        "--client-cert=" + certificate,
        "--client-key=" + key,
        "--server-ca=" + folder.resolve("pki/control-plane-ca.crt"),
        "--kubeconfig=" + kubeconfig));
    try (var hub = stand.client("control-plane")) {
      hub.resource(YAML.readValue(plane(ca), GenericKubernetesResource.class)).create();
      var process = new ProcessBuilder(command)
          .redirectErrorStream(true)
          .redirectOutput(folder.resolve("bench-agent.log").toFile())
          .start();
      hub.genericKubernetesResources("openchoreo.dev/v1alpha1", "ClusterBuildPlane")
          .withName("bench")
          .waitUntilCondition(
              found -> found != null
                  && Boolean.TRUE.equals(found.get("status", "agentConnection", "connected")),
              60,
              TimeUnit.SECONDS);
      return process;
    }
  }

  private static String plane(CertificateAuthority ca) {
    return """
        apiVersion: openchoreo.dev/v1alpha1
        kind: ClusterBuildPlane
        metadata: {name: bench}
        spec:
          clusterAgent:
            clientCA:
              value: |
        %s
        """.formatted(ca.certificatePem().indent(8));
  }

  private static String kubeconfig(CertificateAuthority ca, int port) {
    var trust =
        Base64.getEncoder().encodeToString(ca.certificatePem().getBytes(StandardCharsets.US_ASCII));
    return """
        apiVersion: v1
        kind: Config
        current-context: bench
        clusters: [{name: bench, cluster: {server: 'https://127.0.0.1:%d', certificate-authority-data: %s}}]
        users: [{name: bench, user: {token: none}}]
        contexts: [{name: bench, context: {cluster: bench, user: bench}}]
        """.formatted(port, trust);
  }
}
