package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildplane.pki.Identity;
import dev.buildplane.testkit.PodServer;
import dev.buildplane.testkit.RawWebSocket;
import io.netty.handler.codec.http2.Http2Error;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Pipes that callers open over HTTP/2 (RFC 8441), through gateway, tunnel and agent to targets that speak HTTP/1.1.
class ExtendedConnectIT {
  private static final long PROTOCOL_ERROR = 1;
  private static final long INTERNAL_ERROR = 2;

  /// A pipe's bytes in the tests of flow control, and what may be on the way while nobody reads: windows, watermarks and socket buffers of
  /// all hops together stay under it.
  private static final int LARGE_BYTES = 64 << 20;

  private static final int AHEAD_BYTES = 40 << 20;
  private static final int PIECE_BYTES = 64 << 10;

  /// Between the agent and its target.
  enum Leg {
    TLS,
    PLAIN
  }

  @TempDir
  static Path folder;

  static TestHub hub;
  static CannedTarget tlsTarget;
  static CannedTarget plainTarget;
  static PodServer pod;
  static AgentChain tlsChain;
  static AgentChain plainChain;
  static AgentChain podChain;

  private Http2Caller caller;

  @BeforeAll
  static void start() throws Exception {
    hub = new TestHub(folder);
    tlsTarget = CannedTarget.tls(hub.ca);
    plainTarget = CannedTarget.plain();
    pod = PodServer.start(
        hub.ca.issueServer("localhost", List.of("localhost"), TestHub.YEAR),
        folder,
        List.of("sh", "-c", "exit 0"));
    tlsChain =
        AgentChain.start(hub, "pipes", folder.resolve("tls"), tlsTarget.port(), hub.ca.trust());
    plainChain = AgentChain.start(
        hub,
        "plain-pipes",
        folder.resolve("plain"),
        hub.gateway.agentPort(),
        plainTarget.port(),
        Optional.empty(),
        UnaryOperator.identity());
    podChain = AgentChain.start(hub, "pods", folder.resolve("pods"), pod.port(), hub.ca.trust());
  }

  @AfterAll
  static void stop() throws Exception {
    tlsChain.close();
    plainChain.close();
    podChain.close();
    tlsTarget.close();
    plainTarget.close();
    pod.close();
    hub.close();
  }

  @BeforeEach
  void connect() throws Exception {
    tlsTarget.seen.clear();
    plainTarget.seen.clear();
    caller = callerAs(operator());
  }

