package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.agent.AgentSettings;
import dev.buildplane.http.HttpLimits;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
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
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.UnaryOperator;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// One of two replicas of the gateway goes in good order, as on SIGTERM, while callers go on: they lose nothing.
@Timeout(300)
class ReplicaDrainFault {
  private static final int CALLERS_OF_EACH_KIND = 2;
  private static final int CALLS_AROUND = 100;
  private static final int HALF_BYTES = 64 * 1024;

  /// Longer than any wait here, so that nothing is cut because the machine is slow.
  private static final Duration DRAIN = Duration.ofMinutes(3);

  @TempDir
  Path folder;

  private final CountDownLatch restMayGo = new CountDownLatch(1);
  private final AtomicLong served = new AtomicLong();
  private final AtomicInteger atTheOther = new AtomicInteger();
  private final Queue<String> losses = new ConcurrentLinkedQueue<>();
  private volatile boolean stopping;
  private TestHub hub;
  private TestReplicas replicas;
  private List<Gateway> gateways;
  private CannedTarget target;

  @BeforeEach
  void start() throws Exception {
    hub = new TestHub(folder);
    replicas = new TestReplicas(
        hub, 2, settings -> settings.withLimits(HttpLimits.DEFAULT.withDrain(DRAIN)));
    gateways = replicas.gateways;
    target = CannedTarget.plain();
    target.answer("/hello", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".getBytes(ISO_8859_1));
    target.behave("/halves", (connection, _) -> {
      var out = connection.getOutputStream();
      out.write(("HTTP/1.1 200 OK\r\ncontent-length: " + 2 * HALF_BYTES + "\r\n\r\n")
          .getBytes(ISO_8859_1));
      out.write(new byte[HALF_BYTES]);
      out.flush();
      try {
        restMayGo.await();
      } catch (InterruptedException e) {
        throw new IOException(e);
      }
      out.write(new byte[HALF_BYTES]);
    });
  }

  @AfterEach
  void stop() throws Exception {
    stopping = true;
    restMayGo.countDown();
    replicas.close();
    target.close();
    hub.close();
  }

  private AgentChain agent(String plane, UnaryOperator<AgentSettings> more) throws Exception {
    return AgentChain.start(
        hub,
        plane,
        folder.resolve(plane),
        gateways.getFirst().agentPort(),
        target.port(),
        Optional.empty(),
        more);
  }

  private static List<URI> dialled(List<Gateway> at) {
    return at.stream()
        .map(one -> URI.create("wss://localhost:" + one.agentPort() + "/ws"))
        .toList();
  }

  private static URI uri(Gateway at, AgentChain chain, String rest) {
    return URI.create("https://localhost:" + at.callerPort() + chain.path() + rest);
  }

  /// The agent of one plane is at both replicas; that of the other only at the one that stays, so that calls for it are forwarded there.
  @Test
  void aReplicaThatGoesLosesNoRequest() throws Exception {
    var going = gateways.getFirst();
    try (var both = agent("both", settings -> settings.withServerUrls(dialled(gateways)));
        var other =
            agent("other", settings -> settings.withServerUrls(dialled(gateways.subList(1, 2))))) {
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> going.sessions().all().size() == 1
              && gateways.getLast().sessions().all().size() >= 2);
      var callers = new ArrayList<CompletableFuture<Void>>();
      var halves = new ArrayList<CompletableFuture<HttpResponse<byte[]>>>();
      var clients = new ArrayList<HttpClient>();
      for (var version : HttpClient.Version.values()) {
        for (var chain : List.of(both, other)) {
          var client = hub.caller(version);
          clients.add(client);
          halves.add(client.sendAsync(
              HttpRequest.newBuilder(uri(going, chain, "/halves")).build(),
              BodyHandlers.ofByteArray()));
          for (int i = 0; i < 2 * CALLERS_OF_EACH_KIND; i++) {
            boolean post = i % 2 == 0;
            callers.add(CompletableFuture.runAsync(
                () -> callOn(version, chain, post), Thread::startVirtualThread));
          }
        }
      }
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() ->
              target.seen.stream().filter(one -> one.path().equals("/halves")).count()
                  == halves.size());
      awaitServed();
      assertThat(readiness(going)).isEqualTo(200);

      var closing = CompletableFuture.runAsync(going::close, Thread::startVirtualThread);

      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> readiness(going) == 503);
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> atTheOther.get() == callers.size() || !losses.isEmpty());
      awaitServed();
      assertThat(closing).as("answers are under way").isNotDone();
      assertThat(readiness(going)).isEqualTo(503);
      restMayGo.countDown();
      for (var each : halves) {
        var answer = each.get(60, TimeUnit.SECONDS);
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.body()).hasSize(2 * HALF_BYTES);
      }
      clients.forEach(HttpClient::close); // a resting connection would be waited for
      closing.get(120, TimeUnit.SECONDS);
      gateways.remove(going);
      awaitServed();
      stopping = true;
      assertThat(losses).isEmpty();
      for (var each : callers) {
        each.get(60, TimeUnit.SECONDS);
      }
      assertThat(losses).isEmpty();
      assertThat(both.agent().ready()).isTrue();
    }
  }

  private void awaitServed() {
    long until = served.get() + CALLS_AROUND;
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> served.get() >= until || !losses.isEmpty());
  }

  private int readiness(Gateway of) throws Exception {
    try (var probe = HttpClient.newHttpClient()) {
      var request =
          HttpRequest.newBuilder(URI.create("http://localhost:" + of.healthPort() + "/readyz"));
      return probe.send(request.build(), BodyHandlers.discarding()).statusCode();
    }
  }

  /// Calls again and again, at the second gateway from when the first refuses connections. Anything else but 200 is a loss.
  private void callOn(HttpClient.Version version, AgentChain chain, boolean post) {
    var order = List.copyOf(gateways);
    int at = 0;
    try (var client = hub.caller(version)) {
      while (!stopping) {
        var request = HttpRequest.newBuilder(uri(order.get(at), chain, "/hello"));
        if (post) {
          request.POST(BodyPublishers.ofString("x"));
        }
        try {
          var answer = client.send(request.build(), BodyHandlers.ofString());
          if (answer.statusCode() != 200 || !answer.body().equals("ok")) {
            losses.add(version + " " + answer.statusCode() + " " + answer.body());
          }
          served.incrementAndGet();
        } catch (ConnectException refused) {
          if (at++ > 0) {
            throw refused;
          }
          atTheOther.incrementAndGet();
        }
      }
    } catch (IOException e) {
      losses.add(version + (post ? " POST " : " GET ") + e);
      throw new UncheckedIOException(e);
    } catch (Exception e) {
      losses.add(version + " " + e);
      throw new IllegalStateException(e);
    }
  }
}
