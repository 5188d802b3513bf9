package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildplane.http.RequestHead;
import dev.buildplane.model.ClientCA;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.testkit.RawWebSocket;
import dev.buildplane.testkit.V017Agent;
import dev.buildplane.tunnel.TunnelSettings;
import io.netty.handler.codec.http2.Http2Error;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Pipes, most of them opened over HTTP/2 (RFC 8441), at the replica that holds the agent, the first, and at one that does not.
@Timeout(300)
class ForwardedPipesIT {
  private static final long INTERNAL_ERROR = 2;

  /// Of one pipe in 40 the first bytes were lost where the future of its stream was waited for.
  private static final int MANY_PIPES = 300;

  @TempDir
  static Path directory;

  static TestHub hub;
  static TestReplicas replicas;

  @BeforeAll
  static void start() throws Exception {
    hub = new TestHub(directory);
    replicas =
        new TestReplicas(hub, 2, settings -> settings.withAudit(AuditSink.each(hub.audit::add)));
  }

  @AfterAll
  static void stop() throws Exception {
    replicas.close();
    hub.close();
  }

  private static ClientCA agentsCA() {
    return ClientCA.ofValue(hub.agents.certificatePem());
  }

  private static TestAgent agent(String plane) throws Exception {
    var agent = Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .ignoreExceptions()
        .until(
            () -> TestAgent.dialAs(
                "",
                replicas.gateways.getFirst().agentPort(),
                plane,
                hub.agentIdentity(),
                hub.ca.trust(),
                TunnelSettings.defaults()),
            Objects::nonNull);
    awaitKnown(plane);
    return agent;
  }

  /// Until every replica knows of its agent.
  private static void awaitKnown(String plane) throws Exception {
    try (var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      for (int replica = 0; replica < replicas.gateways.size(); replica++) {
        var status = HttpRequest.newBuilder(
                replicas.at(replica, "/api/v1/planes/buildplane/" + plane + "/status"))
            .build();
        Awaitility.await()
            .atMost(TestHub.PATIENCE)
            .until(() -> caller
                .send(status, BodyHandlers.ofString())
                .body()
                .contains("\"connectedAgents\":1"));
      }
    }
  }

  private static Http2Caller caller(int replica) throws Exception {
    return Http2Caller.connect(
        replicas.gateways.get(replica).callerPort(),
        hub.sslContext(hub.ca.issueClient("operator", List.of("system:masters"), TestHub.YEAR)));
  }

  private static Http2Caller.Pipe open(
      Http2Caller caller, String protocol, String plane, String rest) throws Exception {
    return caller.open(protocol, replicas.proxied(0, plane, rest).getRawPath());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void aPipePassesAndEndsAsTheCallerEndsIt(int replica) throws Exception {
    var plane = "pipe-" + replica;
    hub.plane(plane, null, agentsCA());
    try (var agent = agent(plane);
        var caller = caller(replica)) {
      var pipe = open(caller, "spdy/3.1", plane, "/exec");
      assertThat(pipe.status()).isEqualTo(200);
      for (int i = 0; i < 5; i++) {
        pipe.send("ping" + i);
        assertThat(pipe.text(5)).isEqualTo("ping" + i);
      }
      pipe.end(); // the other direction stays as it is
      assertThat(agent.open.get()).isEqualTo(1);
      pipe.reset(Http2Error.CANCEL);
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> agent.open.get() == 0);
    }
  }

  /// What the caller has ended has ended at the target, and what the target says after that comes back, up to its own end.
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void eachDirectionEndsByItself(int replica, @TempDir Path folder) throws Exception {
    var plane = "half-" + replica;
    hub.plane(plane, null, agentsCA());
    try (var target = CannedTarget.plain()) {
      target.behave("/pipe", (socket, from) -> {
        var to = socket.getOutputStream();
        to.write(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: SPDY/3.1\r\n\r\n"
                .getBytes(UTF_8));
        to.flush();
        var heard = new String(from.readAllBytes(), UTF_8);
        to.write(("heard " + heard).getBytes(UTF_8));
      });
      try (var _ = agent(plane, replicas.gateways.getFirst(), folder, target);
          var caller = caller(replica)) {
        awaitKnown(plane);
        var pipe = open(caller, "spdy/3.1", plane, "/pipe");
        assertThat(pipe.status()).isEqualTo(200);
        pipe.send("the caller");
        pipe.end();
        assertThat(pipe.text()).isEqualTo("heard the caller");
      }
    }
  }

  /// Kubernetes asks for another right where an exec is a POST.
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void theMethodOfAnUpgradeIsKept(int replica) throws Exception {
    var plane = "method-" + replica;
    hub.plane(plane, null, agentsCA());
    try (var agent = agent(plane);
        var posted = CallerSocket.open(hub, replicas.gateways.get(replica).callerPort());
        var caller = caller(replica)) {
      assertThat(posted.upgrade(replicas.proxied(0, plane, "/exec"))).startsWith("HTTP/1.1 101 ");
      assertThat(open(caller, "spdy/3.1", plane, "/exec").status()).isEqualTo(200);
      assertThat(caller
              .open(
                  "spdy/3.1",
                  replicas.proxied(0, plane, "/exec").getRawPath(),
                  RequestHead.UPGRADE_METHOD,
                  "POST")
              .status())
          .isEqualTo(200);
      assertThat(agent.requests)
          .extracting(request -> request.method().name())
          .containsExactly("POST", "GET", "POST");
      assertThat(agent.requests)
          .noneMatch(request -> request.headers().contains(RequestHead.UPGRADE_METHOD));
    }
  }

