package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.model.ClientCA;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.testkit.V017Agent.Answer;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/// Connections of agents of OpenChoreo v0.17 and what becomes of their calls.
class JsonSessionIT extends JsonStand {
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
}
