package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.buildplane.http.TlsIdentity;
import dev.buildplane.model.ClientCA;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.testkit.RawWebSocket;
import dev.buildplane.testkit.V017Agent;
import dev.buildplane.testkit.V017Agent.Answer;
import dev.buildplane.tunnel.JsonSettings;
import dev.buildplane.tunnel.TunnelSettings;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Agents of OpenChoreo v0.17 at this gateway: faithful ones, and ones that break every rule.
@Timeout(180)
class JsonProtocolIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int MAX_MESSAGE_BYTES = 4 << 20;

  /// Answers `hello` to everything the target `k8s` is asked, nothing to `/silent`, the body to `/echo`.
  private static final Function<JsonNode, Optional<Answer>> STOCK = request -> {
    if (!request.path("target").asText().equals("k8s")) {
      return Optional.of(
          Answer.failure(404, "unknown target: " + request.path("target").asText()));
    }
    return switch (request.path("path").asText()) {
      case "/silent" -> Optional.empty();
      case "/echo" -> Optional.of(Answer.ok(V017Agent.body(request)));
      default -> Optional.of(Answer.ok("hello".getBytes(UTF_8)));
    };
  };

  @TempDir
  static Path directory;

  static TestHub hub;

  /// More gateways at the same hub, each impatient or narrow in one thing, so that a slow machine fails no test of another.
  static Gateway narrow;

  static Gateway hasty;
  static Gateway pinging;

  @BeforeAll
  static void start() throws Exception {
    hub = new TestHub(directory);
    narrow = gateway(settings -> settings.withTunnels(TunnelSettings.defaults()
        .withJson(JsonSettings.defaults().withBounds(1 << 20, 1 << 20, MAX_MESSAGE_BYTES))));
    hasty = gateway(settings -> settings.withAnswerDeadline(Duration.ofSeconds(1)));
    pinging = gateway(settings -> settings.withTunnels(TunnelSettings.defaults()
        .withJson(
            JsonSettings.defaults().withLiveness(Duration.ofMillis(200), Duration.ofSeconds(8)))));
  }

  private static Gateway gateway(UnaryOperator<GatewaySettings> with) throws Exception {
    var any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    var server = hub.ca.issueServer("localhost", List.of("localhost", "127.0.0.1"), TestHub.YEAR);
    var gateway = Gateway.start(
        with.apply(GatewaySettings.of(any, any, any, TlsIdentity.of(server), hub.ca::trust)),
        hub.client);
    Awaitility.await().atMost(TestHub.PATIENCE).until(gateway::ready);
    return gateway;
  }

  @AfterAll
  static void stop() throws Exception {
    pinging.close();
    hasty.close();
    narrow.close();
    hub.close();
  }

  private static ClientCA agentsCA() {
    return ClientCA.ofValue(hub.agents.certificatePem());
  }

  private static V017Agent agent(
      Gateway gateway, String planeID, Function<JsonNode, Optional<Answer>> targets) {
    return Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .ignoreExceptions()
        .until(
            () -> V017Agent.dial(
                gateway.agentPort(),
                "buildplane",
                planeID,
                hub.agentIdentity(),
                hub.ca.trust(),
                targets),
            Objects::nonNull);
  }

  private static URI uri(Gateway gateway, String plane, String rest) {
    return URI.create("https://localhost:" + gateway.callerPort() + "/api/proxy/buildplane/" + plane
        + "/_cluster/" + plane + "/" + rest);
  }

  private static HttpResponse<String> get(HttpClient caller, URI uri) throws Exception {
    return caller.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString());
  }

  private static HttpClient caller() throws Exception {
    return hub.caller(HttpClient.Version.HTTP_2);
  }

  /// The gateway files a connection a moment after its 101.
  private static void awaitServing(HttpClient caller, Gateway gateway, String plane) {
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> get(caller, uri(gateway, plane, "k8s/hello")).statusCode() == 200);
  }

  // ---- faithful agents

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "k8s/api/v1/pods?limit=5&x=%2f        | /api/v1/pods     | limit=5&x=%2f",
        "k8s/a%20b/%C3%BC%7E                  | /a b/ü~          | ''",
        "k8s                                  | /                | ''",
        // Decoded, these would name something else once the agent has parsed its URL.
        "k8s/a%2Fb/%20c                       | /a%2Fb/%20c      | ''",
        "k8s/a%2573b                          | /a%2573b         | ''",
        "k8s/a%3Fwatch=1                      | /a%3Fwatch=1     | ''",
      })
  void aRequestArrivesAsTheWireContractSays(String rest, String path, String query)
      throws Exception {
    var plane = "wire-" + Integer.toHexString(rest.hashCode());
    hub.plane(plane, null, agentsCA());
    try (var agent = agent(hub.gateway, plane, STOCK);
        var caller = caller()) {
      awaitServing(caller, hub.gateway, plane);
      agent.requests().clear();
      var answer = caller.send(
          HttpRequest.newBuilder(uri(hub.gateway, plane, rest))
              .header("Authorization", "Bearer stolen")
              .header("Impersonate-User", "admin")
              .header("Accept", "application/json")
              .header("X-Request-ID", "trace-1")
              .build(),
          BodyHandlers.ofString());
      assertThat(answer.statusCode()).isEqualTo(200);
      assertThat(answer.body()).isEqualTo("hello");

      var request = agent.requests().poll(30, TimeUnit.SECONDS);
      assertThat(request.path("requestID").asText()).matches("[0-9a-f]{8}(-[0-9a-f]{4}){3}-.{12}");
      assertThat(request.path("gatewayRequestID").asText()).isEqualTo("trace-1");
      assertThat(request.path("target").asText()).isEqualTo("k8s");
      assertThat(request.path("method").asText()).isEqualTo("GET");
      assertThat(request.path("path").asText()).isEqualTo(path);
      assertThat(request.path("query").asText("")).isEqualTo(query);
      assertThat(request.has("body")).isFalse();
      assertThat(request.path("headers").path("Accept").path(0).asText())
          .isEqualTo("application/json");
      assertThat(request.path("headers").properties())
          .extracting(Map.Entry::getKey)
          .doesNotContain("Host", "Authorization", "Impersonate-User", "Connection");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 49_152, 49_153, 1_000_000})
  void aBinaryBodyGoesUpAndComesBackWhole(int bytes) throws Exception {
    var plane = "body-" + bytes;
    hub.plane(plane, null, agentsCA());
    var payload = new byte[bytes];
    new Random(bytes).nextBytes(payload);
    try (var agent = agent(hub.gateway, plane, STOCK);
        var caller = caller()) {
      awaitServing(caller, hub.gateway, plane);
      var echoed = caller.send(
          HttpRequest.newBuilder(uri(hub.gateway, plane, "k8s/echo"))
              .POST(BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(payload)))
              .build(),
          BodyHandlers.ofByteArray());
      assertThat(Arrays.equals(echoed.body(), payload)).isTrue();
      assertThat(echoed.headers().firstValue("content-length")).contains(String.valueOf(bytes));
      assertThat(agent.isGone()).isFalse();
    }
  }

  @Test
  void whatTheAgentSaysOfItsFailureReachesTheCaller() throws Exception {
    hub.plane("told", null, agentsCA());
    try (var agent = agent(hub.gateway, "told", STOCK);
        var caller = caller()) {
      awaitServing(caller, hub.gateway, "told");
      var answer = get(caller, uri(hub.gateway, "told", "monitoring/metrics"));
      assertThat(answer.statusCode()).isEqualTo(404);
      var status = JSON.readTree(answer.body());
      assertThat(status.path("kind").asText()).isEqualTo("Status");
      assertThat(status.path("message").asText()).isEqualTo("unknown target: monitoring");
      assertThat(status.path("code").asInt()).isEqualTo(404);
      assertThat(agent.isGone()).isFalse();
    }
  }

  @Test
  void connectionHeadersOfAnAnswerStopAtTheGatewayAndItsLengthIsTheTruth() throws Exception {
    hub.plane("hop", null, agentsCA());
    Function<JsonNode, Optional<Answer>> chatty = request -> Optional.of(new Answer(
        200,
        Map.of(
            "Connection", "X-Secret, keep-alive",
            "X-Secret", "1",
            "Keep-Alive", "timeout=5",
            "Transfer-Encoding", "chunked",
            "Content-Length", "99",
            "X-Kept", "2"),
        request.path("method").asText().equals("HEAD") ? new byte[0] : "hello".getBytes(UTF_8),
        ""));
    try (var agent = agent(hub.gateway, "hop", chatty);
        var caller = hub.caller(HttpClient.Version.HTTP_1_1)) {
      awaitServing(caller, hub.gateway, "hop");
      var answer = get(caller, uri(hub.gateway, "hop", "k8s/x"));
      assertThat(answer.body()).isEqualTo("hello");
      assertThat(answer.headers().map())
          .doesNotContainKeys("x-secret", "keep-alive", "transfer-encoding")
          .containsEntry("x-kept", List.of("2"))
          .containsEntry("content-length", List.of("5"));
      var head = caller.send(
          HttpRequest.newBuilder(uri(hub.gateway, "hop", "k8s/x")).HEAD().build(),
          BodyHandlers.ofString());
      assertThat(head.headers().firstValue("content-length")).contains("99");
      assertThat(get(caller, uri(hub.gateway, "hop", "k8s/y")).body()).isEqualTo("hello");
      assertThat(agent.isGone()).isFalse();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "k8s/api/v1/pods?watch=true",
        "k8s/api/v1/pods?watch=1",
        "k8s/api/v1/pods?limit=1&watch",
        "k8s/api/v1/pods?%77atch=yes",
        "k8s/api/v1/watch/namespaces/a/pods",
        "k8s/apis/batch/v1/watch/jobs",
        "k8s/api/v1/namespaces/a/pods/b/log?follow=1",
        "k8s/api/v1/namespaces/a/pods/b/l%6Fg?follow=true"
      })
  void whatStreamsIsAnswered501AndTheAgentIsNotAsked(String rest) throws Exception {
    var plane = "stream-" + Integer.toHexString(rest.hashCode());
    hub.plane(plane, null, agentsCA());
    try (var agent = agent(hub.gateway, plane, STOCK);
        var caller = caller()) {
      awaitServing(caller, hub.gateway, plane);
      agent.requests().clear();
      var answer = get(caller, uri(hub.gateway, plane, rest));
      assertThat(answer.statusCode()).isEqualTo(501);
      assertThat(JSON.readTree(answer.body()).path("message").asText())
          .contains("update the agent");
      assertThat(get(
                  caller,
                  uri(hub.gateway, plane, "k8s/api/v1/pods?watch=false&labelSelector=watch%3Dtrue"))
              .statusCode())
          .isEqualTo(200);
      assertThat(
              get(caller, uri(hub.gateway, plane, "k8s/api/v1/pods?follow=1")).statusCode())
          .isEqualTo(200);
      assertThat(agent.requests()).hasSize(2);
    }
  }

  @Test
  void anAgentThatStreamsIsPreferred() throws Exception {
    hub.plane("mixed", null, agentsCA());
    try (var old = agent(hub.gateway, "mixed", STOCK);
        var fresh = hub.agent("mixed");
        var caller = caller()) {
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> get(caller, status(hub.gateway, "mixed")).body().contains(":2"));
      old.requests().clear();
      for (int i = 0; i < 4; i++) {
        var watch = caller.send(
            HttpRequest.newBuilder(uri(hub.gateway, "mixed", "k8s/watch?watch=true"))
                .build(),
            BodyHandlers.ofInputStream());
        assertThat(watch.body().readNBytes(6)).isEqualTo("first\n".getBytes(UTF_8));
        watch.body().close();
      }
      fresh.close();
      Awaitility.await().atMost(TestHub.PATIENCE).until(fresh::isGone);
      awaitServing(caller, hub.gateway, "mixed");
      assertThat(old.requests()).isNotEmpty();
    }
  }

  private static URI status(Gateway gateway, String planeID) {
    return URI.create("https://localhost:" + gateway.callerPort() + "/api/v1/planes/buildplane/"
        + planeID + "/status");
  }

  @Test
  void theConnectionIsASessionLikeAnyOther() throws Exception {
    var plane = hub.plane("session", null, agentsCA());
    try (var agent = agent(hub.gateway, "session", STOCK);
        var caller = caller();
        var plain = HttpClient.newHttpClient()) {
      awaitServing(caller, hub.gateway, "session");
      assertThat(get(caller, status(hub.gateway, "session")).body())
          .contains("\"connected\":true,\"connectedAgents\":1");
      var feed = caller.send(
          HttpRequest.newBuilder(URI.create(
                  "https://localhost:" + hub.gateway.callerPort() + "/api/v1/planes/watch"))
              .build(),
          BodyHandlers.ofLines());
      try (var lines = feed.body()) {
        assertThat(lines
                .filter(line -> line.contains("CONNECTION") && line.contains("session"))
                .findFirst())
            .hasValueSatisfying(line -> assertThat(line).contains("\"protocol\":\"json\""));
      }
      assertThat(get(plain, URI.create("http://localhost:" + hub.gateway.healthPort() + "/metrics"))
              .body())
          .containsPattern(
              "buildplane_gateway_agents\\{plane_type=\"buildplane\",protocol=\"json\"} \\d+");

      hub.replaceCA(
          plane,
          ClientCA.ofValue(CertificateAuthority.create("new", TestHub.YEAR).certificatePem()));
      assertThat(agent.closed().get(60, TimeUnit.SECONDS)).isEqualTo(1001);
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() ->
              get(caller, status(hub.gateway, "session")).body().contains("\"connected\":false"));
    }
  }

  @Test
  void aRevokedCallEndsAtOnceAndReconnectDropsTheAgent() throws Exception {
    var first = hub.plane("shared-a", "shared", agentsCA());
    hub.plane("shared-b", "shared", agentsCA());
    try (var agent = agent(hub.gateway, "shared", STOCK);
        var caller = caller()) {
      var b = URI.create(uri(hub.gateway, "shared", "k8s/hello")
          .toString()
          .replace("_cluster/shared/", "_cluster/shared-b/"));
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> get(caller, b).statusCode() == 200);
      var a = URI.create(uri(hub.gateway, "shared", "k8s/silent")
          .toString()
          .replace("_cluster/shared/", "_cluster/shared-a/"));
      var waiting = caller.sendAsync(HttpRequest.newBuilder(a).build(), BodyHandlers.ofString());
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() ->
              agent.requests().stream().anyMatch(r -> r.path("path").asText().equals("/silent")));
      hub.replaceCA(
          first,
          ClientCA.ofValue(CertificateAuthority.create("new", TestHub.YEAR).certificatePem()));
      assertThat(waiting.get(60, TimeUnit.SECONDS).statusCode()).isEqualTo(403);
      assertThat(get(caller, b).statusCode()).isEqualTo(200);

      var reconnect = URI.create("https://localhost:" + hub.gateway.callerPort()
          + "/api/v1/planes/buildplane/shared/reconnect");
      caller.send(
          HttpRequest.newBuilder(reconnect).POST(BodyPublishers.noBody()).build(),
          BodyHandlers.ofString());
      agent.closed().get(60, TimeUnit.SECONDS);
    }
  }

  @Test
  void aLostConnectionFailsItsCallsAtOnce() throws Exception {
    hub.plane("torn", null, agentsCA());
    try (var caller = caller()) {
      var agent = agent(hub.gateway, "torn", STOCK);
      awaitServing(caller, hub.gateway, "torn");
      agent.requests().clear();
      var waiting = silent(caller, hub.gateway, "torn");
      agent.requests().take();
      agent.close();
      var answer = waiting.get(30, TimeUnit.SECONDS); // the gateway's own deadline is 60 s
      assertThat(answer.statusCode()).isEqualTo(502);
    }
  }

  private static CompletableFuture<HttpResponse<String>> silent(
      HttpClient caller, Gateway gateway, String plane) {
    return caller.sendAsync(
        HttpRequest.newBuilder(uri(gateway, plane, "k8s/silent")).build(), BodyHandlers.ofString());
  }

  @Test
  void aLateAnswerMeansNothing() throws Exception {
    hub.plane("late", null, agentsCA());
    try (var agent = agent(hasty, "late", STOCK);
        var caller = caller()) {
      awaitServing(caller, hasty, "late");
      agent.requests().clear();
      var answer = silent(caller, hasty, "late").get(60, TimeUnit.SECONDS);
      assertThat(answer.statusCode()).isEqualTo(504);
      agent.answer(
          agent.requests().take().path("requestID").asText(), Answer.ok("late".getBytes(UTF_8)));
      assertThat(get(caller, uri(hasty, "late", "k8s/hello")).body()).isEqualTo("hello");
      assertThat(agent.isGone()).isFalse();
    }
  }

  @Test
  void pingsComeAndAnAgentThatDoesNotAnswerThemIsDropped() throws Exception {
    hub.plane("pings", null, agentsCA());
    try (var agent = agent(pinging, "pings", STOCK);
        var caller = caller()) {
      awaitServing(caller, pinging, "pings");
      var since = lastSeen(caller, "pings");
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> lastSeen(caller, "pings").isAfter(since.plusSeconds(9)));
      assertThat(agent.isGone()).isFalse();
      agent.ignorePings();
      agent.closed().get(60, TimeUnit.SECONDS);
    }
  }

  private static java.time.Instant lastSeen(HttpClient caller, String planeID) throws Exception {
    return java.time.Instant.parse(
        JSON.readTree(get(caller, status(pinging, planeID)).body())
            .path("lastSeen")
            .asText());
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aBodyBeyondTheBoundIs413(boolean lengthKnown) throws Exception {
    var plane = "large-" + lengthKnown;
    hub.plane(plane, null, agentsCA());
    var payload = new byte[(1 << 20) + 1];
    try (var agent = agent(narrow, plane, STOCK);
        var caller = caller()) {
      awaitServing(caller, narrow, plane);
      agent.requests().clear();
      var answer = caller.send(
          HttpRequest.newBuilder(uri(narrow, plane, "k8s/echo"))
              .POST(
                  lengthKnown
                      ? BodyPublishers.ofByteArray(payload)
                      : BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(payload)))
              .build(),
          BodyHandlers.ofString());
      assertThat(answer.statusCode()).isEqualTo(413);
      assertThat(answer.body()).contains("\"kind\":\"Status\"", "1048576 bytes");
      assertThat(agent.requests()).isEmpty();
      assertThat(get(caller, uri(narrow, plane, "k8s/hello")).body()).isEqualTo("hello");
    }
  }

  @Test
  void manyCallsAtOnceEachGetTheirOwnAnswer() throws Exception {
    hub.plane("many", null, agentsCA());
    Function<JsonNode, Optional<Answer>> path =
        request -> Optional.of(Answer.ok(request.path("path").asText().getBytes(UTF_8)));
    try (var agent = agent(hub.gateway, "many", path);
        var caller = caller()) {
      awaitServing(caller, hub.gateway, "many");
      var calls = new java.util.ArrayList<CompletableFuture<HttpResponse<String>>>();
      for (int i = 0; i < 200; i++) {
        calls.add(caller.sendAsync(
            HttpRequest.newBuilder(uri(hub.gateway, "many", "k8s/call-" + i)).build(),
            BodyHandlers.ofString()));
      }
      for (int i = 0; i < 200; i++) {
        assertThat(calls.get(i).get(60, TimeUnit.SECONDS).body()).isEqualTo("/call-" + i);
      }
      assertThat(agent.isGone()).isFalse();
    }
  }

  // ---- agents that break the rules

  /// An answer made of these words to a call it belongs to is a 502 to that caller, and nothing else happens.
  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "status 101           | `,\"statusCode\":101}`",
        "status 0             | `}`",
        "status beyond int    | `,\"statusCode\":99999999999999999999}`",
        "status of a text     | `,\"statusCode\":\"200\"}`",
        "body not base64      | `,\"statusCode\":200,\"body\":\"***\"}`",
        "body a number        | `,\"statusCode\":200,\"body\":7}`",
        "header with a line   | `,\"statusCode\":200,\"headers\":{\"X\":[\"a\\r\\nSet-Cookie: b\"]}}`",
        "header name invalid  | `,\"statusCode\":200,\"headers\":{\"X Y\":[\"a\"]}}`",
        "headers an array     | `,\"statusCode\":200,\"headers\":[1]}`",
        "key twice            | `,\"statusCode\":200,\"statusCode\":201}`",
        "no end               | `,\"statusCode\":200`",
        "more behind          | `,\"statusCode\":200}{}`",
        "half an escape       | `,\"statusCode\":200,\"x\":\"\\ud8`",
      })
  void anAnswerThatIsNoneIsA502ToItsCallerOnly(String name, String rest) throws Exception {
    var plane = "wrong-" + Integer.toHexString(name.hashCode());
    hub.plane(plane, null, agentsCA());
    try (var agent = agent(hub.gateway, plane, STOCK);
        var caller = caller()) {
      awaitServing(caller, hub.gateway, plane);
      agent.requests().clear();
      var waiting = silent(caller, hub.gateway, plane);
      var id = agent.requests().take().path("requestID").asText();
      agent.socket().text("{\"requestID\":\"" + id + "\"" + rest);
      var answer = waiting.get(60, TimeUnit.SECONDS);
      assertThat(answer.statusCode()).isEqualTo(502);
      assertThat(answer.body()).contains("the agent's answer cannot be used");
      assertThat(answer.headers().firstValue("set-cookie")).isEmpty();
      assertThat(get(caller, uri(hub.gateway, plane, "k8s/hello")).body()).isEqualTo("hello");
    }
  }

  /// Messages that belong to no call are dropped; the connection lives.
  @Test
  void messagesThatBelongToNoCallAreDropped() throws Exception {
    hub.plane("noise", null, agentsCA());
    hub.plane("canary", null, agentsCA());
    try (var agent = agent(hub.gateway, "noise", STOCK);
        var canary = agent(hub.gateway, "canary", STOCK);
        var caller = caller()) {
      awaitServing(caller, hub.gateway, "noise");
      awaitServing(caller, hub.gateway, "canary");
      for (var noise : List.of(
          "",
          "not json",
          "[]",
          "7",
          "null",
          "{}",
          "{\"statusCode\":200}",
          "{\"requestID\":\"\",\"statusCode\":200}",
          "{\"requestID\":\"" + "x".repeat(1000) + "\",\"statusCode\":200}",
          "{\"requestID\":\"00000000-0000-0000-0000-000000000000\",\"statusCode\":200}",
          "{\"x\":" + "[".repeat(1_000_000),
          "{\"x\":" + "{\"a\":".repeat(100_000),
          "{\"x\":" + "9".repeat(1_000_000) + "}",
          "{\"" + "k".repeat(1_000_000) + "\":1}",
          "{" + "\"a\":1,".repeat(100_000) + "\"b\":1}")) {
        agent.socket().text(noise);
        assertThat(get(caller, uri(hub.gateway, "canary", "k8s/hello")).body()).isEqualTo("hello");
      }
      agent
          .socket()
          .frame(true, RawWebSocket.TEXT, new byte[] {'{', '"', (byte) 0xc3, '"', ':', '1', '}'});
      assertThat(get(caller, uri(hub.gateway, "noise", "k8s/hello")).body()).isEqualTo("hello");
      assertThat(canary.isGone()).isFalse();
      assertThat(agent.isGone()).isFalse();
    }
  }

  @Test
  void anAnswerIsTakenOnlyFromTheConnectionThatWasAskedAndOnlyOnce() throws Exception {
    hub.plane("victim", null, agentsCA());
    hub.plane("thief", null, agentsCA());
    try (var victim = agent(hub.gateway, "victim", STOCK);
        var thief = agent(hub.gateway, "thief", STOCK);
        var caller = caller()) {
      awaitServing(caller, hub.gateway, "victim");
      awaitServing(caller, hub.gateway, "thief");
      victim.requests().clear();
      var waiting = silent(caller, hub.gateway, "victim");
      var id = victim.requests().take().path("requestID").asText();
      thief.answer(id, Answer.ok("stolen".getBytes(UTF_8)));
      assertThat(get(caller, uri(hub.gateway, "thief", "k8s/hello")).body()).isEqualTo("hello");
      assertThat(waiting).isNotDone();
      victim.answer(id, Answer.ok("mine".getBytes(UTF_8)));
      victim.answer(id, Answer.ok("again".getBytes(UTF_8)));
      assertThat(waiting.get(60, TimeUnit.SECONDS).body()).isEqualTo("mine");
      assertThat(get(caller, uri(hub.gateway, "victim", "k8s/hello")).body()).isEqualTo("hello");
    }
  }

  @Test
  void anAgentThatKeepsAnsweringUnaskedIsClosed() throws Exception {
    hub.plane("flood", null, agentsCA());
    hub.plane("flood-canary", null, agentsCA());
    try (var agent = agent(hub.gateway, "flood", STOCK);
        var canary = agent(hub.gateway, "flood-canary", STOCK);
        var caller = caller()) {
      awaitServing(caller, hub.gateway, "flood-canary");
      for (int i = 0; i < 100; i++) {
        agent.answer("guess-" + i, Answer.ok(new byte[0]));
      }
      assertThat(agent.closed().get(60, TimeUnit.SECONDS)).isEqualTo(1008);
      assertThat(get(caller, uri(hub.gateway, "flood-canary", "k8s/hello")).body())
          .isEqualTo("hello");
      assertThat(canary.isGone()).isFalse();
    }
  }

  @Test
  void wrongFramesCloseTheConnectionWithTheirCode() throws Exception {
    hub.plane("frames", null, agentsCA());
    hub.plane("frames-canary", null, agentsCA());
    try (var canary = agent(narrow, "frames-canary", STOCK);
        var caller = caller()) {
      awaitServing(caller, narrow, "frames-canary");
      assertThat(closeCode(socket -> socket.frame(true, RawWebSocket.BINARY, new byte[] {1})))
          .isEqualTo(1003);
      assertThat(closeCode(socket -> socket.raw(
              RawWebSocket.encode(true, RawWebSocket.TEXT, "{}".getBytes(UTF_8), false))))
          .isEqualTo(1002);
      assertThat(closeCode(socket -> socket.raw(
              new byte[] {(byte) 0x81, (byte) 0xff, 0, 0, 0, 0, 0x7f, 0, 0, 0, 1, 2, 3, 4})))
          .isEqualTo(1009);
      assertThat(closeCode(socket -> {
            var piece = new byte[1 << 18];
            socket.frame(false, RawWebSocket.TEXT, piece);
            for (int sent = piece.length; sent <= MAX_MESSAGE_BYTES; sent += piece.length) {
              socket.frame(false, RawWebSocket.CONTINUATION, piece);
            }
          }))
          .isEqualTo(1009);
      assertThat(get(caller, uri(narrow, "frames-canary", "k8s/hello")).body()).isEqualTo("hello");
      assertThat(canary.isGone()).isFalse();
    }
  }

  /// A hostile act, whose writes may fail as the gateway has closed already.
  private interface Act {
    void on(RawWebSocket socket) throws IOException;
  }

  private static int closeCode(Act act) throws Exception {
    try (var agent = agent(narrow, "frames", STOCK)) {
      act.on(agent.socket());
      return agent.closed().get(60, TimeUnit.SECONDS);
    }
  }

  @Test
  void aMessageBeyondTheBoundFailsTheCallsOfItsConnectionAndNoOthers() throws Exception {
    hub.plane("huge", null, agentsCA());
    hub.plane("huge-canary", null, agentsCA());
    try (var agent = agent(narrow, "huge", STOCK);
        var canary = agent(narrow, "huge-canary", STOCK);
        var caller = caller()) {
      awaitServing(caller, narrow, "huge");
      awaitServing(caller, narrow, "huge-canary");
      agent.requests().clear();
      var waiting = silent(caller, narrow, "huge");
      agent.requests().take();
      agent.socket().raw(new byte[] {(byte) 0x81, (byte) 0xff, 0, 0, 0, 0, 0x7f, 0, 0, 0, 1, 2, 3, 4
      });
      var answer = waiting.get(60, TimeUnit.SECONDS);
      assertThat(answer.statusCode()).isEqualTo(502);
      assertThat(answer.body()).contains("at most " + MAX_MESSAGE_BYTES + " bytes");
      assertThat(get(caller, uri(narrow, "huge-canary", "k8s/hello")).body()).isEqualTo("hello");
      assertThat(canary.isGone()).isFalse();
    }
  }

  /// Claiming a plane needs its certificate, whatever is spoken afterwards (A4).
  @Test
  void anAgentOfAnotherPlaneIsTurnedAway() throws Exception {
    hub.plane("mine", null, agentsCA());
    var stranger = CertificateAuthority.create("other", TestHub.YEAR)
        .issueClient("agent", List.of(), TestHub.YEAR);
    try (var owner = agent(hub.gateway, "mine", STOCK)) {
      assertThatThrownBy(() -> V017Agent.dial(
              hub.gateway.agentPort(), "buildplane", "mine", stranger, hub.ca.trust(), STOCK))
          .isInstanceOf(IOException.class)
          .hasMessageStartingWith("HTTP/1.1 401 ");
      assertThat(owner.isGone()).isFalse();
    }
  }
}
