package dev.buildplane.gateway;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.http.AsyncExchange;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// An answer of a target is the same through gateway, tunnel and agent as it is at the target, whatever its form and whatever the caller speaks.
class AnswersIT {
  /// Fields of one hop, which differ by right.
  private static final Set<String> OF_ONE_HOP =
      Set.of("connection", "keep-alive", "transfer-encoding", ":status");

  private static final byte[] BODY = "0123456789abcdef".repeat(4000).getBytes(UTF_8);

  @TempDir
  static Path folder;

  static TestHub hub;
  static CannedTarget target;
  static AgentChain chain;

  @BeforeAll
  static void start() throws Exception {
    hub = new TestHub(folder);
    target = CannedTarget.tls(hub.ca);
    chain =
        AgentChain.start(hub, "answers", folder.resolve("agent"), target.port(), hub.ca.trust());
  }

  @BeforeEach
  void forget() {
    target.seen.clear();
  }

  @AfterAll
  static void stop() throws Exception {
    chain.close();
    target.close();
    hub.close();
  }

  /// @param answer head lines (the status line first), then the body's bytes as they are on the wire
  record Case(String name, String method, byte[] body, boolean chunked, byte[] answer) {
    String path() {
      return "/" + name.replace(' ', '-');
    }

    @Override
    public String toString() {
      return name;
    }

