package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.buildplane.model.ClientCA;
import dev.buildplane.pki.CertificateAuthority;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What fails says so at once: a status, a Kubernetes `Status` with a reason and a hint, and on 503 when to come back. And nothing that may
/// have arrived is asked twice (`one-backend`).
class NamedFailureFault {
  private static final Duration DEADLINE = Duration.ofSeconds(3);
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir
  static Path folder;

  static TestHub hub;

  @BeforeAll
  static void start() throws Exception {
    hub = new TestHub(folder);
  }

  @AfterAll
  static void stop() throws Exception {
    hub.close();
  }

  private static void plane(String name) {
    hub.plane(name, null, ClientCA.ofValue(hub.agents.certificatePem()));
  }

  private static HttpRequest.Builder to(String plane, String path) {
    return to(hub, plane, path);
  }

  private static HttpRequest.Builder to(TestHub at, String plane, String path) {
    return HttpRequest.newBuilder(URI.create("https://localhost:" + at.gateway.callerPort()
        + "/api/proxy/buildplane/" + plane + "/_cluster/" + plane + "/k8s" + path));
  }

  private static HttpResponse<String> send(HttpRequest request) throws Exception {
    try (var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      return caller.send(request, BodyHandlers.ofString());
    }
  }

  /// Status, reason and text of a failure.
  private static void named(
      HttpResponse<String> answer, int code, String reason, String... inMessage) throws Exception {
    var status = JSON.readTree(answer.body());
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(code);
    assertThat(answer.headers().firstValue("content-type")).contains("application/json");
    assertThat(status.path("kind").asText()).isEqualTo("Status");
    assertThat(status.path("status").asText()).isEqualTo("Failure");
    assertThat(status.path("code").asInt()).isEqualTo(code);
    assertThat(status.path("reason").asText()).isEqualTo(reason);
    assertThat(status.path("message").asText()).contains(inMessage);
    assertThat(answer.headers().firstValue("retry-after").isPresent())
        .as("retry-after exactly with 503")
        .isEqualTo(code == 503);
  }

  @Test
  void noAgent() throws Exception {
    plane("empty");
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> send(to("empty", "/x").build()).statusCode() == 503);

