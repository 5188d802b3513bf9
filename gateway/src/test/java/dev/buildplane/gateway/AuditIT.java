package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.buildplane.model.ClientCA;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.Identity;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Every call on the callers' listener has one audit event, whatever became of it.
class AuditIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String PLANES = "/api/v1/planes";

  @TempDir
  static Path directory;

  static TestHub hub;

  @BeforeAll
  static void start() throws Exception {
    hub = new TestHub(directory);
    hub.plane("audited", "audited", ClientCA.ofValue(hub.agents.certificatePem()));
  }

  @AfterAll
  static void stop() throws Exception {
    hub.close();
  }

  /// One request with an id of its own, by which its events are found.
  private record Call(String method, String path, String body) {
    int send(HttpClient client, String id, String... headers) throws Exception {
      var request = HttpRequest.newBuilder(
              URI.create("https://localhost:" + hub.gateway.callerPort() + path))
          .method(method, BodyPublishers.ofString(body))
          .header("X-Request-ID", id);
      if (headers.length > 0) {
        request.headers(headers);
      }
      var response = client.send(request.build(), BodyHandlers.ofInputStream());
      response.body().close(); // a watch has no end
      return response.statusCode();
    }
  }

  private static JsonNode parse(String line) {
    try {
      return JSON.readTree(line);
    } catch (JsonProcessingException e) {
      throw new AssertionError(line, e);
    }
  }

  private static List<JsonNode> events(String id) {
    return hub.audit.stream()
        .filter(line -> line.contains(id))
        .map(AuditIT::parse)
        .toList();
  }

  /// The event of a request; a request made after it has been written too, so that there is no second one.
  private static JsonNode onlyEvent(String id, HttpClient client) throws Exception {
    Awaitility.await().atMost(TestHub.PATIENCE).until(() -> !events(id).isEmpty());
    var after = UUID.randomUUID().toString();
    new Call("GET", PLANES + "/status", "").send(client, after);
    Awaitility.await().atMost(TestHub.PATIENCE).until(() -> !events(after).isEmpty());
    assertThat(events(id)).hasSize(1);
    return events(id).getFirst();
  }

  static Stream<Arguments> planeCalls() {
    var notify = "{\"planeType\":\"buildplane\",\"planeID\":\"audited\",\"event\":\"updated\"}";
    return Stream.of(
        Arguments.of(new Call("GET", PLANES + "/status", ""), 200, "get", ""),
        Arguments.of(
            new Call("GET", PLANES + "/buildplane/audited/status?name=audited", ""),
            200,
            "get",
            "buildplane/audited"),
        Arguments.of(
            new Call("POST", PLANES + "/buildplane/audited/reconnect", ""),
            200,
            "update",
            "buildplane/audited"),
        Arguments.of(new Call("POST", PLANES + "/notify", notify), 200, "update", ""),
        Arguments.of(new Call("POST", PLANES + "/notify", "no json"), 400, "update", ""),
        Arguments.of(new Call("GET", PLANES + "/watch", ""), 200, "watch", ""),
        Arguments.of(new Call("GET", PLANES + "/watch?replicas=all", ""), 200, "watch", ""),
        Arguments.of(
            new Call("PUT", PLANES + "/buildplane/audited/status", ""),
            405,
            "update",
            "buildplane/audited"),
        Arguments.of(new Call("GET", PLANES + "/nowhere", ""), 404, "get", ""));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("planeCalls")
  void aCallAboutPlanesHasItsEventAllowedAndDenied(Call call, int status, String verb, String plane)
      throws Exception {
    try (var admin = hub.caller(HttpClient.Version.HTTP_2);
        var nobody = hub.caller(
            HttpClient.Version.HTTP_1_1, hub.ca.issueClient("nobody", List.of(), TestHub.YEAR))) {
      var allowedId = UUID.randomUUID().toString();
      assertThat(call.send(admin, allowedId)).isEqualTo(status);
      var allowed = onlyEvent(allowedId, admin);
      var deniedId = UUID.randomUUID().toString();
      assertThat(call.send(nobody, deniedId)).isEqualTo(403);
      var denied = onlyEvent(deniedId, admin);

      assertThat(allowed.at("/responseStatus/code").asInt()).isEqualTo(status);
      assertThat(denied.at("/responseStatus/code").asInt()).isEqualTo(403);
      assertThat(denied.at("/responseStatus/message").asText()).contains("agentconnections");
      assertThat(allowed.at("/user/username").asText()).isEqualTo("operator");
      assertThat(denied.at("/user/username").asText()).isEqualTo("nobody");
      assertThat(allowed.at("/sourceIPs/0").asText()).isEqualTo("127.0.0.1");
      for (var event : List.of(allowed, denied)) {
        assertThat(event.path("apiVersion").asText()).isEqualTo("audit.k8s.io/v1");
        assertThat(event.path("stage").asText()).isEqualTo("ResponseComplete");
        assertThat(event.path("verb").asText()).isEqualTo(verb);
        assertThat(event.path("requestURI").asText()).isEqualTo(call.path().split("\\?", 2)[0]);
        assertThat(event.at("/objectRef/resource").asText()).isEqualTo("agentconnections");
        assertThat(event.at("/objectRef/name").asText()).isEqualTo(plane);
      }
    }
  }

  static Stream<Arguments> strangers() {
    var foreign = CertificateAuthority.create("foreign", TestHub.YEAR)
        .issueClient("operator", List.of("system:masters"), TestHub.YEAR);
    return Stream.of(
        Arguments.of("nobody", null, new String[] {}),
        Arguments.of("a foreign certificate", foreign, new String[] {}),
        Arguments.of(
            "a token nobody gave out", null, new String[] {"Authorization", "Bearer c4n4ry-t0ken"}),
        Arguments.of(
            "a password", null, new String[] {"Authorization", "Basic Yzpjbm5hcnktcGFzcw=="}));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("strangers")
  void aRequestWithoutValidCredentialsHasItsEventAndNoSecretInIt(
      String what, @Nullable Identity identity, String[] headers) throws Exception {
    try (var stranger = hub.caller(HttpClient.Version.HTTP_1_1, identity);
        var admin = hub.caller(HttpClient.Version.HTTP_2)) {
      for (var path :
          List.of(PLANES + "/status", "/api/proxy/buildplane/audited/_cluster/audited/k8s/x")) {
        var id = UUID.randomUUID().toString();
        assertThat(new Call("GET", path, "").send(stranger, id, headers)).isEqualTo(401);

        var event = onlyEvent(id, admin);
        assertThat(event.at("/responseStatus/code").asInt()).isEqualTo(401);
        assertThat(event.at("/responseStatus/message").asText()).isNotEmpty();
        assertThat(event.at("/user/username").asText()).isEqualTo("system:anonymous");
        assertThat(event.at("/user/groups").toString()).isEqualTo("[\"system:unauthenticated\"]");
        assertThat(event.path("verb").asText()).isEqualTo("get");
        assertThat(event.path("requestURI").asText()).isEqualTo(path);
        assertThat(event.toString()).doesNotContain("c4n4ry", "Yzpjbm5hcnktcGFzcw");
      }
    }
  }

  /// Whoever looks at the page has a certificate; that is not asked for any more.
  @Test
  void aRequestOfAnotherSitesPageHasItsEvent() throws Exception {
    try (var admin = hub.caller(HttpClient.Version.HTTP_2)) {
      var id = UUID.randomUUID().toString();
      var path = "/api/proxy/buildplane/audited/_cluster/audited/k8s/x";
      assertThat(new Call("POST", path, "").send(admin, id, "Sec-Fetch-Site", "cross-site"))
          .isEqualTo(403);

      var event = onlyEvent(id, admin);
      assertThat(event.at("/responseStatus/code").asInt()).isEqualTo(403);
      assertThat(event.at("/responseStatus/message").asText()).contains("another site");
      assertThat(event.at("/user/username").asText()).isEqualTo("system:anonymous");
      assertThat(event.path("requestURI").asText()).isEqualTo(path);
      assertThat(event.path("verb").asText()).isEqualTo("post");
    }
  }

  @Test
  void manyRequestsWithoutCredentialsMakeFewEventsAndHoldNobodyUp() throws Exception {
    try (var own = new TestHub(java.nio.file.Files.createDirectory(directory.resolve("flood")));
        var stranger = own.caller(HttpClient.Version.HTTP_2, null);
        var admin = own.caller(HttpClient.Version.HTTP_2)) {
      var root = "https://localhost:" + own.gateway.callerPort();
      for (int i = 0; i < 5 * StrangersAudit.PER_ADDRESS; i++) {
        assertThat(stranger
                .send(
                    HttpRequest.newBuilder(URI.create(root + "/api/proxy/" + i)).build(),
                    BodyHandlers.discarding())
                .statusCode())
            .isEqualTo(401);
      }
      assertThat(admin
              .send(
                  HttpRequest.newBuilder(URI.create(root + PLANES + "/status")).build(),
                  BodyHandlers.discarding())
              .statusCode())
          .isEqualTo(200);

      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> own.audit.stream().anyMatch(line -> line.contains("\"operator\"")));
      // The machine may have stood still for a window or more.
      assertThat(own.audit.stream()
              .filter(line -> line.contains("system:anonymous"))
              .count())
          .isBetween((long) StrangersAudit.PER_ADDRESS, 4L * StrangersAudit.PER_ADDRESS);
    }
  }
}
