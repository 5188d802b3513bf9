package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.testkit.V017Agent.Answer;
import java.io.ByteArrayInputStream;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Requests to agents of OpenChoreo v0.17 at this gateway.
class JsonProtocolIT extends JsonStand {
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
}