    named(
        send(to("empty", "/x").build()),
        503,
        "ServiceUnavailable",
        "no agents found for plane buildplane/empty",
        "agent's log");
  }

  @Test
  void anAgentThatNoResourceTrusts() throws Exception {
    plane("foreign");
    try (var agent = hub.agent("foreign")) {
      hub.plane(
          "foreign-too",
          "foreign",
          ClientCA.ofValue(CertificateAuthority.create("other", TestHub.YEAR).certificatePem()));
      var request = HttpRequest.newBuilder(URI.create("https://localhost:"
              + hub.gateway.callerPort()
              + "/api/proxy/buildplane/foreign/_cluster/foreign-too/k8s/x"))
          .build();
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> send(request).statusCode() == 403);

      named(send(request), 403, "Forbidden", "not authorized for CR", "clientCA");
      assertThat(agent.requests).isEmpty();
    }
  }

  @Test
  void aCallerWithoutPermission() throws Exception {
    plane("closed");
    var nobody = hub.ca.issueClient("nobody", List.of(), TestHub.YEAR);
    try (var agent = hub.agent("closed");
        var caller = hub.caller(HttpClient.Version.HTTP_2, nobody)) {
      named(
          caller.send(to("closed", "/x").build(), BodyHandlers.ofString()),
          403,
          "Forbidden",
          "user 'nobody' may not get clusterbuildplanes/proxy",
          "grant it by RBAC");
      assertThat(agent.requests).isEmpty();
    }
  }

  @Test
  void aDrainingAgentTakesNothingNew() throws Exception {
    plane("draining");
    try (var agent = hub.agent("draining");
        var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      var watch = caller.send(to("draining", "/watch").build(), BodyHandlers.ofInputStream());
      agent.tunnel().drain();
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> send(to("draining", "/hello").build()).statusCode() == 503);

      named(send(to("draining", "/hello").build()), 503, "ServiceUnavailable", "draining");
      assertThat(watch.body().readNBytes(6)).isEqualTo("first\n".getBytes(UTF_8));
      watch.body().close();
    }
  }

  @Test
  void noAnswerWithinTheDeadline(@TempDir Path own) throws Exception {
    try (var hasty = new TestHub(own, settings -> settings.withAnswerDeadline(DEADLINE))) {
      hasty.plane("slow", null, ClientCA.ofValue(hasty.agents.certificatePem()));
      try (var agent = hasty.agent("slow");
          var caller = hasty.caller(HttpClient.Version.HTTP_2)) {
        named(
            caller.send(to(hasty, "slow", "/silent").build(), BodyHandlers.ofString()),
            504,
            "Timeout",
            "no answer",
            "was cancelled",
            "3 s");
        Awaitility.await().atMost(TestHub.PATIENCE).until(() -> agent.open.get() == 0);
      }
    }
  }

  @Test
  void aConnectionLostInTheMiddle() throws Exception {
    plane("lost");
    try (var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      var agent = hub.agent("lost");
      var waiting = caller.sendAsync(to("lost", "/silent").build(), BodyHandlers.ofString());
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> agent.requests.size() == 1);
      agent.close();

      named(
          waiting.get(60, TimeUnit.SECONDS),
          502,
          "ServiceUnavailable",
          "connection to buildplane/lost failed");
    }
  }

  @Test
  void aTargetThatRefusesTheConnection() throws Exception {
    int nobody;
    try (var closed = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      nobody = closed.getLocalPort();
    }
    try (var chain =
        AgentChain.start(hub, "refused", folder.resolve("refused"), nobody, hub.ca.trust())) {
      named(
          send(to(chain.plane, "/x").build()),
          502,
          "ServiceUnavailable",
          "cannot reach target k8s",
          "refused");
    }
  }

  @Test
  void aTargetWhoseCertificateIsNotTrusted() throws Exception {
    var other = CertificateAuthority.create("other", TestHub.YEAR);
    try (var target = CannedTarget.tls(hub.ca);
        var chain = AgentChain.start(
            hub, "untrusted", folder.resolve("untrusted"), target.port(), other.trust())) {
      named(
          send(to(chain.plane, "/x").build()),
          502,
          "ServiceUnavailable",
          "cannot reach target k8s");
      assertThat(target.seen).isEmpty();
    }
  }

  @Test
  void aTargetThatBreaksOffBeforeItsAnswer() throws Exception {
    try (var target = CannedTarget.plain();
        var chain = AgentChain.start(
            hub,
            "broken",
            folder.resolve("broken"),
            hub.gateway.agentPort(),
            target.port(),
            java.util.Optional.empty(),
            settings -> settings)) {
      target.behave("/x", (connection, _) -> connection.close());
      var post = to(chain.plane, "/x").POST(BodyPublishers.ofString("once")).build();

      named(send(post), 502, "ServiceUnavailable", "target k8s", "before the answer had ended");
      // Others are the agent's own, about what it may do.
      assertThat(target.seen)
          .filteredOn(seen -> seen.head().startsWith("POST /x "))
          .hasSize(1);
    }
  }

  @Test
  void aHeaderBlockBeyondTheBound() throws Exception {
    plane("heads");
    try (var caller = hub.caller(HttpClient.Version.HTTP_1_1)) {
      var large = to("heads", "/x").header("x-large", "v".repeat(70_000)).build();

      named(caller.send(large, BodyHandlers.ofString()), 431, "BadRequest", "more bytes than this");
    }
  }

  @Test
  void aBodyBeyondTheBound() throws Exception {
    var notify = HttpRequest.newBuilder(
            URI.create("https://localhost:" + hub.gateway.callerPort() + "/api/v1/planes/notify"))
        .POST(BodyPublishers.ofByteArray(new byte[100_000]))
        .build();

    named(send(notify), 413, "RequestEntityTooLarge", "at most 65536 bytes");
  }

  // ---- once, or once more elsewhere

  @ParameterizedTest
  @CsvSource({
    "GET, 200",
    "HEAD, 200",
    "OPTIONS, 200",
    "PUT, 200",
    "DELETE, 200",
    "POST, 503",
    "PATCH, 503"
  })
  void whatAnAgentRefusedIsAskedOnceMoreElsewhereIfItMayBe(String method, int expected)
      throws Exception {
    var plane = "retry-" + method.toLowerCase(java.util.Locale.ROOT);
    plane(plane);
    try (var first = hub.agent(plane);
        var second = hub.agent(plane)) {
      first.refusing = true;
      connected(plane, 2);
      var answers = new ArrayList<HttpResponse<String>>();
      // Each call begins with the next connection in turn, a repeated one counted: within three the first is met.
      for (int call = 0; call < 3; call++) {
        answers.add(
            send(to(plane, "/hello").method(method, BodyPublishers.noBody()).build()));
      }
      int met = first.requests.size();
      assertThat(met).isPositive();
      if (expected == 200) {
        assertThat(answers).allSatisfy(answer -> assertThat(answer.statusCode()).isEqualTo(200));
        assertThat(second.requests).hasSize(answers.size());
      } else {
        var refused =
            answers.stream().filter(answer -> answer.statusCode() != 200).toList();
        assertThat(refused).hasSize(met);
        for (var answer : refused) {
          named(answer, expected, "ServiceUnavailable", "nothing was done, try again");
        }
        assertThat(second.requests).hasSize(answers.size() - met);
      }
    }
  }

  @Test
  void aRequestWithABodyIsNeverRepeated() throws Exception {
    plane("bodies");
    try (var first = hub.agent("bodies");
        var second = hub.agent("bodies")) {
      first.refusing = true;
      second.refusing = true;
      connected("bodies", 2);
      var answer =
          send(to("bodies", "/hello").PUT(BodyPublishers.ofString("payload")).build());

      named(answer, 503, "ServiceUnavailable", "refused the stream");
      assertThat(first.requests.size() + second.requests.size()).isEqualTo(1);
    }
  }

  @Test
  void threeRefusalsAreEnough() throws Exception {
    plane("refusers");
    var agents = new ArrayList<TestAgent>();
    try {
      for (int i = 0; i < 4; i++) {
        var agent = hub.agent("refusers");
        agent.refusing = true;
        agents.add(agent);
      }
      connected("refusers", 4);

      named(send(to("refusers", "/hello").build()), 503, "ServiceUnavailable", "try again");
      assertThat(agents.stream().mapToInt(agent -> agent.requests.size()).sum()).isEqualTo(3);
    } finally {
      agents.forEach(TestAgent::close);
    }
  }

  @Test
  void whatMayHaveArrivedIsNeverAskedAgain() throws Exception {
    plane("once");
    try (var one = hub.agent("once");
        var other = hub.agent("once");
        var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      connected("once", 2);
      var waiting = caller.sendAsync(to("once", "/silent").build(), BodyHandlers.ofString());
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> one.requests.size() + other.requests.size() == 1);
      (one.requests.isEmpty() ? other : one).close();

      named(waiting.get(60, TimeUnit.SECONDS), 502, "ServiceUnavailable", "failed");
      assertThat(one.requests.size() + other.requests.size()).isEqualTo(1);
    }
  }

  @Test
  void whatAGoAwayLeftOutIsAskedElsewhere() throws Exception {
    plane("leavers");
    try (var leaver = hub.agent("leavers");
        var stayer = hub.agent("leavers");
        var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      connected("leavers", 2);
      caller.send(to("leavers", "/hello").build(), BodyHandlers.ofString());
      leaver.leaving = true;
      var answers = new ArrayList<CompletableFuture<HttpResponse<String>>>();
      for (int call = 0; call < 200; call++) {
        answers.add(caller.sendAsync(to("leavers", "/hello").build(), BodyHandlers.ofString()));
      }
      for (var answer : answers) {
        assertThat(answer.get(60, TimeUnit.SECONDS).statusCode()).isEqualTo(200);
      }
      assertThat(leaver.leaving).isFalse();
      assertThat(leaver.requests.size() + stayer.requests.size()).isEqualTo(201);
    }
  }

  private static void connected(String plane, int agents) throws Exception {
    var status = HttpRequest.newBuilder(URI.create("https://localhost:" + hub.gateway.callerPort()
            + "/api/v1/planes/buildplane/" + plane + "/status"))
        .build();
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> send(status).body().contains("\"connectedAgents\":" + agents));
  }
}
