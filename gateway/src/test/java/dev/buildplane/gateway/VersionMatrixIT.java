package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import dev.buildplane.agent.Agent;
import dev.buildplane.agent.AgentSettings;
import dev.buildplane.model.ClientCA;
import dev.buildplane.testkit.V017Agent;
import dev.buildplane.testkit.V017Gateway;
import dev.buildplane.tunnel.TunnelProtocol;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// This version and v0.17, at either end (F13): the same calls have the same outcome.
@Timeout(180)
class VersionMatrixIT {
  /// Who speaks to whom.
  enum Pairing {
    OUR_GATEWAY_OUR_AGENT,
    OUR_GATEWAY_OUR_AGENT_ON_JSON,
    OUR_GATEWAY_V017_AGENT,
    V017_GATEWAY_OUR_AGENT;

    String plane() {
      return name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
    }
  }

  /// What a caller of the pair sees.
  private record Outcome(int status, byte[] body, String message) {}

  /// A way to call the plane's target through the pair.
  private interface Caller {
    Outcome call(String method, String target, String path, String query, byte[] body)
        throws Exception;
  }

  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir
  static Path directory;

  static TestHub hub;
  static HttpServer target;
  static final BlockingQueue<String> seen = new LinkedBlockingQueue<>();

  private final Deque<AutoCloseable> opened = new ArrayDeque<>();

  @BeforeAll
  static void start() throws Exception {
    hub = new TestHub(directory);
    target = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    target.createContext("/", exchange -> {
      seen.add(exchange.getRequestMethod() + " " + exchange.getRequestURI());
      var body = exchange.getRequestBody().readAllBytes();
      var answer = body.length == 0 ? "hello".getBytes(UTF_8) : body;
      exchange.sendResponseHeaders(200, answer.length);
      exchange.getResponseBody().write(answer);
      exchange.close();
    });
    target.start();
  }

  @AfterAll
  static void stop() throws Exception {
    target.stop(0);
    hub.close();
  }

  @AfterEach
  void close() throws Exception {
    while (!opened.isEmpty()) {
      opened.pop().close();
    }
  }

  private <T extends AutoCloseable> T closing(T resource) {
    opened.push(resource);
    return resource;
  }

  private Caller connect(Pairing pairing) throws Exception {
    return switch (pairing) {
      case OUR_GATEWAY_OUR_AGENT, OUR_GATEWAY_OUR_AGENT_ON_JSON -> {
        hub.plane(pairing.plane(), null, ClientCA.ofValue(hub.agents.certificatePem()));
        ourAgent(hub.gateway.agentPort(), pairing);
        yield throughOurGateway(pairing);
      }
      case OUR_GATEWAY_V017_AGENT -> {
        hub.plane(pairing.plane(), null, ClientCA.ofValue(hub.agents.certificatePem()));
        v017Agent(pairing);
        yield throughOurGateway(pairing);
      }
      case V017_GATEWAY_OUR_AGENT -> {
        var server = hub.ca.issueServer("localhost", List.of("localhost"), TestHub.YEAR);
        var gateway = closing(new V017Gateway(server, hub.agents.trust()));
        ourAgent(gateway.port(), pairing);
        yield through(gateway.agent());
      }
    };
  }

