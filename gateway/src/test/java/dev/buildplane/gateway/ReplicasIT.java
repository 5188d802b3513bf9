package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildplane.model.ClientCA;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.tunnel.TunnelSettings;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.List;
import java.util.Random;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Three replicas of a gateway that find each other; agents are at the first, callers at the others (invariant
/// `own-connections-only`).
@Timeout(120)
class ReplicasIT {

  @TempDir
  static Path directory;

  static TestHub hub;
  static TestReplicas replicas;

  @BeforeAll
  static void start() throws Exception {
    hub = new TestHub(directory);
    replicas =
        new TestReplicas(hub, 3, settings -> settings.withAudit(AuditSink.each(hub.audit::add)));
  }

  @AfterAll
  static void stop() throws Exception {
    replicas.close();
    hub.close();
  }

  private static void plane(String name) {
    hub.plane(name, null, ClientCA.ofValue(hub.agents.certificatePem()));
  }

  /// An agent of that plane at a replica; comes back once the others have heard of it.
  private static TestAgent agentAt(int replica, String plane, String instance) {
    var agent = Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .ignoreExceptions()
        .until(
            () -> TestAgent.dialAs(
                instance,
                replicas.gateways.get(replica).agentPort(),
                plane,
                hub.agentIdentity(),
                hub.ca.trust(),
                TunnelSettings.defaults()),
            java.util.Objects::nonNull);
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> connectedTo(2, plane) > 0 && connectedTo(1, plane) > 0);
    return agent;
  }

  private static int connectedTo(int replica, String plane) {
    try (var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      var body = get(caller, replicas.at(replica, "/api/v1/planes/buildplane/" + plane + "/status"))
          .body();
      return Integer.parseInt(body.replaceAll("(?s).*\"connectedAgents\":(\\d+).*", "$1"));
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private static HttpResponse<String> get(HttpClient client, URI uri) throws Exception {
    return client.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString());
  }

  @ParameterizedTest
  @EnumSource(HttpClient.Version.class)
  void aCallIsForwardedToTheReplicaThatHoldsTheAgent(HttpClient.Version version) throws Exception {
    var name = "get-" + version.ordinal();
    plane(name);
    try (var agent = agentAt(0, name, "");
        var caller = hub.caller(version)) {
      var hello = get(caller, replicas.proxied(1, name, "/hello%20x?a=%2f&watch=1"));

      assertThat(hello.statusCode()).as(hello.body()).isEqualTo(200);
      assertThat(hello.body()).isEqualTo("hello");
      assertThat(hello.headers().firstValue("x-from")).contains("target");
      var seen = agent.requests.take();
      assertThat(seen.uri()).isEqualTo("/hello%20x?a=%2f&watch=1");
      assertThat(seen.headers().get("host")).isEqualTo("k8s");
      assertThat(seen.headers().names())
          .noneMatch(header -> header.startsWith("x-buildplane") || header.equals("expect"));
    }
  }

  @Test
  void aBigBodyStreamsBothWaysThroughTwoReplicas() throws Exception {
    plane("big");
    int pieces = 512;
    var piece = new byte[64 * 1024];
    new Random(7).nextBytes(piece);
    var expected = MessageDigest.getInstance("SHA-256");
    for (int i = 0; i < pieces; i++) {
      expected.update(piece);
    }
    var body = BodyPublishers.ofByteArrays(java.util.Collections.nCopies(pieces, piece));
    try (var agent = agentAt(0, "big", "");
        var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      var echoed = caller.send(
          HttpRequest.newBuilder(replicas.proxied(2, "big", "/echo")).POST(body).build(),
          BodyHandlers.ofInputStream());

      assertThat(echoed.statusCode()).isEqualTo(200);
      assertThat(digest(echoed.body())).isEqualTo(expected.digest());
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> agent.open.get() == 0);
    }
  }

  private static byte[] digest(InputStream body) throws Exception {
    var digest = MessageDigest.getInstance("SHA-256");
    var buffer = new byte[64 * 1024];
    for (int read = body.read(buffer); read >= 0; read = body.read(buffer)) {
      digest.update(buffer, 0, read);
    }
    return digest.digest();
  }

  @Test
  void aForwardedWatchStreamsAndLeavingItCancelsAtTheTarget() throws Exception {
    plane("watch");
    try (var agent = agentAt(0, "watch", "")) {
      var caller = hub.caller(HttpClient.Version.HTTP_2);
      var response = caller.send(
          HttpRequest.newBuilder(replicas.proxied(1, "watch", "/watch?watch=true"))
              .build(),
          BodyHandlers.ofInputStream());
      assertThat(response.body().readNBytes(6)).isEqualTo("first\n".getBytes(UTF_8));
      assertThat(agent.open.get()).isEqualTo(1);

      response.body().close();
      caller.shutdownNow();
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> agent.open.get() == 0);
    }
  }

  @Test
  void aCallerThatDoesNotReadHoldsBackTheTargetThroughTwoReplicas() throws Exception {
    plane("slow");
    try (var agent = agentAt(0, "slow", "");
        var slow = hub.caller(HttpClient.Version.HTTP_2);
        var other = hub.caller(HttpClient.Version.HTTP_2)) {
      var stalled = slow.send(
          HttpRequest.newBuilder(replicas.proxied(1, "slow", "/endless")).build(),
          BodyHandlers.ofInputStream());
      stalled.body().readNBytes(1000);
      for (int i = 0; i < 5; i++) {
        assertThat(get(other, replicas.proxied(1, "slow", "/hello")).body()).isEqualTo("hello");
      }
      assertThat(agent.sent.get()).isLessThan(64L * 1024 * 1024);
      stalled.body().close();
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> agent.open.get() == 0);
    }
  }

  @Test
  void manyCancelledCallsDoNotHurtTheOthersOnTheWayToThePeer() throws Exception {
    plane("cancel");
    try (var agent = agentAt(0, "cancel", "");
        var steady = hub.caller(HttpClient.Version.HTTP_2)) {
      var kept = steady.send(
          HttpRequest.newBuilder(replicas.proxied(1, "cancel", "/watch")).build(),
          BodyHandlers.ofInputStream());
      for (int round = 0; round < 3; round++) {
        var impatient = hub.caller(HttpClient.Version.HTTP_2);
        for (int i = 0; i < 100; i++) {
          impatient
              .send(
                  HttpRequest.newBuilder(replicas.proxied(1, "cancel", "/watch"))
                      .build(),
                  BodyHandlers.ofInputStream())
              .body()
              .close();
        }
        impatient.shutdownNow();
      }
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> agent.open.get() == 1);
      assertThat(kept.body().readNBytes(6)).isEqualTo("first\n".getBytes(UTF_8));
      assertThat(get(steady, replicas.proxied(1, "cancel", "/hello")).body()).isEqualTo("hello");
      kept.body().close();
    }
  }

  @Test
  void anUpgradePassesAndOnlyA101OpensIt() throws Exception {
    plane("exec");
    try (var agent = agentAt(0, "exec", "")) {
      try (var socket = socket(1)) {
        assertThat(socket.upgrade(replicas.proxied(1, "exec", "/exec")))
            .startsWith("HTTP/1.1 101 ")
            .contains("upgrade: SPDY/3.1");
        for (int i = 0; i < 3; i++) {
          socket.send("ping" + i);
          assertThat(socket.text(5)).isEqualTo("ping" + i);
        }
      }
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> agent.open.get() == 0);
      agent.requests.clear();
      try (var socket = socket(1)) {
        assertThat(socket.upgrade(replicas.proxied(1, "exec", "/no-exec")))
            .startsWith("HTTP/1.1 403 ");
        socket.send("GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
        Awaitility.await().atMost(TestHub.PATIENCE).until(() -> agent.open.get() == 0);
        assertThat(agent.requests)
            .extracting(io.netty.handler.codec.http.HttpRequest::uri)
            .containsExactly("/no-exec");
      }
    }
  }

  private static CallerSocket socket(int replica) throws Exception {
    return CallerSocket.open(hub, replicas.gateways.get(replica).callerPort());
  }

  @Test
  void trailersTravel() throws Exception {
    plane("trailers");
    try (var agent = agentAt(0, "trailers", "");
        var socket = socket(2)) {
      assertThat(agent.isGone()).isFalse();
      socket.send("GET " + replicas.proxied(2, "trailers", "/trailers").getPath()
          + " HTTP/1.1\r\nHost: localhost\r\nTE: trailers\r\n\r\n");

      assertThat(socket.upTo("x-checksum: 42")).startsWith("HTTP/1.1 200 ").contains("body");
    }
  }

  @Test
  void interimAnswersTravel() throws Exception {
    plane("early");
    try (var agent = agentAt(0, "early", "");
        var socket = socket(2)) {
      assertThat(agent.isGone()).isFalse();
      socket.send("GET " + replicas.proxied(2, "early", "/early").getPath()
          + " HTTP/1.1\r\nHost: localhost\r\n\r\n");

      assertThat(socket.upTo("\r\n\r\n"))
          .startsWith("HTTP/1.1 103 ")
          .contains("link: </style.css>");
      assertThat(socket.upTo("\r\n\r\n")).startsWith("HTTP/1.1 200 ");
    }
  }

  @Test
  void whatIsRevokedEndsAtEveryReplica() throws Exception {
    plane("revoked");
    try (var agent = agentAt(0, "revoked", "");
        var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      var watch = caller.send(
          HttpRequest.newBuilder(replicas.proxied(1, "revoked", "/watch")).build(),
          BodyHandlers.ofInputStream());
      assertThat(watch.body().readNBytes(6)).isEqualTo("first\n".getBytes(UTF_8));

      hub.client
          .resources(dev.buildplane.model.ClusterBuildPlane.class)
          .withName("revoked")
          .edit(current -> {
            current.setSpec(dev.buildplane.model.PlaneSpec.of(
                null,
                ClientCA.ofValue(
                    CertificateAuthority.create("new", TestHub.YEAR).certificatePem())));
            return current;
          });

      assertThatThrownBy(() -> watch.body().readAllBytes()).isInstanceOf(IOException.class);
      Awaitility.await().atMost(TestHub.PATIENCE).until(agent::isGone);
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> get(caller, replicas.proxied(1, "revoked", "/hello")).statusCode() == 503);
    }
  }

  @Test
  void aLostAgentFailsItsForwardedCallsAtOnce() throws Exception {
    plane("lost");
    try (var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      var agent = agentAt(0, "lost", "");
      var watching = caller.send(
          HttpRequest.newBuilder(replicas.proxied(1, "lost", "/watch")).build(),
          BodyHandlers.ofInputStream());
      agent.close();

      assertThatThrownBy(() -> watching.body().readAllBytes()).isInstanceOf(IOException.class);
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> get(caller, replicas.proxied(1, "lost", "/hello")).statusCode() == 503);
    }
  }

  @Test
  void aForwardedRequestGoesNoFurther() throws Exception {
    plane("loop");
    try (var agent = agentAt(0, "loop", "");
        var peer = hub.caller(HttpClient.Version.HTTP_2, hub.peerIdentity())) {
      var refused =
          peer.send(forwarded(replicas.proxied(1, "loop", "/hello")), BodyHandlers.ofString());

      assertThat(refused.statusCode()).isEqualTo(503);
      assertThat(refused.body()).contains("a forwarded request goes no further");
      assertThat(refused.headers().firstValue(Forwarding.UNREACHED)).isPresent();
      assertThat(agent.requests).isEmpty();
    }
  }

  private static HttpRequest forwarded(URI uri) {
    return HttpRequest.newBuilder(uri)
        .header(Forwarding.FORWARDED, "some-replica")
        .header(Forwarding.USER, "alice")
        .header(Forwarding.GROUPS, "developers,with%2Ccomma")
        .build();
  }

  private static List<String> proxyEvents() {
    return hub.audit.stream()
        .filter(line -> line.contains("\"subresource\":\"proxy\""))
        .toList();
  }

  @Test
  void thePeersWordForTheCallerCountsAndBothReplicasAuditTheCall() throws Exception {
    plane("audit");
    try (var agent = agentAt(0, "audit", "");
        var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      hub.audit.clear();
      get(caller, replicas.proxied(1, "audit", "/hello"));

      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> proxyEvents().size() == 2);
      var lines = proxyEvents();
      var ids = lines.stream()
          .map(line -> line.replaceAll(".*\"auditID\":\"([^\"]+)\".*", "$1"))
          .distinct();
      assertThat(ids).hasSize(1);
      assertThat(lines)
          .allMatch(line -> line.contains("\"username\":\"operator\""))
          .anyMatch(line ->
              line.contains("forwarded-to\":\"" + replicas.gateways.get(0).replica())
                  && line.contains("/replica\":\"" + replicas.gateways.get(1).replica()))
          .anyMatch(line ->
              line.contains("forwarded-by\":\"" + replicas.gateways.get(1).replica())
                  && line.contains("/replica\":\"" + replicas.gateways.get(0).replica()));
      assertThat(agent.requests).hasSize(1);
    }
  }

  @Test
  void whoIsNoPeerCannotForwardNorFollow() throws Exception {
    plane("stranger");
    var nobody = hub.ca.issueClient("nobody", List.of(), TestHub.YEAR);
    try (var agent = agentAt(0, "stranger", "");
        var powerless = hub.caller(HttpClient.Version.HTTP_2, nobody);
        var operator = hub.caller(HttpClient.Version.HTTP_2);
        var anonymous = hub.caller(HttpClient.Version.HTTP_2, null)) {
      hub.audit.clear();
      // As if the header were not there: the certificate's own user is asked about, and the way goes on as ever.
      assertThat(powerless
              .send(forwarded(replicas.proxied(0, "stranger", "/hello")), BodyHandlers.ofString())
              .statusCode())
          .isEqualTo(403);
      assertThat(operator
              .send(forwarded(replicas.proxied(1, "stranger", "/hello")), BodyHandlers.ofString())
              .body())
          .isEqualTo("hello");
      assertThat(anonymous
              .send(forwarded(replicas.proxied(0, "stranger", "/hello")), BodyHandlers.ofString())
              .statusCode())
          .isEqualTo(401);
      assertThat(get(anonymous, replicas.at(0, PlaneApi.WATCH)).statusCode()).isEqualTo(401);
      assertThat(get(powerless, replicas.at(0, PlaneApi.WATCH)).statusCode()).isEqualTo(403);
      assertThat(agent.requests).hasSize(1);
      assertThat(hub.audit).noneMatch(line -> line.contains("alice"));
    }
  }

  @Test
  void aPeerMayOnlyForwardWhereTheResourceIsOfThatPlane() throws Exception {
    plane("mine");
    plane("other");
    try (var agent = agentAt(0, "mine", "");
        var peer = hub.caller(HttpClient.Version.HTTP_2, hub.peerIdentity())) {
      var mixed = replicas.at(0, "/api/proxy/buildplane/mine/_cluster/other/k8s/hello");

      assertThat(peer.send(forwarded(mixed), BodyHandlers.ofString()).statusCode())
          .isEqualTo(400);
      assertThat(agent.requests).isEmpty();
    }
  }

  @Test
  void aPeerWithoutAForwardedCallerIsACallerLikeAnyOther() throws Exception {
    plane("plain");
    try (var agent = agentAt(0, "plain", "");
        var peer = hub.caller(HttpClient.Version.HTTP_2, hub.peerIdentity())) {
      assertThat(get(peer, replicas.proxied(0, "plain", "/hello")).statusCode()).isEqualTo(403);
      assertThat(agent.requests).isEmpty();
    }
  }

  @Test
  void twoConnectionsOfOneAgentAreOneAgentToEveryReplica() throws Exception {
    plane("ha");
    try (var first = agentAt(0, "ha", "instance-1");
        var second = agentAt(1, "ha", "instance-1")) {
      assertThat(List.of(first.isGone(), second.isGone())).containsOnly(false);
      for (int replica = 0; replica < 3; replica++) {
        int asked = replica;
        Awaitility.await().atMost(TestHub.PATIENCE).until(() -> connectedTo(asked, "ha") == 1);
      }
      try (var other = agentAt(2, "ha", "instance-2")) {
        assertThat(other.isGone()).isFalse();
        Awaitility.await().atMost(TestHub.PATIENCE).until(() -> connectedTo(0, "ha") == 2);
      }
    }
  }

  @Test
  void oneReplicaTellsTheStateOfAllAndReconnectsAgentsEverywhere() throws Exception {
    plane("everywhere");
    try (var first = agentAt(0, "everywhere", "a");
        var second = agentAt(1, "everywhere", "b");
        var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> connectedTo(2, "everywhere") == 2);
      var state = get(caller, replicas.at(2, PlaneApi.WATCH + "?" + PlaneApi.EVERY_REPLICA))
          .body();
      assertThat(state.lines().filter(line -> line.contains("everywhere")))
          .hasSize(2)
          .anyMatch(line -> line.contains("\"instance\":\"a\""))
          .anyMatch(line -> line.contains("\"instance\":\"b\""));
      assertThat(state.lines().filter(line -> line.contains("SYNCED"))).hasSize(1);

      var answer = caller.send(
          HttpRequest.newBuilder(replicas.at(2, "/api/v1/planes/buildplane/everywhere/reconnect"))
              .POST(BodyPublishers.noBody())
              .build(),
          BodyHandlers.ofString());

      assertThat(answer.body()).contains("\"disconnectedAgents\":2");
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> first.isGone() && second.isGone());
    }
  }

  @Test
  void metricsTellLocalFromForwardedCalls() throws Exception {
    plane("metrics");
    try (var agent = agentAt(0, "metrics", "");
        var caller = hub.caller(HttpClient.Version.HTTP_2);
        var plain = HttpClient.newHttpClient()) {
      long out = routed(plain, 1, "forwarded_out");
      long in = routed(plain, 0, "forwarded_in");
      long local = routed(plain, 0, "local");
      get(caller, replicas.proxied(1, "metrics", "/hello"));
      get(caller, replicas.proxied(0, "metrics", "/hello"));
      assertThat(agent.requests).hasSize(2);

      assertThat(routed(plain, 1, "forwarded_out")).isEqualTo(out + 1);
      assertThat(routed(plain, 0, "forwarded_in")).isEqualTo(in + 1);
      assertThat(routed(plain, 0, "local")).isEqualTo(local + 2);
      assertThat(metrics(plain, 1)).contains("buildplane_gateway_peers 2");
    }
  }

  private static String metrics(HttpClient plain, int replica) throws Exception {
    return get(
            plain,
            URI.create(
                "http://localhost:" + replicas.gateways.get(replica).healthPort() + "/metrics"))
        .body();
  }

  private static long routed(HttpClient plain, int replica, String way) throws Exception {
    var name = "buildplane_gateway_route_total{way=\"" + way + "\"} ";
    return metrics(plain, replica)
        .lines()
        .filter(line -> line.startsWith(name))
        .mapToLong(line -> (long) Double.parseDouble(line.substring(name.length())))
        .findFirst()
        .orElseThrow(() -> new AssertionError("expected " + name));
  }

  @Test
  void aReplicaThatClosesIsForgottenAndAnotherTakesItsPlace() throws Exception {
    plane("closing");
    var fourth = replicas.add();
    try (var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(
              () -> replicas.gateways.get(1).connectedPeers() == 3 && fourth.connectedPeers() == 3);
      var here = agentAt(3, "closing", "i");
      assertThat(get(caller, replicas.proxied(1, "closing", "/hello")).statusCode())
          .isEqualTo(200);

      replicas.gateways.remove(fourth);
      fourth.close();

      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() ->
              replicas.gateways.get(1).connectedPeers() == 2 && connectedTo(1, "closing") == 0);
      assertThat(here.isGone()).isTrue();
    }
  }
}
