package dev.buildplane.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.metrics.Metric;
import dev.buildplane.metrics.Metrics;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.Identity;
import dev.buildplane.tunnel.CloseReason;
import dev.buildplane.tunnel.GatewayTunnel;
import dev.buildplane.tunnel.TunnelTransport;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoopGroup;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.util.ReferenceCountUtil;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class AgentHealthIT {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final Duration DAY = Duration.ofDays(1);
  private static final CertificateAuthority CA = CertificateAuthority.create("test CA", DAY);
  private static final Identity SERVER =
      CA.issueServer("server", List.of("localhost", "127.0.0.1"), DAY);

  @TempDir
  Path folder;

  private final EventLoopGroup loops = TunnelTransport.eventLoops(1, "test");
  private final HttpClient client = HttpClient.newHttpClient();
  private TestGateway gateway;
  private TestTarget target;
  private Agent agent;
  private AgentHealth health;

  @BeforeEach
  void prepare() throws Exception {
    gateway = new TestGateway(loops, SERVER);
    target = new TestTarget(loops, SERVER);
    var identity = CA.issueClient("agent", List.of(), DAY);
    Files.writeString(folder.resolve("tls.key"), identity.keyPem());
    Files.writeString(folder.resolve("tls.crt"), identity.certificatePem());
    Files.writeString(folder.resolve("ca.pem"), CA.certificatePem());
    Files.writeString(folder.resolve("token"), "token\n");
    Files.writeString(folder.resolve("kubeconfig"), """
        apiVersion: v1
        kind: Config
        current-context: c
        contexts: [{ name: c, context: { cluster: c, user: u } }]
        clusters: [{ name: c, cluster: { server: "https://localhost:%d", certificate-authority: ca.pem } }]
        users: [{ name: u, user: { tokenFile: token } }]
        """.formatted(target.port()));
  }

  private GatewayTunnel start() throws Exception {
    var metrics = new Metrics();
    agent = Agent.start(
        AgentSettings.of(
                URI.create("wss://localhost:" + gateway.port() + "/ws"),
                "buildplane",
                "shared-builder",
                folder.resolve("tls.crt"),
                folder.resolve("tls.key"),
                folder.resolve("ca.pem"),
                Optional.of(folder.resolve("kubeconfig")))
            .withConnections(1)
            .withReloadInterval(Duration.ofMillis(50)),
        metrics);
    health = AgentHealth.start(
        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), agent, metrics);
    return gateway.accept().tunnel();
  }

  @AfterEach
  void stop() {
    health.close();
    agent.close();
    gateway.close();
    target.close();
    client.close();
    loops.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
  }

  private int status(String path) throws Exception {
    return client.send(request(path), BodyHandlers.discarding()).statusCode();
  }

  private String scrape() throws Exception {
    return client.send(request("/metrics"), BodyHandlers.ofString()).body();
  }

  private HttpRequest request(String path) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + health.port() + path))
        .build();
  }

  private static int call(GatewayTunnel tunnel, String host, String path) throws Exception {
    var status = new CompletableFuture<Integer>();
    var request = new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, path);
    request.headers().set("host", host);
    tunnel
        .openStream(new ChannelInboundHandlerAdapter() {
          @Override
          public void channelRead(ChannelHandlerContext ctx, Object msg) {
            if (msg instanceof HttpResponse response) {
              status.complete(response.status().code());
            }
            ReferenceCountUtil.release(msg);
          }
        })
        .get(30, TimeUnit.SECONDS)
        .writeAndFlush(request);
    return status.get(30, TimeUnit.SECONDS);
  }

  private void awaitMetrics(String... lines) {
    await().atMost(PATIENCE).untilAsserted(() -> assertThat(scrape().lines()).contains(lines));
  }

  @Test
  void everyMetricOfAnAgentIsInItsScrape() throws Exception {
    call(start(), "k8s", "/hello");
    awaitMetrics("buildplane_agent_streams 0.0");
    var text = scrape();
    assertThat(Arrays.stream(Metric.values()).map(Metric::id))
        .filteredOn(id -> id.startsWith("buildplane_agent_") || id.startsWith("buildplane_tunnel_"))
        .hasSizeGreaterThan(10)
        .allSatisfy(id -> assertThat(text.lines())
            .anyMatch(line -> line.startsWith(id + " ") || line.startsWith(id + "{")));
  }

  @Test
  void readinessIsTheTunnelsAndLivenessIsNot() throws Exception {
    var tunnel = start();
    await().atMost(PATIENCE).until(() -> status("/readyz") == 200);
    gateway.refusal = "not now";
    tunnel.close(new CloseReason(CloseReason.Code.CLOSED_HERE, "test"));
    await().atMost(PATIENCE).until(() -> status("/readyz") == 503);
    awaitMetrics("buildplane_agent_tunnels{state=\"up\"} 0.0");
    assertThat(status("/livez")).isEqualTo(200);
    assertThat(status("/healthz")).isEqualTo(200);
    await()
        .atMost(PATIENCE)
        .untilAsserted(() -> assertThat(scrape().lines())
            .anyMatch(
                line -> line.startsWith("buildplane_agent_dial_failures_total{reason=\"refused\"}")
                    && !line.endsWith(" 0.0")));
    gateway.refusal = "";
    await().atMost(PATIENCE).until(() -> status("/readyz") == 200);
  }

  @Test
  void requestsAreCountedByTargetAndClassAndNamesOfCallersAreNoLabels() throws Exception {
    var tunnel = start();
    assertThat(call(tunnel, "k8s", "/hello")).isEqualTo(200);
    for (int i = 0; i < 100; i++) {
      assertThat(call(tunnel, "invented-" + i, "/")).isEqualTo(404);
    }
    target.close();
    awaitMetrics(
        "buildplane_agent_backend_requests_total{code=\"2xx\",target=\"k8s\"} 1.0",
        "buildplane_agent_backend_requests_total{code=\"4xx\",target=\"_unknown\"} 100.0",
        "buildplane_agent_dials_total 1.0",
        "buildplane_agent_permissions_missing 0.0");
    assertThat(scrape()).doesNotContain("invented");
  }

  @Test
  void missingPermissionsAreSaidInTheHandshakeAndAgainWhenTheyChange() throws Exception {
    target.denied.add("\"resource\":\"workflows\"");
    target.denied.add("\"subresource\":\"log\"");
    var first = start();
    assertThat(first.agentMetadata().get("permissions-missing"))
        .isEqualTo(
            "create workflows.argoproj.io, get workflows.argoproj.io, watch workflows.argoproj.io,"
                + " delete workflows.argoproj.io, get pods/log");
    awaitMetrics("buildplane_agent_permissions_missing 5.0");
    target.denied.clear();
    Files.writeString(folder.resolve("token"), "another-token\n");
    var second = gateway.accept().tunnel();
    assertThat(second.agentMetadata()).doesNotContainKey("permissions-missing");
    awaitMetrics("buildplane_agent_permissions_missing 0.0");
    assertThat(target.reviews).hasSize(2 * Permission.NEEDED.size());
  }
}
