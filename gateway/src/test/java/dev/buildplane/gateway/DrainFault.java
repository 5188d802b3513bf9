package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.tunnel.TunnelSettings;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Agents that go, with calls under way.
class DrainFault {
  private static final int CALLERS = 8;
  private static final int CALLS_AROUND = 200;

  @TempDir
  static Path folder;

  static TestHub hub;
  static CannedTarget target;

  @BeforeAll
  static void start() throws Exception {
    hub = new TestHub(folder, settings -> settings.withTunnels(quick(settings.tunnels())));
    target = CannedTarget.plain();
    target.answer("/hello", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".getBytes(ISO_8859_1));
  }

  private static TunnelSettings quick(TunnelSettings settings) {
    return settings.withLiveness(Duration.ofMillis(300), Duration.ofSeconds(6));
  }

  @AfterAll
  static void stop() throws Exception {
    target.close();
    hub.close();
  }

  private static AgentChain chain(String name) throws Exception {
    return AgentChain.start(
        hub,
        "drain",
        folder.resolve(name),
        hub.gateway.agentPort(),
        target.port(),
        Optional.empty(),
        settings -> settings.withTunnel(quick(settings.tunnel())));
  }

  /// One agent goes, in good order, while callers go on; the other takes over. A POST counts too: nothing that was begun is lost and nothing is
  /// refused.
  @Test
  void anAgentThatGoesLosesNoRequest() throws Exception {
    try (var going = chain("drain-1");
        var staying = chain("drain-2");
        var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      var served = new AtomicLong();
      var stopping = new AtomicBoolean();
      var callers = new ArrayList<CompletableFuture<List<Integer>>>();
      for (int i = 0; i < CALLERS; i++) {
        var post = i % 2 == 0;
        callers.add(CompletableFuture.supplyAsync(
            () -> failures(caller, staying, post, served, stopping), Thread::startVirtualThread));
      }
      awaitServed(served, callers);
      going.agent().close();
      awaitServed(served, callers);
      stopping.set(true);
      for (var each : callers) {
        assertThat(each.get(60, TimeUnit.SECONDS)).as("statuses other than 200").isEmpty();
      }
      assertThat(staying.agent().ready()).isTrue();
    }
  }

  private static void awaitServed(
      AtomicLong served, List<CompletableFuture<List<Integer>>> callers) {
    long until = served.get() + CALLS_AROUND;
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> served.get() >= until
            || callers.stream().anyMatch(CompletableFuture::isCompletedExceptionally));
  }

  private static List<Integer> failures(
      HttpClient caller,
      AgentChain chain,
      boolean post,
      AtomicLong served,
      AtomicBoolean stopping) {
    var failures = new ArrayList<Integer>();
    var request = post
        ? HttpRequest.newBuilder(chain.uri("/hello"))
            .POST(BodyPublishers.ofString("x"))
            .build()
        : HttpRequest.newBuilder(chain.uri("/hello")).build();
    while (!stopping.get()) {
      try {
        int status = caller.send(request, BodyHandlers.ofString()).statusCode();
        if (status != 200) {
          failures.add(status);
        }
        served.incrementAndGet();
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    return failures;
  }
}
