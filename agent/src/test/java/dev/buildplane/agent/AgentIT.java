package dev.buildplane.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.Identity;
import dev.buildplane.tunnel.CloseReason;
import dev.buildplane.tunnel.GatewayTunnel;
import dev.buildplane.tunnel.TunnelTransport;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoopGroup;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class AgentIT {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final Duration DAY = Duration.ofDays(1);
  private static final CertificateAuthority CA = CertificateAuthority.create("test CA", DAY);
  private static final Identity SERVER =
      CA.issueServer("server", List.of("localhost", "127.0.0.1"), DAY);

  @TempDir
  Path folder;

  private final EventLoopGroup loops = TunnelTransport.eventLoops(1, "test");
  private TestGateway gateway;
  private TestTarget target;
  private Agent agent;

  @BeforeEach
  void start() throws Exception {
    gateway = new TestGateway(loops, SERVER);
    target = new TestTarget(loops, SERVER);
    identity("agent-1");
    Files.writeString(folder.resolve("ca.pem"), CA.certificatePem());
    Files.writeString(folder.resolve("token"), "first-token\n");
    kubeconfig();
  }

  @AfterEach
  void stop() {
    if (agent != null) {
      agent.close();
    }
    gateway.close();
    target.close();
    loops.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
  }

  private void identity(String name) throws Exception {
    certify(name, folder.resolve("tls.crt"), folder.resolve("tls.key"));
  }

  private void kubeconfig() throws Exception {
    Files.writeString(folder.resolve("kubeconfig"), """
        apiVersion: v1
        kind: Config
        current-context: build-plane
        contexts:
          - name: build-plane
            context: { cluster: build-plane, user: agent }
        clusters:
          - name: build-plane
            cluster: { server: "https://localhost:%d", certificate-authority: ca.pem }
        users:
          - name: agent
            user: { tokenFile: token }
        """.formatted(target.port()));
  }

  private AgentSettings settings() {
    return AgentSettings.of(
            URI.create("wss://localhost:" + gateway.port() + "/ws"),
            "buildplane",
            "shared-builder",
            folder.resolve("tls.crt"),
            folder.resolve("tls.key"),
            folder.resolve("ca.pem"),
            Optional.of(folder.resolve("kubeconfig")))
        .withConnections(1)
        .withReloadInterval(Duration.ofMillis(50));
  }

  private GatewayTunnel connected() throws Exception {
    agent = Agent.start(settings());
    return gateway.accept().tunnel();
  }

  @Test
  void aRequestReachesTheTargetWithTheAgentsCredentialsAndNoneOfTheCallers() throws Exception {
    var tunnel = connected();
    var request = get("/api/v1/namespaces/a%2Fb?limit=5&x=%20");
    request
        .headers()
        .set("authorization", "Bearer of-the-caller")
        .set("impersonate-user", "admin")
        .set("X-Remote-Group", "system:masters")
        .set("x-request-id", "r-1");
    var call = Call.send(tunnel, request);
    assertThat(call.status()).isEqualTo(200);
    assertThat(call.text()).isEqualTo("hello");
    var seen = target.seen.take();
    assertThat(seen.uri()).isEqualTo("/api/v1/namespaces/a%2Fb?limit=5&x=%20");
    assertThat(seen.headers())
        .containsEntry("authorization", "Bearer first-token")
        .containsEntry("host", "localhost:" + target.port())
        .containsEntry("x-request-id", "r-1")
        .doesNotContainKeys("impersonate-user", "x-remote-group");
  }

  @Test
  void aBodyGoesUpAndConnectionsAreReused() throws Exception {
    var tunnel = connected();
    for (int i = 0; i < 20; i++) {
      var request = new DefaultFullHttpRequest(
          HttpVersion.HTTP_1_1,
          HttpMethod.POST,
          "/post",
          Unpooled.copiedBuffer("body " + i, UTF_8));
      request.headers().set("host", "k8s");
      assertThat(Call.send(tunnel, request).text()).isEqualTo("hello");
      assertThat(target.seen.take().body()).isEqualTo("body " + i);
    }
    assertThat(target.connections).hasValue(1);
  }

  @Test
  void anUnknownTargetIsRefusedWithAKubernetesStatus() throws Exception {
    var tunnel = connected();
    var request = get("/");
    request.headers().set("host", "169.254.169.254");
    var call = Call.send(tunnel, request);
    assertThat(call.status()).isEqualTo(404);
    assertThat(call.text())
        .contains("\"kind\":\"Status\"")
        .contains("unknown target: 169.254.169.254");
  }

  @Test
  void redirectsAreNotFollowed() throws Exception {
    var call = Call.send(connected(), get("/redirect"));
    assertThat(call.status()).isEqualTo(302);
    assertThat(target.seen).hasSize(1);
  }

  @Test
  void aWatchStreamsAndCancellingItClosesTheBackendRequest() throws Exception {
    var call = Call.send(connected(), get("/watch"));
    await().atMost(PATIENCE).until(() -> call.received().equals("event\n"));
    assertThat(target.open).hasValue(1);
    call.channel.close();
    await().atMost(PATIENCE).until(() -> target.open.get() == 0);
  }

  @Test
  void anUpgradeBecomesARawPipe() throws Exception {
    var request = get("/upgrade");
    request.headers().set("connection", "Upgrade").set("upgrade", "websocket");
    var call = Call.send(connected(), request);
    assertThat(call.status()).isEqualTo(101);
    call.channel.writeAndFlush(Unpooled.copiedBuffer("raw", UTF_8));
    await().atMost(PATIENCE).until(() -> call.received().equals("raw"));
    call.channel.close();
    await().atMost(PATIENCE).until(() -> target.open.get() == 0);
  }

  @Test
  void anAnswerOtherThan101ToAnUpgradeOpensNothing() throws Exception {
    var request = get("/plain");
    request.headers().set("connection", "Upgrade").set("upgrade", "websocket");
    var call = Call.send(connected(), request);
    assertThat(call.status()).isEqualTo(502);
    assertThat(call.text()).contains("answered 200 to an upgrade");
    await().atMost(PATIENCE).until(() -> target.open.get() == 0);
  }

  @Test
  void aBackendThatHangsUpOrIsNotThereIsA502WithItsReason() throws Exception {
    var tunnel = connected();
    var hungUp = Call.send(tunnel, get("/hangup"));
    assertThat(hungUp.status()).isEqualTo(502);
    assertThat(hungUp.text()).contains("closed before the answer");
    target.close();
    await().atMost(PATIENCE).until(() -> target.open.get() == 0);
    var refused = Call.send(tunnel, get("/hello"));
    assertThat(refused.status()).isEqualTo(502);
    assertThat(refused.text()).contains("cannot reach target k8s");
  }

  @Test
  void anAnswerWhoseHeadIsTooLongEndsItsRequestOnly() throws Exception {
    var tunnel = connected();
    var underWay = Call.send(tunnel, get("/watch"));
    await().atMost(PATIENCE).until(() -> underWay.received().equals("event\n"));
    var tooLong = Call.send(tunnel, get("/long-head"));
    assertThat(tooLong.status()).isEqualTo(502);
    assertThat(tooLong.text())
        .contains("target k8s: expected the head of an answer of at most 49152 bytes");
    assertThat(Call.send(tunnel, get("/hello")).text()).isEqualTo("hello");
    assertThat(tunnel.isUp()).isTrue();
    assertThat(underWay.channel.isActive()).isTrue();
    underWay.channel.close();
  }

  @Test
  void aChangedTokenIsUsedByTheNextRequests() throws Exception {
    var tunnel = connected();
    Files.writeString(folder.resolve("token"), "second-token-longer\n");
    await().atMost(PATIENCE).until(() -> {
      Call.send(tunnel, get("/hello")).text();
      return target.seen.take().headers().get("authorization").equals("Bearer second-token-longer");
    });
  }

  @Test
  void aChangedIdentityMovesToAFreshConnectionWithoutFailingAnOpenStream() throws Exception {
    agent = Agent.start(settings());
    var before = gateway.accept();
    assertThat(before.subject()).isEqualTo("CN=agent-1");
    var watch = Call.send(before.tunnel(), get("/watch"));
    await().atMost(PATIENCE).until(() -> watch.received().equals("event\n"));
    identity("agent-2");
    var after = gateway.accept();
    assertThat(after.subject()).isEqualTo("CN=agent-2");
    await().atMost(PATIENCE).until(before.tunnel()::isDraining);
    assertThat(Call.send(after.tunnel(), get("/hello")).text()).isEqualTo("hello");
    assertThat(watch.failure).isNotDone();
    watch.channel.close();
    before.tunnel().closed().toCompletableFuture().get(30, TimeUnit.SECONDS);
  }

  @Test
  void aLostConnectionIsDialledAgain() throws Exception {
    var first = connected();
    await().atMost(PATIENCE).until(agent::ready);
    first.close(new CloseReason(CloseReason.Code.CLOSED_HERE, "test"));
    assertThat(Call.send(gateway.accept().tunnel(), get("/hello")).text()).isEqualTo("hello");
    await().atMost(PATIENCE).until(agent::ready);
  }

  @Test
  void aRefusalIsReportedAndDiallingGoesOn() throws Exception {
    gateway.refusal = "client certificate verification failed: no buildplane CRs found";
    agent = Agent.start(settings());
    await()
        .atMost(PATIENCE)
        .until(() -> agent
            .status()
            .lastProblem()
            .orElse("")
            .contains("401: client certificate verification failed"));
    assertThat(agent.ready()).isFalse();
    gateway.refusal = "";
    gateway.accept();
    await().atMost(PATIENCE).until(agent::ready);
  }

  @Test
  void closingDrainsAndEnds() throws Exception {
    var tunnel = connected();
    agent.close();
    assertThat(tunnel.closed().toCompletableFuture().get(30, TimeUnit.SECONDS)).isNotNull();
    assertThat(agent.ready()).isFalse();
  }

  @Test
  void extraTargetsComeFromTheirFileAndMistakesInItAreTold() throws Exception {
    Files.writeString(folder.resolve("password"), "p4ss");
    Files.writeString(folder.resolve("targets.yaml"), """
        targets:
          - name: logs
            url: https://localhost:%d/loki/
            ca: ca.pem
            auth: { type: basic, username: reader, passwordFile: password }
        """.formatted(target.port()));
    agent = Agent.start(settings().withTargets(folder.resolve("targets.yaml")));
    var request = get("/query?q=1");
    request.headers().set("host", "logs");
    assertThat(Call.send(gateway.accept().tunnel(), request).text()).isEqualTo("hello");
    var seen = target.seen.take();
    assertThat(seen.uri()).isEqualTo("/loki/query?q=1");
    assertThat(seen.headers()).containsEntry("authorization", "Basic cmVhZGVyOnA0c3M=");

    Files.writeString(
        folder.resolve("bad.yaml"), "targets: [{ name: logs, url: 'https://x', atuh: {} }]");
    assertThatThrownBy(() -> TargetsFile.read(folder.resolve("bad.yaml")))
        .isInstanceOf(AgentProblem.class)
        .hasMessageContaining("found 'atuh'");
  }

  @Test
  void targetsAreGivenTheirTokenAndCertificateAsTheFilesHaveThemNow() throws Exception {
    Files.writeString(folder.resolve("logs-token"), "first");
    var certificate = folder.resolve("metrics.crt");
    var key = folder.resolve("metrics.key");
    certify("reader-1", certificate, key);
    Files.writeString(folder.resolve("targets.yaml"), """
        targets:
          - name: logs
            url: https://localhost:%1$d
            ca: ca.pem
            auth: { type: bearer, tokenFile: logs-token }
          - name: metrics
            url: https://localhost:%1$d
            ca: ca.pem
            auth: { type: clientCertificate, certificate: metrics.crt, key: metrics.key }
        """.formatted(target.port()));
    agent = Agent.start(settings().withTargets(folder.resolve("targets.yaml")));
    var tunnel = gateway.accept().tunnel();

    var logs = seenAt(tunnel, "logs");
    assertThat(logs.headers()).containsEntry("authorization", "Bearer first");
    assertThat(logs.client()).isEmpty();
    var metrics = seenAt(tunnel, "metrics");
    assertThat(metrics.headers()).doesNotContainKey("authorization");
    assertThat(metrics.client()).isEqualTo("CN=reader-1");

    Files.writeString(folder.resolve("logs-token"), "the second");
    certify("reader-two", certificate, key);
    await().atMost(PATIENCE).untilAsserted(() -> {
      assertThat(seenAt(tunnel, "logs").headers())
          .containsEntry("authorization", "Bearer the second");
      assertThat(seenAt(tunnel, "metrics").client()).isEqualTo("CN=reader-two");
    });
    var unknown = get("/");
    unknown.headers().set("host", "logz");
    assertThat(Call.send(tunnel, unknown).status()).isEqualTo(404);
  }

  private static void certify(String name, Path certificate, Path key) throws Exception {
    var identity = CA.issueClient(name, List.of(), DAY);
    Files.writeString(key, identity.keyPem());
    Files.writeString(certificate, identity.certificatePem());
  }

  private TestTarget.Seen seenAt(GatewayTunnel tunnel, String name) throws Exception {
    var request = get("/");
    request.headers().set("host", name).set("authorization", "Bearer of-the-caller");
    assertThat(Call.send(tunnel, request).text()).isEqualTo("hello");
    return target.seen.take();
  }

  private static FullHttpRequest get(String path) {
    var request = new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, path);
    request.headers().set("host", "k8s");
    return request;
  }

  /// One request through the tunnel.
  private static final class Call extends ChannelInboundHandlerAdapter {
    final CompletableFuture<Integer> status = new CompletableFuture<>();
    final CompletableFuture<Void> end = new CompletableFuture<>();
    final CompletableFuture<Throwable> failure = new CompletableFuture<>();
    private final StringBuffer text = new StringBuffer();
    Channel channel;

    static Call send(GatewayTunnel tunnel, FullHttpRequest request) throws Exception {
      var call = new Call();
      call.channel = tunnel.openStream(call).get(30, TimeUnit.SECONDS);
      call.channel.writeAndFlush(request);
      return call;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      switch (msg) {
        case HttpResponse response -> status.complete(response.status().code());
        case HttpContent content -> text.append(content.content().toString(UTF_8));
        case ByteBuf bytes -> text.append(bytes.toString(UTF_8));
        default -> throw new AssertionError(msg);
      }
      if (msg instanceof LastHttpContent) {
        end.complete(null);
      }
      ReferenceCountUtil.release(msg);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      failure.complete(cause);
      status.completeExceptionally(cause);
      end.completeExceptionally(cause);
    }

    int status() throws Exception {
      return status.get(30, TimeUnit.SECONDS);
    }

    String text() throws Exception {
      end.get(30, TimeUnit.SECONDS);
      return text.toString();
    }

    String received() {
      return text.toString();
    }
  }
}
