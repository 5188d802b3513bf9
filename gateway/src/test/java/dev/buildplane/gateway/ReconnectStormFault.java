package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.model.ClientCA;
import dev.buildplane.tunnel.AgentTunnel;
import dev.buildplane.tunnel.CloseReason;
import dev.buildplane.tunnel.Session;
import dev.buildplane.tunnel.TunnelDestination;
import dev.buildplane.tunnel.TunnelDialer;
import dev.buildplane.tunnel.TunnelSettings;
import dev.buildplane.tunnel.TunnelTransport;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Hundreds of agents lose their connections at once and come back by the product's own waits: all of them do, and a call of another plane is served
/// all the while. `bench/run scale` does it with thousands, in processes of their own, and says how long things take.
class ReconnectStormFault {
  private static final int PLANES = 10;
  private static final int AGENTS_PER_PLANE = 40;
  private static final int AGENTS = PLANES * AGENTS_PER_PLANE;

  @TempDir
  Path folder;

  private final EventLoopGroup loops = TunnelTransport.eventLoops(1, "storm");
  private final RandomGenerator random = RandomGenerator.of("L64X128MixRandom");
  private final Map<Integer, AgentTunnel> up = new ConcurrentHashMap<>();
  private TestHub hub;
  private SslContext tls;
  private TunnelDialer dialer;
  private volatile boolean over;

  @BeforeEach
  void start() throws Exception {
    hub = new TestHub(folder);
    var identity = hub.agentIdentity();
    tls = SslContextBuilder.forClient()
        .keyManager(identity.key(), identity.chain())
        .trustManager(hub.ca.trust().certificates())
        .build();
    dialer = new TunnelDialer(loops, TunnelSettings.defaults(), TunnelDialer.DEFAULT_DEADLINE);
  }

  @AfterEach
  void stop() throws Exception {
    over = true;
    up.values().forEach(ReconnectStormFault::drop);
    hub.close();
    loops.shutdownGracefully(0, 5, TimeUnit.SECONDS).sync();
  }

  @Test
  @Timeout(180)
  void allComeBackAndACallOfAnotherPlaneIsServedMeanwhile() throws Exception {
    for (int plane = 0; plane < PLANES; plane++) {
      hub.plane("storm-" + plane, null, ClientCA.ofValue(hub.agents.certificatePem()));
    }
    hub.plane("calm", null, ClientCA.ofValue(hub.agents.certificatePem()));
    try (var calm = hub.agent("calm");
        var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      IntStream.range(0, AGENTS).forEach(agent -> dial(agent, 0));
      awaitAllUp();
      var before = Set.copyOf(up.values());

      before.forEach(ReconnectStormFault::drop);
      int served = 0;
      while (!allUpAnew(before)) {
        var answer = caller.send(
            HttpRequest.newBuilder(URI.create("https://localhost:" + hub.gateway.callerPort()
                    + "/api/proxy/buildplane/calm/_cluster/calm/k8s/hello"))
                .timeout(Duration.ofSeconds(30))
                .build(),
            BodyHandlers.ofString());
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        served++;
      }

      assertThat(served).isPositive();
      assertThat(calm.isGone()).isFalse();
      // The gateway has those and no others: what was lost is forgotten.
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .untilAsserted(() -> assertThat(hub.gateway.sessions().all()).hasSize(AGENTS + 1));
    }
  }

  private void awaitAllUp() {
    Awaitility.await().atMost(TestHub.PATIENCE).until(() -> up.size() == AGENTS);
  }

  private boolean allUpAnew(Set<AgentTunnel> before) {
    var now = List.copyOf(up.values());
    return now.size() == AGENTS && now.stream().noneMatch(before::contains);
  }

  private static void drop(AgentTunnel tunnel) {
    tunnel.close(new CloseReason(CloseReason.Code.CLOSED_HERE, "dropped"));
  }

  private void dial(int agent, int failures) {
    var to = new TunnelDestination(
        URI.create("wss://localhost:" + hub.gateway.agentPort() + "/ws"),
        "buildplane",
        "storm-" + agent % PLANES);
    dialer
        .dial(to, tls, Map.of("instance", "agent-" + agent), new NoTarget())
        .whenComplete((tunnel, failure) -> {
          if (failure != null) {
            dialAgain(agent, failures + 1);
            return;
          }
          up.put(agent, tunnel);
          tunnel.closed().thenRun(() -> {
            up.remove(agent, tunnel);
            dialAgain(agent, 0);
          });
        });
  }

  private void dialAgain(int agent, int failures) {
    if (!over) {
      loops
          .next()
          .schedule(
              () -> dial(agent, failures),
              Session.delay(failures, false, random).toMillis(),
              TimeUnit.MILLISECONDS);
    }
  }

  /// These agents are never called.
  @ChannelHandler.Sharable
  private static final class NoTarget extends ChannelInitializer<Channel> {
    @Override
    protected void initChannel(Channel stream) {
      stream.close();
    }
  }
}