  private void ourAgent(int port, Pairing pairing) throws Exception {
    var folder = Files.createDirectories(directory.resolve(pairing.plane()));
    var identity = hub.agentIdentity();
    Files.writeString(folder.resolve("tls.crt"), identity.certificatePem());
    Files.writeString(folder.resolve("tls.key"), identity.keyPem());
    Files.writeString(folder.resolve("ca.crt"), hub.ca.certificatePem());
    Files.writeString(
        folder.resolve("kubeconfig"), """
        apiVersion: v1
        kind: Config
        current-context: c
        contexts: [{ name: c, context: { cluster: c, user: u } }]
        clusters: [{ name: c, cluster: { server: "http://localhost:%d" } }]
        users: [{ name: u, user: {} }]
        """.formatted(target.getAddress().getPort()));
    var settings = AgentSettings.of(
        URI.create("wss://localhost:" + port + "/ws"),
        "buildplane",
        pairing.plane(),
        folder.resolve("tls.crt"),
        folder.resolve("tls.key"),
        folder.resolve("ca.crt"),
        Optional.of(folder.resolve("kubeconfig")));
    boolean jsonOnly = pairing == Pairing.OUR_GATEWAY_OUR_AGENT_ON_JSON;
    closing(Agent.start(settings.withJsonOnly(jsonOnly)));
    if (jsonOnly) {
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> hub.gateway.sessions().all().stream()
              .anyMatch(session -> session.tunnel().protocol() == TunnelProtocol.JSON));
    }
  }

  private void v017Agent(Pairing pairing) {
    var client = closing(HttpClient.newHttpClient());
    closing(Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .ignoreExceptions()
        .until(
            () -> V017Agent.dial(
                hub.gateway.agentPort(),
                "buildplane",
                pairing.plane(),
                hub.agentIdentity(),
                hub.ca.trust(),
                request -> Optional.of(forward(client, request))),
            Objects::nonNull));
  }

  /// As the Go agent: endpoint, path and query joined and parsed as a URL, which escapes what may not stand there plainly.
  private static V017Agent.Answer forward(HttpClient client, JsonNode request) {
    if (!request.path("target").asText().equals("k8s")) {
      return V017Agent.Answer.failure(
          404, "unknown target: " + request.path("target").asText());
    }
    var query = request.path("query").asText("");
    var uri = URI.create("http://localhost:" + target.getAddress().getPort()
        + URI.create("x:" + request.path("path").asText().replace(" ", "%20"))
            .toASCIIString()
            .substring(2)
        + (query.isEmpty() ? "" : "?" + query));
    try {
      var answer = client.send(
          HttpRequest.newBuilder(uri)
              .method(
                  request.path("method").asText(),
                  BodyPublishers.ofByteArray(V017Agent.body(request)))
              .build(),
          BodyHandlers.ofByteArray());
      return new V017Agent.Answer(answer.statusCode(), Map.of(), answer.body(), "");
    } catch (IOException e) {
      return V017Agent.Answer.failure(502, "backend request failed: " + e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return V017Agent.Answer.failure(502, "backend request failed: " + e);
    }
  }

  private Caller throughOurGateway(Pairing pairing) throws Exception {
    var client = closing(hub.caller(HttpClient.Version.HTTP_2));
    Caller caller = (method, to, path, query, body) -> {
      var uri = URI.create("https://localhost:" + hub.gateway.callerPort()
          + "/api/proxy/buildplane/" + pairing.plane() + "/_cluster/" + pairing.plane() + "/" + to
          + path + (query.isEmpty() ? "" : "?" + query));
      var answer = client.send(
          HttpRequest.newBuilder(uri)
              .method(method, BodyPublishers.ofByteArray(body))
              .build(),
          BodyHandlers.ofByteArray());
      return new Outcome(
          answer.statusCode(),
          answer.body(),
          answer.statusCode() < 400
              ? ""
              : JSON.readTree(answer.body()).path("message").asText());
    };
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> caller.call("GET", "k8s", "/", "", new byte[0]).status() == 200);
    return caller;
  }

  private Caller through(V017Gateway.Connection connection) {
    closing(connection);
    return (method, to, path, query, body) -> {
      // As the Go gateway: the path percent-decoded.
      var request = V017Gateway.Connection.request(to, method, URI.create(path).getPath());
      if (!query.isEmpty()) {
        request.put("query", query);
      }
      if (body.length > 0) {
        request.put("body", body);
      }
      var answer = connection.call(request).get(60, TimeUnit.SECONDS);
      return new Outcome(
          answer.path("statusCode").asInt(),
          V017Gateway.Connection.body(answer),
          answer.path("error").path("message").asText(""));
    };
  }

  @ParameterizedTest
  @EnumSource
  void theSameCallsHaveTheSameOutcome(Pairing pairing) throws Exception {
    var caller = connect(pairing);
    seen.clear();

    var got = caller.call("GET", "k8s", "/api/v1/a%20b/%C3%BC", "limit=5&x=%2F", new byte[0]);
    assertThat(got.status()).isEqualTo(200);
    assertThat(new String(got.body(), UTF_8)).isEqualTo("hello");
    assertThat(seen.poll(30, TimeUnit.SECONDS)).isEqualTo("GET /api/v1/a%20b/%C3%BC?limit=5&x=%2F");

    var payload = new byte[300_000];
    new Random(3).nextBytes(payload);
    var posted = caller.call("POST", "k8s", "/things", "", payload);
    assertThat(posted.status()).isEqualTo(200);
    assertThat(posted.body()).isEqualTo(payload);

    var unknown = caller.call("GET", "monitoring", "/", "", new byte[0]);
    assertThat(unknown.status()).isEqualTo(404);
    assertThat(unknown.message()).isEqualTo("unknown target: monitoring");
  }
}
