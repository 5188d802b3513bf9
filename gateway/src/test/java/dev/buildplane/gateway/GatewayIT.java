package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildplane.model.ClientCA;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.Identity;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class GatewayIT {
  @TempDir
  static Path directory;

  static TestHub hub;

  @BeforeAll
  static void start() throws Exception {
    hub = new TestHub(directory);
  }

  @AfterAll
  static void stop() throws Exception {
    hub.close();
  }

  private static ClientCA agentsCA() {
    return ClientCA.ofValue(hub.agents.certificatePem());
  }

  private static URI proxied(String plane, String planeID, String rest) {
    return URI.create("https://localhost:" + hub.gateway.callerPort() + "/api/proxy/buildplane/"
        + planeID + "/_cluster/" + plane + "/k8s" + rest);
  }

  private static HttpResponse<String> get(HttpClient client, URI uri) throws Exception {
    return client.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString());
  }

  @ParameterizedTest
  @EnumSource(HttpClient.Version.class)
  void callsPassThroughTheTunnel(HttpClient.Version version) throws Exception {
    var name = "pass-" + version.ordinal();
    hub.plane(name, null, agentsCA());
    var payload = new byte[200_000];
    new Random(1).nextBytes(payload);
    try (var agent = hub.agent(name);
        var caller = hub.caller(version)) {
      var hello = get(caller, proxied(name, name, "/hello%20x?a=%2f&watch=1"));
      assertThat(hello.body()).isEqualTo("hello");
      assertThat(hello.headers().firstValue("x-from")).contains("target");
      assertThat(hello.headers().firstValue("x-secret")).isEmpty();
      assertThat(agent.requests.take().uri()).isEqualTo("/hello%20x?a=%2f&watch=1");

      var echoed = caller.send(
          HttpRequest.newBuilder(proxied(name, name, "/echo"))
              .POST(BodyPublishers.ofByteArray(payload))
              .build(),
          BodyHandlers.ofByteArray());
      assertThat(Arrays.equals(echoed.body(), payload)).isTrue();
    }
  }

  @Test
  void onlyListedHeadersReachThePlane() throws Exception {
    hub.plane("headers", null, agentsCA());
    try (var agent = hub.agent("headers");
        var caller = hub.caller(HttpClient.Version.HTTP_1_1)) {
      var request = HttpRequest.newBuilder(proxied("headers", "headers", "/hello"))
          .header("Authorization", "Bearer stolen")
          .header("Impersonate-User", "system:admin")
          .header("Impersonate-Group", "system:masters")
          .header("X-Remote-User", "root")
          .header("X-Forwarded-For", "1.2.3.4")
          .header("Cookie", "a=b")
          .header("Accept", "application/json")
          .header("X-Request-ID", "my-request")
          .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
          .build();
      caller.send(request, BodyHandlers.ofString());

      var seen = agent.requests.take();
      assertThat(seen.headers().names().stream().map(String::toLowerCase))
          .isSubsetOf(List.of(
              "host",
              "accept",
              "x-request-id",
              "traceparent",
              "user-agent",
              "content-length",
              "transfer-encoding"))
          .contains("accept", "x-request-id", "traceparent");
      assertThat(seen.headers().get("host")).isEqualTo("k8s");
      assertThat(seen.headers().get("x-request-id")).isEqualTo("my-request");
    }
  }

  @ParameterizedTest
  @EnumSource(HttpClient.Version.class)
  void aWatchStreamsAndLeavingItCancelsAtTheTarget(HttpClient.Version version) throws Exception {
    var name = "watch-" + version.ordinal();
    hub.plane(name, null, agentsCA());
    try (var agent = hub.agent(name)) {
      var caller = hub.caller(version);
      var response = caller.send(
          HttpRequest.newBuilder(proxied(name, name, "/watch?watch=true")).build(),
          BodyHandlers.ofInputStream());
      assertThat(response.body().readNBytes(6)).isEqualTo("first\n".getBytes(UTF_8));
      assertThat(agent.open.get()).isEqualTo(1);

      response.body().close();
      caller.shutdownNow();
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> agent.open.get() == 0);
    }
  }

  @Test
  void aCallerThatDoesNotReadHoldsBackTheTargetAndNobodyElse() throws Exception {
    hub.plane("slow", null, agentsCA());
    try (var agent = hub.agent("slow");
        var slow = hub.caller(HttpClient.Version.HTTP_2);
        var other = hub.caller(HttpClient.Version.HTTP_2)) {
      var stalled = slow.send(
          HttpRequest.newBuilder(proxied("slow", "slow", "/endless")).build(),
          BodyHandlers.ofInputStream());
      stalled.body().readNBytes(1000);
      for (int i = 0; i < 5; i++) {
        assertThat(get(other, proxied("slow", "slow", "/hello")).body()).isEqualTo("hello");
      }
      assertThat(agent.sent.get()).isLessThan(64L * 1024 * 1024);
      stalled.body().close();
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> agent.open.get() == 0);
    }
  }

  @Test
  void aLostConnectionFailsItsCallsAtOnce() throws Exception {
    hub.plane("lost", null, agentsCA());
    try (var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      var agent = hub.agent("lost");
      var watching = caller.send(
          HttpRequest.newBuilder(proxied("lost", "lost", "/watch")).build(),
          BodyHandlers.ofInputStream());
      var waiting = caller.sendAsync(
          HttpRequest.newBuilder(proxied("lost", "lost", "/silent")).build(),
          BodyHandlers.ofString());
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> agent.requests.size() == 2);
      agent.close();

      assertThat(waiting.get(60, TimeUnit.SECONDS).statusCode()).isEqualTo(502);
      assertThatThrownBy(() -> watching.body().readAllBytes()).isInstanceOf(IOException.class);
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> get(caller, proxied("lost", "lost", "/hello")).statusCode() == 503);
      assertThat(get(caller, proxied("lost", "lost", "/hello")).headers().firstValue("retry-after"))
          .isPresent();
    }
  }

  @Test
  void onlyA101OpensAPipe() throws Exception {
    hub.plane("exec", null, agentsCA());
    try (var agent = hub.agent("exec")) {
      assertThat(agent.isGone()).isFalse();
      try (var socket = CallerSocket.open(hub, hub.gateway.callerPort())) {
        assertThat(socket.upgrade(proxied("exec", "exec", "/exec")))
            .startsWith("HTTP/1.1 101 ")
            .contains("upgrade: SPDY/3.1");
        socket.send("ping");
        assertThat(socket.text(4)).isEqualTo("ping");
      }
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> agent.open.get() == 0);
      agent.requests.clear();
      try (var socket = CallerSocket.open(hub, hub.gateway.callerPort())) {
        assertThat(socket.upgrade(proxied("exec", "exec", "/no-exec"))).startsWith("HTTP/1.1 403 ");
        socket.send("GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
        Awaitility.await().atMost(TestHub.PATIENCE).until(() -> agent.open.get() == 0);
        assertThat(agent.requests)
            .extracting(io.netty.handler.codec.http.HttpRequest::uri)
            .containsExactly("/no-exec");
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "?planeID=x                              | 400 | missing planeType parameter",
        "?planeType=buildplane                   | 400 | missing planeID parameter",
        "?planeType=weird&planeID=x              | 400 | invalid planeType: must be 'dataplane', 'buildplane', or 'observabilityplane'",
        "?planeType=buildplane&planeID=table     | 400 | expected a WebSocket handshake",
        "?planeType=buildplane&planeID=stranger  | 401 | client certificate verification failed: no buildplane CRs found with planeID 'stranger'",
        "?planeType=dataplane&planeID=table      | 401 | client certificate verification failed: no dataplane CRs found with planeID 'table'",
      })
  void agentsAreTurnedAwayAsV017Does(String query, int status, String text) throws Exception {
    if (hub.client
            .resources(dev.buildplane.model.ClusterBuildPlane.class)
            .withName("table")
            .get()
        == null) {
      hub.plane("table", null, agentsCA());
      hub.agent("table").close();
    }
    assertThat(ws(query, hub.agentIdentity())).isEqualTo(status + " " + text + "\n");
  }

  @Test
  void anAgentWithoutAFittingCertificateIsTurnedAway() throws Exception {
    hub.plane("fit", null, agentsCA());
    hub.agent("fit").close();
    var stranger = CertificateAuthority.create("other", TestHub.YEAR)
        .issueClient("agent", List.of(), TestHub.YEAR);

    assertThat(ws("?planeType=buildplane&planeID=fit", null))
        .isEqualTo("401 no client certificate presented\n");
    assertThat(ws("?planeType=buildplane&planeID=fit", stranger))
        .isEqualTo(
            "401 client certificate verification failed: certificate not valid for any CR with planeID 'fit'\n");
  }

  private static String ws(String query, @Nullable Identity identity) throws Exception {
    try (var client = hub.caller(HttpClient.Version.HTTP_1_1, identity)) {
      var response =
          get(client, URI.create("https://localhost:" + hub.gateway.agentPort() + "/ws" + query));
      return response.statusCode() + " " + response.body();
    }
  }

  @Test
  void trustIsGrantedAndRevokedWithoutAReconnect() throws Exception {
    var first = hub.plane("live-a", "live", agentsCA());
    try (var agent = hub.agent("live");
        var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      hub.plane("live-b", "live", agentsCA());
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> get(caller, proxied("live-b", "live", "/hello")).statusCode() == 200);
      var watch = caller.send(
          HttpRequest.newBuilder(proxied("live-a", "live", "/watch")).build(),
          BodyHandlers.ofInputStream());
      var kept = caller.send(
          HttpRequest.newBuilder(proxied("live-b", "live", "/watch")).build(),
          BodyHandlers.ofInputStream());

      hub.replaceCA(
          first,
          ClientCA.ofValue(CertificateAuthority.create("new", TestHub.YEAR).certificatePem()));

      assertThatThrownBy(() -> watch.body().readAllBytes()).isInstanceOf(IOException.class);
      assertThat(get(caller, proxied("live-a", "live", "/hello")).statusCode()).isEqualTo(403);
      assertThat(get(caller, proxied("live-b", "live", "/hello")).statusCode()).isEqualTo(200);
      assertThat(kept.body().readNBytes(6)).isEqualTo("first\n".getBytes(UTF_8));
      assertThat(agent.isGone()).isFalse();

      hub.client
          .resources(dev.buildplane.model.ClusterBuildPlane.class)
          .withName("live-b")
          .delete();
      Awaitility.await().atMost(TestHub.PATIENCE).until(agent::isGone);
    }
  }

  @Test
  void trustFollowsTheSecretItNames() throws Exception {
    var secret = new SecretBuilder()
        .withNewMetadata()
        .withName("agent-ca")
        .withNamespace("default")
        .endMetadata()
        .withStringData(
            Map.of("ca.crt", CertificateAuthority.create("old", TestHub.YEAR).certificatePem()))
        .build();
    hub.client.resource(secret).create();
    hub.plane("secret", null, ClientCA.ofSecret("default", "agent-ca", "ca.crt"));

    hub.client.secrets().inNamespace("default").withName("agent-ca").edit(current -> {
      current.setStringData(Map.of("ca.crt", hub.agents.certificatePem()));
      return current;
    });
    try (var agent = hub.agent("secret")) {
      hub.client.secrets().inNamespace("default").withName("agent-ca").delete();
      Awaitility.await().atMost(TestHub.PATIENCE).until(agent::isGone);
    }
  }

  @Test
  void aRefusalOfDiscoveryIsPlainTextBecauseKubectlShowsNothingElse() throws Exception {
    hub.plane("discovered", null, agentsCA());
    var nobody = hub.ca.issueClient("nobody", List.of(), TestHub.YEAR);
    try (var powerless = hub.caller(HttpClient.Version.HTTP_2, nobody);
        var operator = hub.caller(HttpClient.Version.HTTP_2)) {
      var forbidden = discover(powerless, proxied("discovered", "discovered", "/apis"));
      assertThat(forbidden.statusCode()).isEqualTo(403);
      assertThat(forbidden.headers().firstValue("content-type").orElseThrow())
          .startsWith("text/plain");
      assertThat(forbidden.body()).contains("user 'nobody' may not get clusterbuildplanes/proxy");
      var deserted = discover(operator, proxied("discovered", "discovered", "/apis"));
      assertThat(deserted.statusCode()).isEqualTo(503);
      assertThat(deserted.headers().firstValue("retry-after")).isPresent();
    }
  }

  private static HttpResponse<String> discover(HttpClient client, URI uri) throws Exception {
    return client.send(
        HttpRequest.newBuilder(uri)
            .header(
                "accept",
                "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json")
            .build(),
        BodyHandlers.ofString());
  }

  @Test
  void callersMustBeKnownAndAllowed() throws Exception {
    hub.plane("allowed", null, agentsCA());
    var nobody = hub.ca.issueClient("nobody", List.of(), TestHub.YEAR);
    var foreign = CertificateAuthority.create("x", TestHub.YEAR)
        .issueClient("admin", List.of("system:masters"), TestHub.YEAR);
    try (var agent = hub.agent("allowed");
        var anonymous = hub.caller(HttpClient.Version.HTTP_2, null);
        var stranger = hub.caller(HttpClient.Version.HTTP_2, foreign);
        var powerless = hub.caller(HttpClient.Version.HTTP_2, nobody);
        var operator = hub.caller(HttpClient.Version.HTTP_2)) {
      var uri = proxied("allowed", "allowed", "/hello");
      assertThat(get(anonymous, uri).statusCode()).isEqualTo(401);
      assertThat(get(stranger, uri).statusCode()).isEqualTo(401);
      assertThat(get(powerless, uri).statusCode()).isEqualTo(403);
      assertThat(get(operator, uri).statusCode()).isEqualTo(200);
      assertThat(get(operator, proxied("allowed", "other", "/hello")).statusCode())
          .isEqualTo(400);
      assertThat(get(operator, proxied("missing", "allowed", "/hello")).statusCode())
          .isEqualTo(404);
      assertThat(get(operator, proxied("allowed", "allowed", "/a/%2e%2e/b")).statusCode())
          .isEqualTo(400);
      assertThat(get(operator, proxied("allowed%2fx", "allowed", "/b")).statusCode())
          .isEqualTo(400);
      assertThat(get(
                  powerless,
                  URI.create(
                      "https://localhost:" + hub.gateway.callerPort() + "/api/v1/planes/status"))
              .statusCode())
          .isEqualTo(403);
      assertThat(agent.requests).hasSize(1);
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .untilAsserted(() -> assertThat(hub.audit)
              .anyMatch(
                  line -> line.contains("\"username\":\"nobody\"") && line.contains("\"code\":403"))
              .anyMatch(line ->
                  line.contains("\"username\":\"operator\"") && line.contains("\"code\":200")));
    }
  }

  @Test
  void planeEventsAreASnapshotAndThenEveryChange() throws Exception {
    hub.plane("events", null, agentsCA());
    try (var caller = hub.caller(HttpClient.Version.HTTP_2);
        var before = hub.agent("events")) {
      var response = caller.send(
          HttpRequest.newBuilder(URI.create(
                  "https://localhost:" + hub.gateway.callerPort() + "/api/v1/planes/watch"))
              .build(),
          BodyHandlers.ofInputStream());
      var lines = new BufferedReader(new InputStreamReader(response.body(), UTF_8));
      assertThat(until(lines, "CONNECTION", "events"))
          .contains("\"authorized\":[\"/events\"]", "\"protocol\":\"h2\"", "\"version\":\"9.9\"")
          .contains("\"certificate\":{\"pem\":\"-----BEGIN CERTIFICATE-----");
      assertThat(until(lines, "SYNCED", "")).contains("replica");

      var after = hub.agent("events");
      until(lines, "CONNECTION", "events");
      after.close();
      assertThat(until(lines, "DISCONNECTED", "events")).contains("reason");
      ws(
          "?planeType=buildplane&planeID=events",
          CertificateAuthority.create("other", TestHub.YEAR)
              .issueClient("intruder", List.of(), TestHub.YEAR));
      assertThat(until(lines, "REJECTED", "events"))
          .contains("intruder", "certificate not valid")
          .contains("\"certificate\":{\"pem\":\"-----BEGIN CERTIFICATE-----")
          .doesNotContain("PRIVATE KEY");
      assertThat(before.isGone()).isFalse();
      lines.close();
    }
  }

  private static String until(BufferedReader lines, String type, String planeID)
      throws IOException {
    for (var line = lines.readLine(); line != null; line = lines.readLine()) {
      if (line.contains("\"type\":\"" + type + "\"") && line.contains(planeID)) {
        return line;
      }
    }
    throw new IOException("the stream ended before " + type);
  }

  @Test
  void thePlaneApiHasV017Shapes() throws Exception {
    hub.plane("shapes", null, agentsCA());
    try (var agent = hub.agent("shapes");
        var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      var base = "https://localhost:" + hub.gateway.callerPort() + "/api/v1/planes";
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> get(caller, URI.create(base + "/buildplane/shapes/status"))
              .body()
              .contains("\"connected\":true,\"connectedAgents\":1"));
      assertThat(get(caller, URI.create(base + "/buildplane/none/status")).body())
          .contains("\"connected\":false", "0001-01-01T00:00:00Z");
      assertThat(get(caller, URI.create(base + "/buildplane/shapes/status?name=shapes"))
              .body())
          .contains("\"connected\":true");
      assertThat(get(caller, URI.create(base + "/buildplane/shapes/status?namespace=x&name=shapes"))
              .body())
          .contains("\"connected\":false");
      assertThat(get(caller, URI.create(base + "/status")).body()).contains("\"total\":");
      assertThat(post(
              caller,
              base + "/notify",
              "{\"planeType\":\"buildplane\",\"planeID\":\"shapes\",\"event\":\"updated\"}"))
          .contains("\"success\":true", "\"action\":\"revalidate\"", "\"authorizationsGranted\":0");
      assertThat(post(caller, base + "/notify", "{")).contains("invalid payload");
      assertThat(post(caller, base + "/notify", "\0\0\1\0l")).contains("invalid payload");
      assertThat(post(caller, base + "/buildplane/shapes/reconnect", ""))
          .contains("\"disconnectedAgents\":1");
      Awaitility.await().atMost(TestHub.PATIENCE).until(agent::isGone);
    }
  }

  private static String post(HttpClient client, String uri, String body) throws Exception {
    return client
        .send(
            HttpRequest.newBuilder(URI.create(uri))
                .POST(BodyPublishers.ofString(body))
                .build(),
            BodyHandlers.ofString())
        .body();
  }

  @Test
  void healthIsToldInTheClear() throws Exception {
    try (var client = HttpClient.newHttpClient()) {
      var base = "http://localhost:" + hub.gateway.healthPort();
      assertThat(get(client, URI.create(base + "/readyz")).statusCode()).isEqualTo(200);
      assertThat(get(client, URI.create(base + "/livez")).statusCode()).isEqualTo(200);
      assertThat(get(client, URI.create(base + "/metrics")).body())
          .contains("buildplane_gateway_agent_connections_total");
      assertThat(get(client, URI.create(base + "/api/v1/planes/status")).statusCode())
          .isEqualTo(404);
    }
  }
}
