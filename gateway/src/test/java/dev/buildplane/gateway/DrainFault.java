package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.tunnel.TunnelSettings;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Agents that go and links that go silent, with calls under way.
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
    target.behave("/hang", (_, from) -> from.transferTo(java.io.OutputStream.nullOutputStream()));
  }

  private static TunnelSettings quick(TunnelSettings settings) {
    return settings.withLiveness(Duration.ofMillis(300), Duration.ofSeconds(6));
  }

  @AfterAll
  static void stop() throws Exception {
    target.close();
    hub.close();
  }

  private static AgentChain chain(String plane, String name, int port) throws Exception {
    return AgentChain.start(
        hub,
        plane,
        folder.resolve(name),
        port,
        target.port(),
        Optional.empty(),
        settings -> settings.withTunnel(quick(settings.tunnel())));
  }

  /// One agent goes, in good order, while callers go on; the other takes over. A POST counts too: nothing that was begun is lost and nothing is
  /// refused.
  @Test
  void anAgentThatGoesLosesNoRequest() throws Exception {
    try (var going = chain("drain", "drain-1", hub.gateway.agentPort());
        var staying = chain("drain", "drain-2", hub.gateway.agentPort());
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

  /// The link swallows bytes without closing: a call under way fails with a reason well before its own deadline, and the agent comes back.
  @ParameterizedTest
  @CsvSource({"true, true", "true, false", "false, true"})
  void aLinkThatSwallowsBytesFailsItsCallsAndHeals(boolean up, boolean down) throws Exception {
    var plane = "silent-" + up + "-" + down;
    try (var link = new Relay(hub.gateway.agentPort());
        var chain = chain(plane, plane, link.port());
        var caller = hub.caller(HttpClient.Version.HTTP_2)) {
      target.seen.clear();
      var hanging = caller.sendAsync(
          HttpRequest.newBuilder(chain.uri("/hang")).build(), BodyHandlers.ofString());
      Awaitility.await().atMost(TestHub.PATIENCE).until(() -> !target.seen.isEmpty());

      link.swallow(up, down);

      var answer = hanging.get(60, TimeUnit.SECONDS);
      assertThat(answer.statusCode()).isEqualTo(502);
      assertThat(answer.body()).contains("connection to buildplane/" + plane + " failed");
      link.swallow(false, false);
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> caller
                  .send(
                      HttpRequest.newBuilder(chain.uri("/hello")).build(), BodyHandlers.ofString())
                  .statusCode()
              == 200);
    }
  }

  /// A TCP relay that can drop what it reads without closing.
  private static final class Relay implements AutoCloseable {
    private final ServerSocket listener = new ServerSocket(0, 16, InetAddress.getLoopbackAddress());
    private final int far;
    private volatile boolean swallowsUp;
    private volatile boolean swallowsDown;

    Relay(int far) throws IOException {
      this.far = far;
      Thread.ofVirtual().start(this::serve);
    }

    int port() {
      return listener.getLocalPort();
    }

    void swallow(boolean up, boolean down) {
      swallowsUp = up;
      swallowsDown = down;
    }

    private void serve() {
      while (!listener.isClosed()) {
        try {
          var near = listener.accept();
          var to = new Socket(InetAddress.getLoopbackAddress(), far);
          Thread.ofVirtual().start(() -> pump(near, to, true));
          Thread.ofVirtual().start(() -> pump(to, near, false));
        } catch (IOException closed) {
          return;
        }
      }
    }

    private void pump(Socket from, Socket to, boolean up) {
      var piece = new byte[16 * 1024];
      boolean swallowed = false;
      try {
        for (int got = from.getInputStream().read(piece); got >= 0; ) {
          swallowed |= up ? swallowsUp : swallowsDown;
          if (!swallowed) {
            to.getOutputStream().write(piece, 0, got);
          }
          got = from.getInputStream().read(piece);
        }
      } catch (IOException gone) {
        swallowed |= from.isClosed();
      }
      if (!swallowed) { // what swallows bytes swallows the end of the connection too
        close(to);
      }
    }

    private static void close(Socket socket) {
      try {
        socket.close();
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }

    @Override
    public void close() throws IOException {
      listener.close();
    }
  }
}
