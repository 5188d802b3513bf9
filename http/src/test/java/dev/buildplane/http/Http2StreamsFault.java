package dev.buildplane.http;

import static dev.buildplane.testkit.HostileHttp2.DATA;
import static dev.buildplane.testkit.HostileHttp2.END_STREAM;
import static dev.buildplane.testkit.HostileHttp2.PRIORITY;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.testkit.HostileHttp2;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// HTTP/2 streams that end otherwise than with their request and its answer.
class Http2StreamsFault {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final long ENHANCE_YOUR_CALM = 11;
  private static final int CANCEL = 8;
  private static final int RESETS = 20;
  private static final int SMALL_BYTES = 10;

  /// Makes the server reset `stream`, whose request is in progress.
  @FunctionalInterface
  private interface Provocation {
    void on(HostileHttp2 connection, int stream) throws IOException;
  }

  /// CVE-2025-8671.
  private static final Map<String, Provocation> PROVOCATIONS = Map.of(
      "an empty window update",
      (connection, stream) ->
          connection.request(stream, false, "POST", "/held").windowUpdate(stream, 0),
      "a window overflow",
      (connection, stream) -> connection
          .request(stream, false, "POST", "/held")
          .windowUpdate(stream, Integer.MAX_VALUE),
      "data after the end",
      (connection, stream) ->
          connection.request(stream, true, "GET", "/held").frame(DATA, 0, stream, (byte) 1),
      "a stream that depends on itself",
      (connection, stream) -> connection
          .request(stream, false, "POST", "/held")
          .frame(
              PRIORITY,
              0,
              stream,
              ByteBuffer.allocate(5).putInt(stream).put((byte) 1).array()),
      "a CONNECT",
      (connection, stream) ->
          connection.headers(stream, false, ":method", "CONNECT", ":authority", "localhost:443"),
      "an extended CONNECT without a path",
      (connection, stream) -> connection.headers(
          stream,
          false,
          ":method",
          "CONNECT",
          ":protocol",
          "websocket",
          ":scheme",
          "https",
          ":authority",
          "localhost"),
      "trailers in a pipe",
      (connection, stream) -> connection
          .request(stream, false, "CONNECT", "/pipe", ":protocol", "websocket")
          .headers(stream, true, "x", "y"),
      "trailers with a pseudo-header",
      (connection, stream) ->
          connection.request(stream, false, "POST", "/held").headers(stream, true, ":other", "x"));

  /// Requests whose handler neither reads nor answers.
  private final BlockingQueue<AsyncExchange> held = new LinkedBlockingQueue<>();

  private HttpServer server;
  private HostileHttp2 connection;

  @BeforeEach
  void start() throws Exception {
    server = HttpServer.start(
        HttpServerSettings.tls("test", Servers.anyPort(), TlsIdentity.of(Servers.SERVER))
            .withLimits(HttpLimits.DEFAULT
                .withResets(RESETS, Duration.ofHours(1))
                .withDrain(Duration.ofMillis(100))),
        Servers.router(
            Route.async(Set.of(), "/held", Policy.PUBLIC, held::add),
            Route.blocking(Set.of("POST"), "/small", Policy.PUBLIC, exchange -> {
                  exchange.body().readAllBytes();
                  exchange.respond(200, Headers.EMPTY, new byte[0]);
                })
                .withMaxBodyBytes(SMALL_BYTES),
            Route.async(Set.of(), "/pipe", Policy.PUBLIC, Http2StreamsFault::refuseOrOpen)
                .withPipes(),
            Route.get(
                "/healthy",
                Policy.PUBLIC,
                exchange -> exchange.respond(200, Headers.EMPTY, new byte[0]))));
    connection = HostileHttp2.connect(server.port(), Servers.sslContext(null));
  }

  @AfterEach
  void stop() throws Exception {
    connection.close();
    server.close();
  }

  private static void refuseOrOpen(AsyncExchange exchange) {
    if (exchange.head().rawQuery().isEmpty()) {
      exchange.switchProtocols(Headers.of("sec-websocket-accept", confirmed(exchange)));
    } else {
      exchange.fail(new HttpProblem(403, "no pipe for you"));
    }
  }

  private static String confirmed(AsyncExchange exchange) {
    return WebSocketUpgrade.accept(
        exchange.head().headers().first("sec-websocket-key").orElseThrow());
  }

