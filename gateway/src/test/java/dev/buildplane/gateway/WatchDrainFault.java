package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildplane.http.HttpLimits;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// A gateway or an agent that goes ends watches after a whole event and waits for nothing else than what ends by itself.
@Timeout(180)
class WatchDrainFault {
  /// Longer than any wait here: what ends does so before.
  private static final Duration LONG = Duration.ofMinutes(10);

  private static final String HEAD =
      "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";

  @TempDir
  Path folder;

  private final CountDownLatch restMayGo = new CountDownLatch(1);
  private TestHub hub;
  private CannedTarget target;
  private AgentChain chain;

  private void start(Duration drain) throws Exception {
    hub = new TestHub(folder, settings -> settings.withLimits(HttpLimits.DEFAULT.withDrain(drain)));
    target = CannedTarget.plain();
    target.behave("/whole", (socket, from) -> {
      socket.getOutputStream().write((HEAD + "{\"type\":\"ADDED\"}\n").getBytes(ISO_8859_1));
      from.transferTo(java.io.OutputStream.nullOutputStream());
    });
    target.behave("/half", (socket, from) -> {
      var out = socket.getOutputStream();
      out.write((HEAD + "{\"type\":").getBytes(ISO_8859_1));
      await(restMayGo);
      out.write("\"ADDED\"}\n".getBytes(ISO_8859_1));
      from.transferTo(java.io.OutputStream.nullOutputStream());
    });
    chain = AgentChain.start(
        hub,
        "watches",
        folder.resolve("agent"),
        hub.gateway.agentPort(),
        target.port(),
        Optional.empty(),
        settings -> settings.withDrain(drain));
  }

  private static void await(CountDownLatch latch) throws IOException {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }

  @AfterEach
  void stop() throws Exception {
    restMayGo.countDown();
    chain.close();
    target.close();
    hub.close();
  }

  private InputStream open(HttpClient caller, String rest) throws Exception {
    var answer =
        caller.send(HttpRequest.newBuilder(chain.uri(rest)).build(), BodyHandlers.ofInputStream());
    assertThat(answer.statusCode()).isEqualTo(200);
    return answer.body();
  }

  private static CompletableFuture<Void> closing(AutoCloseable going) {
    return CompletableFuture.runAsync(
        () -> {
          try {
            going.close();
          } catch (Exception e) {
            throw new IllegalStateException(e);
          }
        },
        Thread::startVirtualThread);
  }

  @ParameterizedTest
  @EnumSource(
      value = HttpClient.Version.class,
      names = {"HTTP_1_1", "HTTP_2"})
  void aGatewayThatGoesEndsWatchesAfterAWholeEvent(HttpClient.Version version) throws Exception {
    start(LONG);
    try (var caller = hub.caller(version)) {
      var whole = open(caller, "/whole?watch=true");
      assertThat(whole.readNBytes(17)).asString(UTF_8).isEqualTo("{\"type\":\"ADDED\"}\n");
      var half = open(caller, "/half?watch=1");
      assertThat(half.readNBytes(8)).asString(UTF_8).isEqualTo("{\"type\":");

      var closing = closing(hub.gateway);

      assertThat(whole.readAllBytes()).isEmpty();
      assertThat(closing).isNotDone();
      restMayGo.countDown();
      assertThat(half.readAllBytes()).asString(UTF_8).isEqualTo("\"ADDED\"}\n");
      caller.shutdown(); // a resting connection would be waited for
      closing.get(120, TimeUnit.SECONDS);
    }
  }

  @Test
  void anAgentThatGoesEndsWatchesAfterAWholeEvent() throws Exception {
    start(LONG);
    try (var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      var whole = open(caller, "/whole?watch=true");
      assertThat(whole.readNBytes(17)).hasSize(17);
      var half = open(caller, "/half?watch=true");
      assertThat(half.readNBytes(8)).hasSize(8);

      var closing = closing(chain.agent());

      assertThat(whole.readAllBytes()).isEmpty();
      assertThat(closing).isNotDone();
      restMayGo.countDown();
      assertThat(half.readAllBytes()).asString(UTF_8).isEqualTo("\"ADDED\"}\n");
      closing.get(120, TimeUnit.SECONDS);
    }
  }

  /// A log that seemed to have ended would be taken for a whole one.
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whatIsNoWatchIsCutWhenTheTimeIsUp(boolean theGateways) throws Exception {
    start(Duration.ofMillis(500));
    try (var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      var log = open(caller, "/whole?follow=true");
      assertThat(log.readNBytes(17)).hasSize(17);

      var closing = closing(theGateways ? hub.gateway : chain.agent());

      assertThatThrownBy(log::readAllBytes).isInstanceOf(IOException.class);
      closing.get(120, TimeUnit.SECONDS);
    }
  }
}
