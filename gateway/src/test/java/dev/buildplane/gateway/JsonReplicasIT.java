package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.buildplane.model.ClientCA;
import dev.buildplane.testkit.V017Agent;
import dev.buildplane.testkit.V017Agent.Answer;
import dev.buildplane.tunnel.JsonSettings;
import dev.buildplane.tunnel.TunnelSettings;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Agents of v0.17 at one replica and callers at another: the same as where both are at one (`JsonProtocolIT`).
@Timeout(180)
class JsonReplicasIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int BODY_BYTES = 1 << 20;
  private static final int MESSAGE_BYTES = 4 << 20;

  /// A body whose message the gateways here still take.
  private static final byte[] LARGE = new byte[2 << 20];

  /// One whose message is too large.
  private static final byte[] TOO_LARGE = new byte[MESSAGE_BYTES];

  private static final Function<JsonNode, Optional<Answer>> STOCK =
      request -> switch (request.path("path").asText()) {
        case "/large" -> Optional.of(Answer.ok(LARGE));
        case "/too-large" -> Optional.of(Answer.ok(TOO_LARGE));
        default -> Optional.of(Answer.ok("hello".getBytes(UTF_8)));
      };

  @TempDir
  static Path directory;

  static TestHub hub;
  static TestReplicas replicas;

  @BeforeAll
  static void start() throws Exception {
    hub = new TestHub(directory);
    var bounds = JsonSettings.defaults().withBounds(BODY_BYTES, BODY_BYTES, MESSAGE_BYTES);
    replicas = new TestReplicas(
        hub, 3, settings -> settings.withTunnels(TunnelSettings.defaults().withJson(bounds)));
  }

  @AfterAll
  static void stop() throws Exception {
    replicas.close();
    hub.close();
  }

  private static void plane(String name) {
    hub.plane(name, null, ClientCA.ofValue(hub.agents.certificatePem()));
  }

  private static V017Agent oldAgentAt(int replica, String plane) {
    return Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .ignoreExceptions()
        .until(
            () -> V017Agent.dial(
                replicas.gateways.get(replica).agentPort(),
                "buildplane",
                plane,
                hub.agentIdentity(),
                hub.ca.trust(),
                STOCK),
            Objects::nonNull);
  }

  private static TestAgent freshAgentAt(int replica, String plane) {
    return Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .ignoreExceptions()
        .until(
            () -> TestAgent.dial(
                replicas.gateways.get(replica).agentPort(),
                "buildplane",
                plane,
                hub.agentIdentity(),
                hub.ca.trust()),
            Objects::nonNull);
  }

  private static HttpResponse<String> get(HttpClient caller, URI uri) throws Exception {
    return caller.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString());
  }

  /// Until every replica knows of that many agents.
  private static void awaitAgents(String plane, int count) throws Exception {
    try (var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> {
        for (int replica : IntStream.range(0, replicas.gateways.size()).toArray()) {
          if (!get(caller, replicas.at(replica, "/api/v1/planes/buildplane/" + plane + "/status"))
              .body()
              .contains("\"connectedAgents\":" + count)) {
            return false;
          }
        }
        return true;
      });
    }
  }

  private static void assertNotCarried(HttpResponse<String> answer) throws Exception {
    assertThat(answer.statusCode()).isEqualTo(501);
    assertThat(JSON.readTree(answer.body()).path("message").asText()).contains("update the agent");
    assertThat(answer.headers().map()).doesNotContainKey(Forwarding.UNREACHED);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/api/v1/pods?watch=true",
        "/api/v1/watch/namespaces/a/pods",
        "/api/v1/namespaces/a/pods/b/log?follow=true"
      })
  void whatStreamsIsAnswered501AtEveryReplicaAndTheAgentIsNotAsked(String rest) throws Exception {
    var plane = "stream-" + Integer.toHexString(rest.hashCode());
    plane(plane);
    try (var agent = oldAgentAt(0, plane);
        var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      awaitAgents(plane, 1);
      for (int replica = 0; replica < replicas.gateways.size(); replica++) {
        assertNotCarried(get(caller, replicas.proxied(replica, plane, rest)));
      }
      assertThat(agent.requests()).isEmpty();
      assertThat(get(caller, replicas.proxied(1, plane, "/api/v1/pods?watch=false"))
              .body())
          .isEqualTo("hello");
      assertThat(agent.requests()).hasSize(1);
    }
  }

  @Test
  void aPipeIsAnswered501ThroughAnotherReplica() throws Exception {
    plane("pipe");
    try (var agent = oldAgentAt(0, "pipe");
        var socket = hub.sslContext(
                hub.ca.issueClient("operator", List.of("system:masters"), TestHub.YEAR))
            .getSocketFactory()
            .createSocket("localhost", replicas.gateways.get(1).callerPort())) {
      awaitAgents("pipe", 1);
      socket.setSoTimeout(60_000);
      socket
          .getOutputStream()
          .write(("POST "
                  + replicas
                      .proxied(1, "pipe", "/api/v1/namespaces/a/pods/b/exec?command=sh")
                      .getRawPath()
                  + "?command=sh HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
                  + "Upgrade: SPDY/3.1\r\nContent-Length: 0\r\n\r\n")
              .getBytes(UTF_8));
      assertThat(CannedTarget.head(socket.getInputStream())).startsWith("HTTP/1.1 501 ");
      assertThat(agent.requests()).isEmpty();
    }
  }

  @ParameterizedTest
  @EnumSource(HttpClient.Version.class)
  void aLargeAnswerArrivesWholeAndOneBeyondTheBoundFailsByNameAtEveryReplica(
      HttpClient.Version version) throws Exception {
    var plane = "large-" + version.ordinal();
    plane(plane);
    try (var agent = oldAgentAt(0, plane);
        var caller = hub.caller(version)) {
      awaitAgents(plane, 1);
      var whole = caller.send(
          HttpRequest.newBuilder(replicas.proxied(1, plane, "/large")).build(),
          BodyHandlers.ofByteArray());
      assertThat(whole.statusCode()).isEqualTo(200);
      assertThat(whole.body()).isEqualTo(LARGE);
      assertThat(agent.isGone()).isFalse();

      var failed = get(caller, replicas.proxied(1, plane, "/too-large"));
      assertThat(failed.statusCode()).isEqualTo(502);
      assertThat(JSON.readTree(failed.body()).path("message").asText()).contains(plane);
      Awaitility.await().atMost(TestHub.PATIENCE).until(agent::isGone); // close code 1009
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aBodyBeyondTheBoundIs413ThroughAnotherReplica(boolean lengthKnown) throws Exception {
    var plane = "body-" + lengthKnown;
    plane(plane);
    try (var agent = oldAgentAt(0, plane);
        var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      awaitAgents(plane, 1);
      var payload = new byte[BODY_BYTES + 1];
      var body = lengthKnown
          ? BodyPublishers.ofByteArray(payload)
          : BodyPublishers.ofInputStream(() -> new java.io.ByteArrayInputStream(payload));
      var answer = caller.send(
          HttpRequest.newBuilder(replicas.proxied(1, plane, "/x")).PUT(body).build(),
          BodyHandlers.ofString());
      assertThat(answer.statusCode()).isEqualTo(413);
      assertThat(agent.requests()).isEmpty();
    }
  }

  /// Callers at each replica; the agent that streams is where the first of them does not look at once.
  @Test
  void anAgentThatStreamsIsFoundBehindThoseThatDoNot() throws Exception {
    plane("mixed");
    try (var here = oldAgentAt(0, "mixed");
        var there = oldAgentAt(1, "mixed");
        var fresh = freshAgentAt(2, "mixed");
        var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      awaitAgents("mixed", 3);
      for (int call = 0; call < 6; call++) {
        var watch = caller.send(
            HttpRequest.newBuilder(replicas.proxied(call % 3, "mixed", "/watch?watch=true"))
                .build(),
            BodyHandlers.ofInputStream());
        assertThat(watch.statusCode()).isEqualTo(200);
        assertThat(watch.body().readNBytes(6)).isEqualTo("first\n".getBytes(UTF_8));
        watch.body().close();
      }
      assertThat(here.requests()).isEmpty();
      assertThat(there.requests()).isEmpty();
      assertThat(fresh.isGone()).isFalse();
    }
  }
}
