package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.buildplane.http.TlsIdentity;
import dev.buildplane.model.ClientCA;
import dev.buildplane.testkit.V017Agent;
import dev.buildplane.testkit.V017Agent.Answer;
import dev.buildplane.tunnel.JsonSettings;
import dev.buildplane.tunnel.TunnelSettings;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Gateways that agents of OpenChoreo v0.17 dial, one hub for all tests of a class.
@Timeout(180)
abstract class JsonStand {
  static final ObjectMapper JSON = new ObjectMapper();
  static final int MAX_MESSAGE_BYTES = 4 << 20;

  /// Answers `hello` to everything the target `k8s` is asked, nothing to `/silent`, the body to `/echo`.
  static final Function<JsonNode, Optional<Answer>> STOCK = request -> {
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

  static Gateway gateway(UnaryOperator<GatewaySettings> with) throws Exception {
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

  static ClientCA agentsCA() {
    return ClientCA.ofValue(hub.agents.certificatePem());
  }

  static V017Agent agent(
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

  static URI uri(Gateway gateway, String plane, String rest) {
    return URI.create("https://localhost:" + gateway.callerPort() + "/api/proxy/buildplane/" + plane
        + "/_cluster/" + plane + "/" + rest);
  }

  static HttpResponse<String> get(HttpClient caller, URI uri) throws Exception {
    return caller.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString());
  }

  static HttpClient caller() throws Exception {
    return hub.caller(HttpClient.Version.HTTP_2);
  }

  /// The gateway files a connection a moment after its 101.
  static void awaitServing(HttpClient caller, Gateway gateway, String plane) {
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> get(caller, uri(gateway, plane, "k8s/hello")).statusCode() == 200);
  }

  static URI status(Gateway gateway, String planeID) {
    return URI.create("https://localhost:" + gateway.callerPort() + "/api/v1/planes/buildplane/"
        + planeID + "/status");
  }

  static CompletableFuture<HttpResponse<String>> silent(
      HttpClient caller, Gateway gateway, String plane) {
    return caller.sendAsync(
        HttpRequest.newBuilder(uri(gateway, plane, "k8s/silent")).build(), BodyHandlers.ofString());
  }
}