    private BodyPublisher publisher() {
      if (chunked) {
        return BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(body));
      }
      return body.length == 0 ? BodyPublishers.noBody() : BodyPublishers.ofByteArray(body);
    }
  }

  private static Case asks(String name, String method, String head, byte[] wire) {
    return new Case(name, method, new byte[0], false, answer(head, wire));
  }

  private static Case sends(String name, String method, byte[] body, boolean chunked) {
    return new Case(
        name, method, body, chunked, answer("200 OK\ncontent-length: 2", "ok".getBytes(UTF_8)));
  }

  private static byte[] answer(String head, byte[] wire) {
    var bytes = new ByteArrayOutputStream();
    bytes.writeBytes(("HTTP/1.1 " + head + "\n\n").replace("\n", "\r\n").getBytes(ISO_8859_1));
    bytes.writeBytes(wire);
    return bytes.toByteArray();
  }

  private static byte[] chunks(String... pieces) {
    var wire = new StringBuilder();
    for (var piece : pieces) {
      wire.append(Integer.toHexString(piece.length()))
          .append("\r\n")
          .append(piece)
          .append("\r\n");
    }
    return wire.append("0\r\n\r\n").toString().getBytes(ISO_8859_1);
  }

  private static byte[] gzip(byte[] bytes) {
    var out = new ByteArrayOutputStream();
    try (var gzip = new GZIPOutputStream(out)) {
      gzip.write(bytes);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  static Stream<Case> cases() {
    var zipped = gzip(BODY);
    return Stream.of(
        asks("with a length", "GET", "200 OK\ncontent-length: " + BODY.length, BODY),
        asks("empty", "GET", "200 OK\ncontent-length: 0", new byte[0]),
        asks(
            "chunked",
            "GET",
            "200 OK\ncontent-type: text/plain\ntransfer-encoding: chunked",
            chunks("one", "two and more", "x".repeat(5000))),
        asks("ended by the close", "GET", "200 OK\nconnection: close", BODY),
        asks("no content", "GET", "204 No Content\nx-a: b", new byte[0]),
        asks("not modified", "GET", "304 Not Modified\netag: \"7\"", new byte[0]),
        asks("head with a length", "HEAD", "200 OK\ncontent-length: 12345", new byte[0]),
        asks("head without one", "HEAD", "200 OK\ntransfer-encoding: chunked", new byte[0]),
        asks("options", "OPTIONS", "200 OK\nallow: GET, PUT\ncontent-length: 0", new byte[0]),
        asks("not found", "GET", "404 Not Found\ncontent-length: 4", "gone".getBytes(UTF_8)),
        asks("failed", "GET", "500 Internal Server Error\ncontent-length: 2", "no".getBytes(UTF_8)),
        asks(
            "refused for size",
            "GET",
            "413 Content Too Large\ncontent-length: 3",
            "big".getBytes(UTF_8)),
        asks(
            "redirected",
            "GET",
            "302 Found\nlocation: http://169.254.169.254/\ncontent-length: 0",
            new byte[0]),
        asks(
            "zipped",
            "GET",
            "200 OK\ncontent-encoding: gzip\ncontent-length: " + zipped.length,
            zipped),
        asks(
            "events",
            "GET",
            "200 OK\ncontent-type: text/event-stream\ntransfer-encoding: chunked",
            chunks("data: 1\n\n", ": beat\n\n", "data: 2\n\n")),
        asks(
            "repeated fields",
            "GET",
            "200 OK\nwarning: 299 - \"a\"\nwarning: 299 - \"b\"\nx-audit: 1\ncontent-length: 0",
            new byte[0]),
        asks(
            "large head",
            "GET",
            "200 OK\nx-large: " + "v".repeat(40_000) + "\ncontent-length: 0",
            new byte[0]),
        asks(
            "after an interim answer",
            "GET",
            "103 Early Hints\nlink: </a>; rel=preload\n\nHTTP/1.1 200 OK\ncontent-length: 0",
            new byte[0]),
        sends("put with a length", "PUT", BODY, false),
        sends("post in chunks", "POST", BODY, true),
        sends("patch", "PATCH", "[]".getBytes(UTF_8), false),
        sends("post without a body", "POST", new byte[0], false),
        sends("delete with a body", "DELETE", "{}".getBytes(UTF_8), false),
        sends("delete", "DELETE", new byte[0], false));
  }

  record Outcome(int status, Map<String, List<String>> fields, String body) {}

  private static Outcome outcome(HttpClient client, Case asked, String base) throws Exception {
    var answer = client.send(
        HttpRequest.newBuilder(URI.create(base + asked.path() + "?q=%2F&x"))
            .method(asked.method(), asked.publisher())
            .header("Accept-Encoding", "gzip")
            .build(),
        BodyHandlers.ofByteArray());
    var fields = new HashMap<>(answer.headers().map());
    fields.keySet().removeIf(OF_ONE_HOP::contains);
    return new Outcome(answer.statusCode(), fields, new String(answer.body(), ISO_8859_1));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void theAnswerIsTheTargetsOwn(Case asked) throws Exception {
    target.answer(asked.path(), asked.answer());
    Outcome direct;
    try (var client = hub.caller(HttpClient.Version.HTTP_1_1)) {
      direct = outcome(client, asked, "https://localhost:" + target.port());
    }
    var directSeen = taken(asked);
    for (var version : HttpClient.Version.values()) {
      if (!Set.of("HTTP_1_1", "HTTP_2").contains(version.name())) {
        continue;
      }
      try (var client = hub.caller(version)) {
        var through =
            outcome(client, asked, "https://localhost:" + hub.gateway.callerPort() + chain.path());
        assertThat(through.status()).as("%s over %s", asked, version).isEqualTo(direct.status());
        assertThat(through.body()).as("%s over %s", asked, version).isEqualTo(direct.body());
        assertThat(through.fields()).as("%s over %s", asked, version).isEqualTo(direct.fields());
      }
      var seen = taken(asked);
      assertThat(seen.path()).isEqualTo(directSeen.path());
      assertThat(Arrays.equals(seen.body(), directSeen.body())).isTrue();
    }
  }

  private static CannedTarget.Seen taken(Case asked) throws InterruptedException {
    var seen = target.seen.poll(60, TimeUnit.SECONDS);
    assertThat(seen).as("the request of '%s' at the target", asked).isNotNull();
    return seen;
  }

  @ParameterizedTest
  @EnumSource(
      value = HttpClient.Version.class,
      names = {"HTTP_1_1", "HTTP_2"})
  void anEventIsThereBeforeTheNextIsMade(HttpClient.Version version) throws Exception {
    var path = "/live-" + version;
    var next = new CountDownLatch(1);
    target.behave(path, (connection, _) -> {
      var out = connection.getOutputStream();
      out.write(answer("200 OK\ntransfer-encoding: chunked", "3\r\n1\n\n\r\n".getBytes(UTF_8)));
      out.flush();
      await(next);
      out.write("3\r\n2\n\n\r\n0\r\n\r\n".getBytes(UTF_8));
      out.flush();
    });
    try (var client = hub.caller(version)) {
      var answer = client.send(
          HttpRequest.newBuilder(chain.uri(path)).build(), BodyHandlers.ofInputStream());
      assertThat(new String(answer.body().readNBytes(3), UTF_8)).isEqualTo("1\n\n");
      next.countDown();
      assertThat(new String(answer.body().readAllBytes(), UTF_8)).isEqualTo("2\n\n");
    }
  }

  private static void await(CountDownLatch latch) throws IOException {
    try {
      if (!latch.await(60, TimeUnit.SECONDS)) {
        throw new IOException("expected the first event to arrive within 60 s");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static Socket operator() throws Exception {
    var identity = hub.ca.issueClient("operator", List.of("system:masters"), TestHub.YEAR);
    var socket = hub.sslContext(identity)
        .getSocketFactory()
        .createSocket("localhost", hub.gateway.callerPort());
    socket.setSoTimeout(60_000);
    return socket;
  }

  private static void send(Socket socket, String text) throws IOException {
    socket.getOutputStream().write(text.replace("\n", "\r\n").getBytes(ISO_8859_1));
    socket.getOutputStream().flush();
  }

  private static String until(Socket socket, String end) throws IOException {
    var came = new StringBuilder();
    while (came.indexOf(end) < 0) {
      int next = socket.getInputStream().read();
      if (next < 0) {
        throw new IOException("closed after: " + came);
      }
      came.append((char) next);
    }
    return came.toString();
  }

  @Test
  void trailersOfAnAnswerPass() throws Exception {
    target.answer(
        "/trailers",
        answer(
            "200 OK\ntransfer-encoding: chunked\ntrailer: x-sum",
            "2\r\nhi\r\n0\r\nx-sum: 42\r\n\r\n".getBytes(UTF_8)));
    try (var socket = operator()) {
      send(socket, "GET " + chain.path() + "/trailers HTTP/1.1\nHost: localhost\n\n");
      assertThat(until(socket, "\r\n\r\n")).startsWith("HTTP/1.1 200 ");
      assertThat(until(socket, "\r\n\r\n")).contains("2\r\nhi\r\n", "0\r\n", "x-sum: 42");
    }
  }

  @Test
  void trailersOfARequestEndAtTheGateway() throws Exception {
    target.answer("/sent-trailers", answer("200 OK\ncontent-length: 0", new byte[0]));
    try (var socket = operator()) {
      send(
          socket,
          "POST " + chain.path() + "/sent-trailers HTTP/1.1\nHost: localhost\n"
              + "Transfer-Encoding: chunked\n\n2\nhi\n0\nAuthorization: Bearer x\nX-Sum: 1\n\n");
      assertThat(until(socket, "\r\n\r\n")).startsWith("HTTP/1.1 200 ");
    }
    var seen = target.seen.poll(60, TimeUnit.SECONDS);
    assertThat(seen).isNotNull();
    assertThat(new String(seen.body(), UTF_8)).isEqualTo("hi");
    assertThat(seen.trailers()).isEmpty();
  }

  private static final String EARLY =
      "103 Early Hints\nlink: </a>\nconnection: x-hop\nx-hop: 1\ncontent-length: 7\n\nHTTP/1.1 ";
  private static final String FINAL = "200 OK\ncontent-length: 0";

  @Test
  void interimAnswersReachTheCaller() throws Exception {
    target.answer("/early", answer(EARLY + FINAL, new byte[0]));
    try (var socket = operator()) {
      send(socket, "GET " + chain.path() + "/early HTTP/1.1\nHost: localhost\n\n");
      assertThat(until(socket, "\r\n\r\n"))
          .isEqualTo("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
      assertThat(until(socket, "\r\n\r\n")).startsWith("HTTP/1.1 200 ").doesNotContain("link");
    }
    try (var caller = http2()) {
      var pipe = caller.get(chain.path() + "/early");
      assertThat(pipe.status()).isEqualTo(200);
      assertThat(pipe.interim()).hasSize(1);
      assertThat(pipe.interim().getFirst())
          .extracting(field -> field.getKey() + "=" + field.getValue())
          .containsExactlyInAnyOrder(":status=103", "link=</a>");
    }
  }

  @Test
  void aCallerOfHttp10IsGivenNoInterimAnswer() throws Exception {
    target.answer("/early", answer(EARLY + FINAL, new byte[0]));
    try (var socket = operator()) {
      send(socket, "GET " + chain.path() + "/early HTTP/1.0\nHost: localhost\n\n");
      assertThat(until(socket, "\r\n\r\n")).contains(" 200 ").doesNotContain("link");
    }
  }

  /// Go's client took five interim answers for an error before it counted their bytes instead.
  @Test
  void aTargetThatSaysMuchBeforeItsAnswerDoesNotCostTheCallerTheAnswer() throws Exception {
    target.answer("/chatty", answer(EARLY.repeat(1000) + FINAL, new byte[0]));
    try (var caller = http2()) {
      var pipe = caller.get(chain.path() + "/chatty");
      assertThat(pipe.status()).isEqualTo(200);
      assertThat(pipe.interim()).hasSize(AsyncExchange.MAX_INTERIM);
    }
  }

  /// A hint is no leave to send the body.
  @Test
  void anInterimAnswerBeforeThe100IsNotTakenForIt() throws Exception {
    target.behave("/hint-then-leave", (socket, from) -> {
      var to = socket.getOutputStream();
      to.write(answer("103 Early Hints\nlink: </a>", new byte[0]));
      to.write(answer("100 Continue", new byte[0]));
      to.flush();
      from.readNBytes(4);
      to.write(answer(FINAL, new byte[0]));
      to.flush();
    });
    try (var socket = operator()) {
      send(
          socket,
          "PUT " + chain.path()
              + "/hint-then-leave HTTP/1.1\nHost: localhost\nExpect: 100-continue\nContent-Length: 4\n\n");
      var before = until(socket, "\r\n\r\n") + until(socket, "\r\n\r\n");
      assertThat(before).contains("HTTP/1.1 100 ", "HTTP/1.1 103 ");
      send(socket, "body");
      assertThat(until(socket, "\r\n\r\n")).startsWith("HTTP/1.1 200 ");
    }
  }

  private static Http2Caller http2() throws Exception {
    return Http2Caller.connect(
        hub.gateway.callerPort(),
        hub.sslContext(hub.ca.issueClient("operator", List.of("system:masters"), TestHub.YEAR)));
  }

  @Test
  void aCallerThatExpectsLeaveIsToldWhenTheStreamIsOpenAndNotBefore() throws Exception {
    target.answer("/expect", answer("201 Created\ncontent-length: 0", new byte[0]));
    try (var socket = operator()) {
      send(
          socket,
          "PUT " + chain.path()
              + "/expect HTTP/1.1\nHost: localhost\nExpect: 100-continue\nContent-Length: 4\n\n");
      assertThat(until(socket, "\r\n\r\n")).startsWith("HTTP/1.1 100 ");
      send(socket, "body");
      assertThat(until(socket, "\r\n\r\n")).startsWith("HTTP/1.1 201 ");
    }
    var seen = target.seen.poll(60, TimeUnit.SECONDS);
    assertThat(seen).isNotNull();
    assertThat(new String(seen.body(), UTF_8)).isEqualTo("body");
    assertThat(seen.head()).doesNotContain("100-continue");
  }

  @Test
  void aRefusedCallerIsNeverToldToSendItsBody() throws Exception {
    try (var socket = operator()) {
      send(
          socket,
          "PUT /api/proxy/buildplane/answers/_cluster/missing/k8s/x HTTP/1.1\n"
              + "Host: localhost\nExpect: 100-continue\nContent-Length: 4\n\n");
      assertThat(until(socket, "\r\n\r\n")).startsWith("HTTP/1.1 404 ");
    }
  }

  /// The target's connection ends with the caller's, in the middle of an answer or before it.
  @ParameterizedTest
  @EnumSource(
      value = HttpClient.Version.class,
      names = {"HTTP_1_1", "HTTP_2"})
  void aCallerThatLeavesTakesItsRequestAlong(HttpClient.Version version) throws Exception {
    var path = "/hang-" + version;
    var hanging = new CountDownLatch(1);
    var left = new CountDownLatch(1);
    target.behave(path, (_, from) -> {
      hanging.countDown();
      if (from.read() < 0) {
        left.countDown();
      }
    });
    var client = hub.caller(version);
    client.sendAsync(HttpRequest.newBuilder(chain.uri(path)).build(), BodyHandlers.discarding());
    assertThat(hanging.await(60, TimeUnit.SECONDS)).isTrue();
    client.shutdownNow();

    assertThat(left.await(60, TimeUnit.SECONDS)).isTrue();
    Awaitility.await().atMost(TestHub.PATIENCE).until(() -> !target.seen.isEmpty());
  }
}