  private AsyncExchange upload(int flags) throws Exception {
    connection
        .request(1, false, "POST", "/held")
        .frame(DATA, 0, 1, new byte[1000])
        .frame(DATA, flags, 1, new byte[1000])
        .flush();
    assertThat(served(3)).isTrue(); // so the body has come
    var exchange = held.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    assertThat(exchange).isNotNull();
    return exchange;
  }

  /// Whether the connection still works; what was sent before has been dealt with then.
  private boolean served(int stream) throws Exception {
    return connection.request(stream, true, "GET", "/healthy").flush().status(stream) == 200;
  }

  private static void awaitEnd(AsyncExchange exchange) {
    Awaitility.await().atMost(PATIENCE).until(exchange::closed);
  }

  /// RFC 9113 section 8.1: what is still on its way when the answer comes is no fault.
  @Test
  void bodiesThatAreTooLargeDoNotCostTheConnection() throws Exception {
    var stream = 1;
    for (var i = 0; i < 3 * RESETS; i++, stream += 2) {
      connection
          .request(stream, false, "POST", "/small")
          .frame(DATA, 0, stream, new byte[SMALL_BYTES + 1])
          .flush();
      assertThat(connection.status(stream)).isEqualTo(413);
      connection.frame(DATA, END_STREAM, stream, new byte[1]).flush();
    }
    assertThat(served(stream)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, END_STREAM})
  void aStreamThatItsCallerResetsEndsThoughNobodyReadsItsBody(int flags) throws Exception {
    var exchange = upload(flags);
    connection.reset(1, CANCEL).flush();
    awaitEnd(exchange);
    assertThat(served(5)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, END_STREAM})
  void aStreamEndsWithItsConnectionThoughNobodyReadsItsBody(int flags) throws Exception {
    var exchange = upload(flags);
    connection.close();
    awaitEnd(exchange);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, END_STREAM})
  void aStreamEndsWithItsAnswerThoughNobodyReadsItsBody(int flags) throws Exception {
    var exchange = upload(flags);
    exchange
        .eventLoop()
        .execute(
            () -> exchange.respond(200, Headers.of("content-type", "text/plain"), new byte[1]));
    assertThat(connection.status(1)).isEqualTo(200);
    awaitEnd(exchange);
    assertThat(served(5)).isTrue();
  }

  static Stream<String> provocations() {
    return PROVOCATIONS.keySet().stream().sorted();
  }

  @ParameterizedTest
  @MethodSource("provocations")
  void resetsThatACallerProvokesEndItsConnectionAtTheBound(String name) throws Exception {
    int stream = 1;
    for (int i = 0; i < RESETS; i++, stream += 2) {
      PROVOCATIONS.get(name).on(connection, stream);
    }
    assertThat(served(stream)).isTrue();
    PROVOCATIONS.get(name).on(connection, stream + 2);
    connection.flush();
    assertThat(connection.end()).isEqualTo(ENHANCE_YOUR_CALM);
    for (var exchange : held) {
      awaitEnd(exchange);
    }
  }

  @Test
  void resetsOfRequestsThatAreAnsweredEarlyAreNotTheCallersFault() throws Exception {
    int stream = 1;
    for (int i = 0; i < 3 * RESETS; i++, stream += 2) {
      connection
          .request(stream, false, "POST", "/absent")
          .frame(DATA, 0, stream, new byte[100])
          .frame(DATA, END_STREAM, stream, new byte[100]);
    }
    assertThat(served(stream)).isTrue();
  }

  @Test
  void pipesThatAreRefusedAreNotTheCallersFault() throws Exception {
    int stream = 1;
    for (int i = 0; i < 3 * RESETS; i++, stream += 2) {
      connection
          .request(stream, false, "CONNECT", "/pipe?refuse", ":protocol", "websocket")
          .frame(DATA, 0, stream, new byte[100])
          .frame(DATA, END_STREAM, stream, new byte[100]);
    }
    connection.flush();
    assertThat(connection.status(stream - 2)).isEqualTo(403);
    assertThat(served(stream)).isTrue();
  }

  @Test
  void resetsBecauseAnAnswerFailedAreNotTheCallersFault() throws Exception {
    int stream = 1;
    for (int i = 0; i < 3 * RESETS; i++, stream += 2) {
      connection.request(stream, true, "GET", "/held").flush();
      var exchange = held.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
      assertThat(exchange).isNotNull();
      exchange.eventLoop().execute(exchange::abort);
    }
    assertThat(served(stream)).isTrue();
  }
}
