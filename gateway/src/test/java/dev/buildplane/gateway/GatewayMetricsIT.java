package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.metrics.Metric;
import dev.buildplane.model.ClientCA;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.tunnel.TunnelMeter;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GatewayMetricsIT {
  @TempDir
  Path directory;

  private TestHub hub;
  private HttpClient caller;
  private final HttpClient plain = HttpClient.newHttpClient();

  @BeforeEach
  void start() throws Exception {
    hub = new TestHub(directory);
    caller = hub.caller(HttpClient.Version.HTTP_2);
    hub.plane("p", null, ClientCA.ofValue(hub.agents.certificatePem()));
  }

  @AfterEach
  void stop() throws Exception {
    caller.shutdownNow();
    plain.close();
    hub.close();
  }

  private HttpRequest proxied(String rest) {
    return HttpRequest.newBuilder(URI.create(
            "https://localhost:" + hub.gateway.callerPort() + "/api/proxy/buildplane/" + rest))
        .build();
  }

  private HttpResponse<String> get(String rest) throws Exception {
    return caller.send(proxied(rest), BodyHandlers.ofString());
  }

  private InputStream open(String rest) throws Exception {
    return caller.send(proxied(rest), BodyHandlers.ofInputStream()).body();
  }

  private String scrape() throws Exception {
    var uri = URI.create("http://localhost:" + hub.gateway.healthPort() + "/metrics");
    return plain
        .send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString())
        .body();
  }

  private void awaitMetrics(String... lines) {
    await()
        .atMost(TestHub.PATIENCE)
        .untilAsserted(() -> assertThat(scrape().lines()).contains(lines));
  }

  private double clientErrors() throws Exception {
    var series = "buildplane_gateway_proxy_requests_total{code=\"4xx\"} ";
    return scrape()
        .lines()
        .filter(line -> line.startsWith(series))
        .mapToDouble(line -> Double.parseDouble(line.substring(series.length())))
        .sum();
  }

  private static String closed(String reason, int count) {
    return "buildplane_gateway_streams_closed_total{reason=\"" + reason + "\"} " + count + ".0";
  }

  @Test
  void everyMetricOfAGatewayIsInItsScrape() throws Exception {
    try (var _ = hub.agent("p")) {
      awaitMetrics(
          "buildplane_gateway_agents{plane_type=\"buildplane\",protocol=\"h2\"} 1.0",
          "buildplane_gateway_plane_agents{plane_id=\"p\",plane_type=\"buildplane\"} 1.0");
      var text = scrape();
      assertThat(Arrays.stream(Metric.values()))
          .filteredOn(metric -> metric.id().startsWith("buildplane_gateway_")
              || metric.id().startsWith("buildplane_tunnel_"))
          .hasSizeGreaterThan(20)
          .allSatisfy(metric -> assertThat(text.lines())
              .anyMatch(line -> line.startsWith(metric.id() + " ")
                  || line.startsWith(metric.id() + "{")
                  || line.startsWith(metric.id() + "_count{")));
    }
  }

  @Test
  void aCallACancelAndARevocationAreCountedOnceEach() throws Exception {
    try (var agent = hub.agent("p")) {
      assertThat(get("p/_cluster/p/k8s/hello").body()).isEqualTo("hello");
      awaitMetrics(
          closed("completed", 1),
          "buildplane_gateway_streams_opened_total 1.0",
          "buildplane_gateway_proxy_requests_total{code=\"2xx\"} 1.0",
          "buildplane_gateway_request_duration_seconds_count{code=\"2xx\",verb=\"get\"} 1",
          "buildplane_gateway_route_total{way=\"local\"} 1.0",
          "buildplane_tunnel_bytes_total{direction=\"received\"} 5.0");

      var watch = open("p/_cluster/p/k8s/watch?watch=true");
      watch.readNBytes(6);
      awaitMetrics("buildplane_gateway_streams 1.0");
      watch.close();
      awaitMetrics(
          closed("cancelled", 1),
          "buildplane_gateway_streams 0.0",
          "buildplane_gateway_request_duration_seconds_count{code=\"2xx\",verb=\"watch\"} 1");

      open("p/_cluster/p/k8s/watch?watch=true").readNBytes(6);
      var plane = hub.client
          .resources(dev.buildplane.model.ClusterBuildPlane.class)
          .withName("p")
          .get();
      hub.replaceCA(
          plane,
          ClientCA.ofValue(CertificateAuthority.create("new", TestHub.YEAR).certificatePem()));
      awaitMetrics(closed("revoked", 1), closed("completed", 1), closed("cancelled", 1));
      await().atMost(TestHub.PATIENCE).until(agent::isGone);
      awaitMetrics("buildplane_gateway_agents{plane_type=\"buildplane\",protocol=\"h2\"} 0.0");
    }
  }

  @Test
  void aCallerThatDoesNotReadIsAStall() throws Exception {
    try (var agent = hub.agent("p")) {
      var endless = open("p/_cluster/p/k8s/endless");
      endless.readNBytes(1000);
      // It has to last: until the windows on the way to the caller are full there are many, each shorter than the shortest that counts.
      var before = new AtomicLong();
      await()
          .during(TunnelMeter.SHORTEST_STALL.multipliedBy(20))
          .atMost(TestHub.PATIENCE)
          .untilAsserted(() -> {
            long sent = agent.sent.get();
            assertThat(before.getAndSet(sent)).isEqualTo(sent);
            assertThat(scrape().lines())
                .contains("buildplane_tunnel_stalled_streams{direction=\"received\"} 1.0");
          });
      endless.close();
      awaitMetrics("buildplane_tunnel_stalled_streams{direction=\"received\"} 0.0");
      assertThat(scrape().lines())
          .anyMatch(
              line -> line.startsWith("buildplane_tunnel_stalls_total{direction=\"received\"}")
                  && !line.endsWith(" 0.0"));
      assertThat(agent.isGone()).isFalse();
    }
  }

  @Test
  void whoeverIsTurnedAwayIsCountedByReason() throws Exception {
    var nobody = hub.ca.issueClient("nobody", List.of(), TestHub.YEAR);
    try (var anonymous = hub.caller(HttpClient.Version.HTTP_2, null);
        var powerless = hub.caller(HttpClient.Version.HTTP_2, nobody)) {
      anonymous.send(proxied("p/_cluster/p/k8s/"), BodyHandlers.discarding());
      powerless.send(proxied("p/_cluster/p/k8s/"), BodyHandlers.discarding());
      var ws =
          "https://localhost:" + hub.gateway.agentPort() + "/ws?planeType=buildplane&planeID=q";
      caller.send(HttpRequest.newBuilder(URI.create(ws)).build(), BodyHandlers.discarding());
    }
    try (var socket = new java.net.Socket("localhost", hub.gateway.agentPort())) {
      socket
          .getOutputStream()
          .write("GET / HTTP/1.1\r\n\r\n".getBytes(java.nio.charset.StandardCharsets.UTF_8));
      awaitMetrics(
          "buildplane_gateway_tls_handshake_failures_total{listener=\"agents\"} 1.0",
          "buildplane_gateway_authentication_failures_total{reason=\"no_credentials\"} 1.0",
          "buildplane_gateway_authorization_denials_total{access=\"proxy\"} 1.0",
          "buildplane_gateway_agent_rejections_total{code=\"401\",reason=\"unknown_plane\"} 1.0");
    }
  }

  @Test
  void tenThousandNamesThatCallersInventMakeNoSeries() throws Exception {
    await().atMost(TestHub.PATIENCE).until(() -> get("p/_cluster/p/k8s/hello").statusCode() == 503);
    var before = scrape().lines().count();
    for (int batch = 0; batch < 100; batch++) {
      var answers = new ArrayList<CompletableFuture<HttpResponse<Void>>>();
      for (int i = 0; i < 100; i++) {
        var name = "invented-" + batch + "-" + i;
        answers.add(caller.sendAsync(
            proxied(name + "/" + name + "/" + name + "/" + name + "/x"),
            BodyHandlers.discarding()));
      }
      for (var answer : answers) {
        assertThat(answer.get(60, TimeUnit.SECONDS).statusCode()).isEqualTo(404);
      }
    }
    await().atMost(TestHub.PATIENCE).until(() -> clientErrors() >= 10_000);
    assertThat(scrape()).doesNotContain("invented");
    assertThat(scrape().lines().count()).isEqualTo(before);
  }
}