  /// A WebSocket's key is another on each hop; each end is answered for its own.
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void aWebSocketIsConfirmedForItsCallersKey(int replica, @TempDir Path folder) throws Exception {
    var plane = "key-" + replica;
    hub.plane(plane, null, agentsCA());
    try (var target = CannedTarget.plain()) {
      ExtendedConnectIT.switches(target, "/socket", "", ExtendedConnectIT::echo);
      try (var _ = agent(plane, replicas.gateways.getFirst(), folder, target);
          var caller = caller(replica);
          var socket = CallerSocket.operator(hub)
              .getSocketFactory()
              .createSocket("localhost", replicas.gateways.get(replica).callerPort())) {
        awaitKnown(plane);
        var path = replicas.proxied(0, plane, "/socket").getRawPath();
        RawWebSocket.client(socket, path).close(); // which looks at what confirms its key
        target.seen.clear();
        var pipe = caller.open("websocket", path, "sec-websocket-version", "13");
        assertThat(pipe.status()).isEqualTo(200);
        pipe.send("frames");
        assertThat(pipe.text(6)).isEqualTo("frames");
      }
    }
  }

  private static AgentChain agent(String plane, Gateway at, Path folder, CannedTarget target)
      throws Exception {
    return AgentChain.start(
        hub,
        plane,
        folder,
        at.agentPort(),
        target.port(),
        Optional.empty(),
        UnaryOperator.identity());
  }

  /// However the threads of caller and agent meet: what follows the 101 is the pipe's.
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void noPipeLosesWhatItsCallerSendsFirst(int replica) throws Exception {
    var plane = "first-bytes-" + replica;
    hub.plane(plane, null, agentsCA());
    var operator = CallerSocket.operator(hub);
    int port = replicas.gateways.get(replica).callerPort();
    try (var agent = agent(plane)) {
      for (int i = 0; i < MANY_PIPES; i++) {
        try (var pipe = CallerSocket.open(operator, port)) {
          assertThat(pipe.upgrade(replicas.proxied(0, plane, "/exec"))).startsWith("HTTP/1.1 101 ");
          pipe.send("ping");
          assertThat(pipe.text(4)).as("pipe %s", i).isEqualTo("ping");
        }
      }
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> agent.open.get() == 0);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void onlyA101OpensItAndAWebSocketOnlyOneForItsKey(int replica) throws Exception {
    var plane = "refused-" + replica;
    hub.plane(plane, null, agentsCA());
    try (var agent = agent(plane);
        var caller = caller(replica)) {
      var refused = open(caller, "websocket", plane, "/no-exec");
      assertThat(refused.status()).isEqualTo(403);
      assertThat(refused.text()).isEqualTo("no shell for you");
      var unconfirmed = open(caller, "websocket", plane, "/exec");
      assertThat(unconfirmed.status()).isEqualTo(502);
      assertThat(unconfirmed.text()).contains("sec-websocket-accept");
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> agent.open.get() == 0);
      assertThat(agent.heard).isEmpty();
    }
  }

  @Test
  void whatIsRevokedIsReset() throws Exception {
    var plane = "revoked";
    var trusted = hub.plane(plane, null, agentsCA());
    try (var agent = agent(plane);
        var caller = caller(0)) {
      var pipe = open(caller, "spdy/3.1", plane, "/exec");
      assertThat(pipe.status()).isEqualTo(200);
      assertThat(agent.open.get()).isEqualTo(1);
      hub.replaceCA(
          trusted,
          ClientCA.ofValue(CertificateAuthority.create("new", TestHub.YEAR).certificatePem()));
      assertThatThrownBy(pipe::text).isInstanceOf(IOException.class);
      assertThat(pipe.resetCode()).isEqualTo(INTERNAL_ERROR);
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> agent.open.get() == 0);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void anAgentOfV017IsNotAsked(int replica) throws Exception {
    var plane = "old-" + replica;
    hub.plane(plane, null, agentsCA());
    try (var agent = Awaitility.await()
            .atMost(TestHub.PATIENCE)
            .ignoreExceptions()
            .until(
                () -> V017Agent.dial(
                    replicas.gateways.getFirst().agentPort(),
                    "buildplane",
                    plane,
                    hub.agentIdentity(),
                    hub.ca.trust(),
                    _ -> {
                      throw new IllegalStateException("no request is expected");
                    }),
                Objects::nonNull);
        var caller = caller(replica)) {
      awaitKnown(plane);
      var pipe = open(caller, "websocket", plane, "/api/v1/namespaces/a/pods/b/exec");
      assertThat(pipe.status()).isEqualTo(501);
      assertThat(pipe.text()).contains("update the agent");
      assertThat(agent.requests()).isEmpty();
    }
  }
}
