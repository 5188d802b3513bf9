package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.http.HttpLimits;
import dev.buildplane.tunnel.MemoryBudget;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Large bodies past readers that pause, at a small memory budget: nothing is lost or held, and a second caller is served meanwhile (`bounded`).
class StalledStreamsFault {
  private static final long BODY_BYTES = 256L << 20;

  /// After each of these the reader waits until the other caller has been served some more.
  private static final long BURST_BYTES = 32L << 20;

  private static final int CALLS_PER_PAUSE = 5;
  private static final Duration IDLE = Duration.ofSeconds(10);
  private static final long BUDGET_BYTES = 8L << 20;

  /// One stream's window, what its frames cost besides, and the small calls beside it.
  private static final long MAX_HELD_BYTES = 2L << 20;

  @TempDir
  static Path folder;

  static final MemoryBudget atGateway = new MemoryBudget(BUDGET_BYTES);
  static final MemoryBudget atAgent = new MemoryBudget(BUDGET_BYTES);
  static TestHub hub;
  static CannedTarget target;
  static AgentChain chain;

  @BeforeAll
  static void start() throws Exception {
    hub = new TestHub(
        folder,
        settings -> settings
            .withTunnels(settings.tunnels().withBudget(atGateway))
            .withLimits(HttpLimits.DEFAULT.withDeadlines(
                Duration.ofSeconds(10), Duration.ofSeconds(15), IDLE)));
    target = CannedTarget.plain();
    target.answer("/canary", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".getBytes(ISO_8859_1));
    chain = AgentChain.start(
        hub,
        "stalls",
        folder.resolve("agent"),
        hub.gateway.agentPort(),
        target.port(),
        Optional.empty(),
        settings -> settings.withTunnel(settings.tunnel().withBudget(atAgent)));
  }

  @AfterAll
  static void stop() throws Exception {
    chain.close();
    target.close();
    hub.close();
  }

  /// A second caller that asks again and again, and notes what is held.
  private static final class Canary implements AutoCloseable {
    final AtomicLong served = new AtomicLong();
    final AtomicLong most = new AtomicLong();
    private final CompletableFuture<Void> ended = new CompletableFuture<>();
    private volatile boolean stopping;

    Canary() {
      Thread.ofVirtual().start(this::sing);
    }

    private void sing() {
      try (var caller = hub.caller(HttpClient.Version.HTTP_2)) {
        var request = HttpRequest.newBuilder(chain.uri("/canary")).build();
        while (!stopping) {
          assertThat(caller.send(request, BodyHandlers.ofString()).body()).isEqualTo("ok");
          served.incrementAndGet();
          most.accumulateAndGet(Math.max(atGateway.usedBytes(), atAgent.usedBytes()), Math::max);
        }
        ended.complete(null);
      } catch (Exception | AssertionError e) {
        ended.completeExceptionally(e);
      }
    }

    /// Returns once it has been served some more.
    void pause() {
      long until = served.get() + CALLS_PER_PAUSE;
      Awaitility.await()
          .pollInterval(Duration.ofMillis(5))
          .atMost(TestHub.PATIENCE)
          .until(() -> served.get() >= until || ended.isDone());
    }

    @Override
    public void close() throws Exception {
      stopping = true;
      ended.get(60, TimeUnit.SECONDS);
    }
  }

  private static void write(OutputStream to, MessageDigest digest) throws IOException {
    var piece = new byte[64 * 1024];
    for (long sent = 0; sent < BODY_BYTES; sent += piece.length) {
      piece[0] = (byte) (sent >> 16);
      piece[1] = (byte) (sent >> 24);
      digest.update(piece);
      to.write(piece);
    }
    to.flush();
  }

  private static long read(InputStream from, MessageDigest digest, Runnable pause)
      throws IOException {
    var piece = new byte[64 * 1024];
    long nextPause = BURST_BYTES;
    long came = 0;
    while (came < BODY_BYTES) {
      int got = from.read(piece);
      if (got < 0) {
        break;
      }
      digest.update(piece, 0, got);
      came += got;
      if (came >= nextPause) {
        nextPause += BURST_BYTES;
        pause.run();
      }
    }
    return came;
  }

  private static Socket operator() throws Exception {
    var identity = hub.ca.issueClient("operator", List.of("system:masters"), TestHub.YEAR);
    var socket = hub.sslContext(identity)
        .getSocketFactory()
        .createSocket("localhost", hub.gateway.callerPort());
    socket.setSoTimeout(120_000);
    return socket;
  }

  private static void send(Socket socket, String head) throws IOException {
    socket.getOutputStream().write((head + "Host: localhost\r\n\r\n").getBytes(ISO_8859_1));
    socket.getOutputStream().flush();
  }

  private static String hex(MessageDigest digest) {
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest sha256() throws Exception {
    return MessageDigest.getInstance("SHA-256");
  }

  @Test
  void aDownloadPastAReaderThatPausesArrivesWholeAndHoldsOneWindow() throws Exception {
    var sent = sha256();
    target.behave("/download", (connection, _) -> {
      var out = connection.getOutputStream();
      out.write(
          ("HTTP/1.1 200 OK\r\ncontent-length: " + BODY_BYTES + "\r\n\r\n").getBytes(ISO_8859_1));
      write(out, sent);
    });
    var came = sha256();
    try (var canary = new Canary();
        var socket = operator()) {
      send(socket, "GET " + chain.path() + "/download HTTP/1.1\r\n");
      assertThat(CannedTarget.head(socket.getInputStream())).startsWith("HTTP/1.1 200 ");
      assertThat(read(socket.getInputStream(), came, canary::pause)).isEqualTo(BODY_BYTES);
      assertThat(hex(came)).isEqualTo(hex(sent));
      assertThat(canary.most.get()).isBetween(1L, MAX_HELD_BYTES);
    }
    nothingIsHeld();
  }

  @Test
  void anUploadToATargetThatPausesArrivesWholeAndHoldsOneWindow() throws Exception {
    var sent = sha256();
    var came = sha256();
    var counted = new CompletableFuture<Long>();
    try (var canary = new Canary();
        var socket = operator()) {
      target.behave("/upload", (connection, from) -> {
        counted.complete(read(from, came, canary::pause));
        connection
            .getOutputStream()
            .write("HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n".getBytes(ISO_8859_1));
      });
      send(
          socket,
          "PUT " + chain.path() + "/upload HTTP/1.1\r\nContent-Length: " + BODY_BYTES + "\r\n");
      write(socket.getOutputStream(), sent);
      assertThat(CannedTarget.head(socket.getInputStream())).startsWith("HTTP/1.1 201 ");
      assertThat(counted.get(60, TimeUnit.SECONDS)).isEqualTo(BODY_BYTES);
      assertThat(hex(came)).isEqualTo(hex(sent));
      assertThat(canary.most.get()).isBetween(1L, MAX_HELD_BYTES);
    }
    nothingIsHeld();
  }

  @Test
  void aReaderThatReadsNoMoreIsCutAtTheIdleLimitAndTheAuditSaysWhy() throws Exception {
    target.behave("/endless", (connection, _) -> {
      connection
          .getOutputStream()
          .write("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".getBytes(ISO_8859_1));
      while (true) {
        connection.getOutputStream().write(new byte[64 * 1024]);
      }
    });
    try (var canary = new Canary();
        var socket = operator()) {
      send(socket, "GET " + chain.path() + "/endless HTTP/1.1\r\n");
      assertThat(CannedTarget.head(socket.getInputStream())).startsWith("HTTP/1.1 200 ");
      long before = canary.served.get();
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> hub.audit.stream()
              .anyMatch(line -> line.contains("/endless")
                  && line.contains("\"code\":200")
                  && line.contains("cut: the caller took nothing of the answer for 10 s")));
      assertThat(canary.served.get()).isGreaterThan(before);
    }
    nothingIsHeld();
  }

  private static void nothingIsHeld() {
    Awaitility.await().atMost(TestHub.PATIENCE).untilAsserted(() -> {
      assertThat(atGateway.usedBytes()).isZero();
      assertThat(atAgent.usedBytes()).isZero();
      assertThat(hub.gateway.sessions().all())
          .allSatisfy(session -> assertThat(session.calls()).isZero())
          .allSatisfy(session -> assertThat(session.tunnel().activeStreams()).isZero());
    });
  }
}