  @AfterEach
  void leave() throws Exception {
    caller.close();
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> tlsChain.agent().ready() && plainChain.agent().ready());
  }

  private static Identity operator() {
    return hub.ca.issueClient("operator", List.of("system:masters"), TestHub.YEAR);
  }

  private static Http2Caller callerAs(@Nullable Identity identity) throws Exception {
    return Http2Caller.connect(hub.gateway.callerPort(), hub.sslContext(identity));
  }

  private static CannedTarget target(Leg leg) {
    return leg == Leg.TLS ? tlsTarget : plainTarget;
  }

  private static AgentChain chain(Leg leg) {
    return leg == Leg.TLS ? tlsChain : plainChain;
  }

  private static List<String> values(String head, String name) {
    return head.lines()
        .filter(line -> line.toLowerCase(Locale.ROOT).startsWith(name + ":"))
        .map(line -> line.substring(name.length() + 1).strip())
        .toList();
  }

  /// The target answers the request for `path` with a 101 that belongs to it, then does `then`.
  static void switches(CannedTarget target, String path, String more, CannedTarget.Behaviour then) {
    target.behave(path, (connection, from) -> {
      var head = target.seen.stream()
          .map(CannedTarget.Seen::head)
          .filter(seen -> seen.split(" ", 3)[1].split("\\?", 2)[0].equals(path))
          .reduce((_, last) -> last)
          .orElseThrow();
      var accept = values(head, "sec-websocket-key").stream()
          .map(key -> "Sec-WebSocket-Accept: " + RawWebSocket.accept(key) + "\r\n")
          .reduce("", String::concat);
      write(
          connection,
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
              + values(head, "upgrade").getFirst() + "\r\n" + accept + more + "\r\n");
      then.on(connection, from);
    });
  }

  private static void write(Socket connection, String text) throws IOException {
    connection.getOutputStream().write(text.getBytes(ISO_8859_1));
    connection.getOutputStream().flush();
  }

  static void echo(Socket connection, InputStream from) throws IOException {
    from.transferTo(connection.getOutputStream());
  }

  private static void awaitAudit(String... parts) {
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .untilAsserted(() ->
            assertThat(hub.audit).anyMatch(line -> Stream.of(parts).allMatch(line::contains)));
  }

  // ---- what opens

  @Test
  void onlyTheCallersListenerOffersIt() throws Exception {
    assertThat(caller.offersConnect()).isTrue();
    for (int port : List.of(hub.gateway.agentPort(), hub.serverPort())) {
      try (var other = Http2Caller.connect(port, hub.sslContext(operator()))) {
        assertThat(other.offersConnect()).isFalse();
        var pipe = other.open("websocket", "/ws?planeType=buildplane&planeID=pipes");
        assertThat(pipe.resetCode()).isEqualTo(PROTOCOL_ERROR);
      }
    }
  }

  @Test
  void aWebSocketOpensWithAKeyOfTheGateways() throws Exception {
    switches(tlsTarget, "/ws", "Sec-WebSocket-Protocol: two\r\nX-From: target\r\n", (_, _) -> {});
    var pipe = caller.open(
        "websocket",
        tlsChain.path() + "/ws?a=%2f",
        "sec-websocket-version",
        "13",
        "sec-websocket-protocol",
        "one, two",
        "sec-websocket-key",
        "of the caller",
        "authorization",
        "Bearer of-the-caller",
        "x-request-id",
        "mine");

    assertThat(pipe.status()).isEqualTo(200);
    assertThat(pipe.header("sec-websocket-protocol")).isEqualTo("two");
    assertThat(pipe.header("x-from")).isEqualTo("target");
    assertThat(pipe.answer().names().stream().map(String::valueOf))
        .doesNotContain(
            "connection", "upgrade", "sec-websocket-accept", "content-length", "transfer-encoding");
    var head = requireNonNull(tlsTarget.seen.peek()).head();
    assertThat(head).startsWith("GET /ws?a=%2f HTTP/1.1\r\n").doesNotContain("of-the-caller");
    assertThat(values(head, "upgrade")).containsExactly("websocket");
    assertThat(values(head, "connection")).hasSize(1);
    assertThat(values(head, "sec-websocket-version")).containsExactly("13");
    assertThat(values(head, "sec-websocket-protocol")).containsExactly("one, two");
    assertThat(values(head, "authorization")).containsExactly("Bearer the-agents-own");
    assertThat(values(head, "x-request-id")).containsExactly("mine");
    assertThat(values(head, "sec-websocket-key"))
        .singleElement()
        .satisfies(key -> assertThat(Base64.getDecoder().decode(key)).hasSize(16));
    assertThat(pipe.text()).isEmpty();
    awaitAudit("\"username\":\"operator\"", "/k8s/ws\"", "\"verb\":\"create\"", "\"code\":101");
  }

  @ParameterizedTest
  @ValueSource(strings = {"websocket", "WebSocket", "spdy/3.1", "SPDY/3.1"})
  void bytesPassBothWays(String protocol) throws Exception {
    switches(tlsTarget, "/echo", "", ExtendedConnectIT::echo);
    var pipe = caller.open(protocol, tlsChain.path() + "/echo");
    assertThat(pipe.status()).isEqualTo(200);
    for (int i = 0; i < 5; i++) {
      pipe.send("ping" + i);
      assertThat(pipe.text(5)).isEqualTo("ping" + i);
    }
    var head = requireNonNull(tlsTarget.seen.peek()).head();
    assertThat(values(head, "upgrade")).singleElement().asString().isEqualToIgnoringCase(protocol);
    pipe.reset(Http2Error.CANCEL);
  }

  @Test
  void whatTheCallerSendsBeforeItsAnswerWaitsForThePipe() throws Exception {
    switches(tlsTarget, "/early", "", ExtendedConnectIT::echo);
    var pipe = caller.open("websocket", tlsChain.path() + "/early");
    pipe.send("early");
    assertThat(pipe.text(5)).isEqualTo("early");
    pipe.reset(Http2Error.CANCEL);
  }

  @Test
  void execNegotiatesItsSubProtocolAndRuns() throws Exception {
    var pipe = caller.open(
        "websocket",
        podChain.path() + "/api/v1/namespaces/" + PodServer.NAMESPACE + "/pods/" + PodServer.POD
            + "/exec?command=sh&command=-c&command=cat%3B%20exit%203&stdin=true&stdout=true&stderr=true",
        "sec-websocket-version",
        "13",
        "sec-websocket-protocol",
        "v5.channel.k8s.io,v4.channel.k8s.io");
    assertThat(pipe.status()).isEqualTo(200);
    assertThat(pipe.header("sec-websocket-protocol")).isEqualTo("v5.channel.k8s.io");
    try (var socket = RawWebSocket.client(pipe, pipe.in(), pipe.out())) {
      socket.frame(true, RawWebSocket.BINARY, "\0hello".getBytes(UTF_8));
      socket.frame(true, RawWebSocket.BINARY, new byte[] {(byte) 255, 0});
      var out = new StringBuilder();
      var frame = socket.read();
      for (; frame.opcode() != RawWebSocket.CLOSE; frame = socket.read()) {
        out.append(frame.text());
      }
      assertThat(out.toString()).contains("\1hello", "\3").contains("\"3\"");
      assertThat(frame.closeCode()).isEqualTo(1000);
    }
  }

  // ---- how it ends

  @ParameterizedTest
  @EnumSource
  void theCallersEndIsHalfOfIt(Leg leg) throws Exception {
    switches(target(leg), "/count", "", (connection, from) -> {
      int count = from.readAllBytes().length;
      write(connection, "heard " + count);
    });
    var pipe = caller.open("websocket", chain(leg).path() + "/count");
    pipe.send("12345");
    assertThat(pipe.status()).isEqualTo(200);
    pipe.send("67890");
    pipe.end();
    assertThat(pipe.text()).isEqualTo("heard 10");
    Awaitility.await().atMost(TestHub.PATIENCE).until(pipe::isClosed);
    awaitOpen(target(leg), 0);
  }

  @ParameterizedTest
  @EnumSource
  void theTargetsEndComesAfterAllItHasSaid(Leg leg) throws Exception {
    switches(
        target(leg), "/farewell", "", (connection, _) -> write(connection, "bye".repeat(1000)));
    var pipe = caller.open("websocket", chain(leg).path() + "/farewell");
    assertThat(pipe.text()).isEqualTo("bye".repeat(1000));
    assertThat(pipe.resetCode())
        .isZero(); // what the caller might still send is dropped for a while, and then no longer
  }

  private static void awaitOpen(CannedTarget target, int connections) {
    Awaitility.await().atMost(TestHub.PATIENCE).until(() -> target.open.get() == connections);
  }

  @Test
  void aResetOfTheCallersClosesTheTargetsConnection() throws Exception {
    switches(plainTarget, "/held", "", ExtendedConnectIT::echo);
    var pipe = caller.open("websocket", plainChain.path() + "/held");
    pipe.send("x");
    assertThat(pipe.text(1)).isEqualTo("x");
    assertThat(plainTarget.open.get()).isPositive();
    pipe.reset(Http2Error.CANCEL);
    awaitOpen(plainTarget, 0);
    awaitAudit("/held", "\"code\":101");
  }

  @Test
  void aCallerWhoseConnectionEndsClosesTheTargetsConnection() throws Exception {
    switches(plainTarget, "/left", "", ExtendedConnectIT::echo);
    var pipe = caller.open("websocket", plainChain.path() + "/left");
    assertThat(pipe.status()).isEqualTo(200);
    caller.close();
    awaitOpen(plainTarget, 0);
  }

  @Test
  void aTargetThatBreaksOffResetsTheStream() throws Exception {
    switches(plainTarget, "/broken", "", (connection, from) -> {
      assertThat(from.read()).isEqualTo('x');
      connection.setSoLinger(true, 0); // so that closing resets
    });
    var pipe = caller.open("websocket", plainChain.path() + "/broken");
    pipe.send("x");
    assertThatThrownBy(pipe::text).isInstanceOf(IOException.class);
    assertThat(pipe.resetCode()).isEqualTo(INTERNAL_ERROR);
  }

  // ---- who holds whom back

  private static byte[] piece(int number) {
    var piece = new byte[PIECE_BYTES];
    java.util.Arrays.fill(piece, (byte) number);
    return piece;
  }

  /// Waits until no more of it passes. A machine that stands still looks the same, which lets the test see less but never fail.
  private static void awaitStandstill(AtomicLong passed) {
    var last = new AtomicLong(-1);
    var same = new AtomicLong();
    Awaitility.await()
        .atMost(TestHub.PATIENCE)
        .until(() -> (last.getAndSet(passed.get()) == passed.get()
                ? same.incrementAndGet()
                : same.getAndSet(0))
            >= 10);
  }

  private static void readAll(InputStream from) throws IOException {
    for (int i = 0; i < LARGE_BYTES / PIECE_BYTES; i++) {
      assertThat(java.util.Arrays.equals(from.readNBytes(PIECE_BYTES), piece(i)))
          .as("piece %s", i)
          .isTrue();
    }
  }

  @Test
  void aCallerThatDoesNotReadHoldsTheTargetBack() throws Exception {
    var sent = new AtomicLong();
    switches(tlsTarget, "/flood", "", (connection, _) -> {
      for (int i = 0; i < LARGE_BYTES / PIECE_BYTES; i++) {
        connection.getOutputStream().write(piece(i));
        sent.addAndGet(PIECE_BYTES);
      }
    });
    var pipe = caller.open("websocket", tlsChain.path() + "/flood");
    assertThat(pipe.status()).isEqualTo(200);
    Awaitility.await().atMost(TestHub.PATIENCE).until(() -> sent.get() > 0);
    awaitStandstill(sent);
    assertThat(sent.get()).isLessThan(AHEAD_BYTES);

    readAll(pipe.in());
    assertThat(pipe.text()).isEmpty();
  }

  @Test
  void aTargetThatDoesNotReadHoldsTheCallerBack() throws Exception {
    var sent = new AtomicLong();
    var reads = new java.util.concurrent.CountDownLatch(1);
    switches(tlsTarget, "/sink", "", (connection, from) -> {
      try {
        reads.await();
      } catch (InterruptedException e) {
        throw new IOException(e);
      }
      readAll(from);
      write(connection, "all of it");
    });
    var pipe = caller.open("websocket", tlsChain.path() + "/sink");
    assertThat(pipe.status()).isEqualTo(200);
    var sending = Thread.ofVirtual().start(() -> {
      for (int i = 0; i < LARGE_BYTES / PIECE_BYTES; i++) {
        pipe.send(piece(i)).syncUninterruptibly();
        sent.addAndGet(PIECE_BYTES);
      }
    });
    Awaitility.await().atMost(TestHub.PATIENCE).until(() -> sent.get() > 0);
    awaitStandstill(sent);
    assertThat(sent.get()).isLessThan(AHEAD_BYTES);

    reads.countDown();
    sending.join();
    assertThat(pipe.text()).isEqualTo("all of it");
  }

  @Test
  void bothDirectionsPassAtOnce() throws Exception {
    switches(tlsTarget, "/mirror", "", ExtendedConnectIT::echo);
    var pipe = caller.open("websocket", tlsChain.path() + "/mirror");
    var sending = Thread.ofVirtual().start(() -> {
      for (int i = 0; i < LARGE_BYTES / PIECE_BYTES; i++) {
        pipe.send(piece(i)).syncUninterruptibly();
      }
    });
    readAll(pipe.in());
    sending.join();
    pipe.end();
    assertThat(pipe.text()).isEmpty();
  }

  // ---- what is refused

  private static byte[] answer(String head, String body) {
    return (head + "\r\nConnection: close\r\nContent-Length: " + body.length() + "\r\n\r\n" + body)
        .getBytes(ISO_8859_1);
  }

  @Test
  void aRefusalOfTheTargetsIsTheAnswer() throws Exception {
    tlsTarget.answer(
        "/forbidden", answer("HTTP/1.1 403 Forbidden\r\nX-Why: policy", "no shell for you"));
    var pipe = caller.open("websocket", tlsChain.path() + "/forbidden");
    assertThat(pipe.status()).isEqualTo(403);
    assertThat(pipe.header("x-why")).isEqualTo("policy");
    assertThat(pipe.text()).isEqualTo("no shell for you");
    assertThat(pipe.resetCode()).isZero(); // stop sending; the answer counts (RFC 9113 section 8.1)
    awaitAudit("/forbidden", "\"code\":403");
  }

  @ParameterizedTest
  @ValueSource(strings = {"200 OK", "204 No Content", "206 Partial Content"})
  void aSuccessThatIsNoSwitchOpensNothing(String status) throws Exception {
    tlsTarget.answer("/success", answer("HTTP/1.1 " + status, status.startsWith("204") ? "" : "x"));
    var pipe = caller.open("websocket", tlsChain.path() + "/success");
    assertThat(pipe.status()).isEqualTo(502);
    assertThat(pipe.text()).contains("expected 101");
    awaitAudit("/success", "\"code\":502");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ==\r\n"})
  void aWebSocketThatDoesNotConfirmItsKeyOpensNothing(String line) throws Exception {
    tlsTarget.behave("/unconfirmed", (connection, from) -> {
      write(
          connection,
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + line
              + "\r\nbytes of whatever this is");
      from.readAllBytes();
    });
    var pipe = caller.open("websocket", tlsChain.path() + "/unconfirmed");
    assertThat(pipe.status()).isEqualTo(502);
    assertThat(pipe.text()).contains("sec-websocket-accept").doesNotContain("whatever");
    awaitOpen(tlsTarget, 0);
    awaitAudit("/unconfirmed", "\"code\":502");
  }

  @Test
  void strangersAreRefusedAsOverHttp1() throws Exception {
    switches(tlsTarget, "/guarded", "", ExtendedConnectIT::echo);
    var path = tlsChain.path() + "/guarded";
    try (var anonymous = callerAs(null);
        var powerless = callerAs(hub.ca.issueClient("nobody", List.of(), TestHub.YEAR))) {
      assertThat(anonymous.open("websocket", path).status()).isEqualTo(401);
      var refused = powerless.open("websocket", path);
      assertThat(refused.status()).isEqualTo(403);
      assertThat(refused.text()).contains("user 'nobody' may not create");
    }
    awaitAudit("\"username\":\"nobody\"", "/guarded", "\"verb\":\"create\"", "\"code\":403");
    awaitAudit("system:anonymous", "/guarded", "\"code\":401");
    assertThat(tlsTarget.seen).isEmpty();
  }
}
