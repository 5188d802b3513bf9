package dev.buildplane.gateway;

import static dev.buildplane.testkit.HostileHttp2.ACK;
import static dev.buildplane.testkit.HostileHttp2.CONTINUATION;
import static dev.buildplane.testkit.HostileHttp2.DATA;
import static dev.buildplane.testkit.HostileHttp2.END_HEADERS;
import static dev.buildplane.testkit.HostileHttp2.END_STREAM;
import static dev.buildplane.testkit.HostileHttp2.HEADERS;
import static dev.buildplane.testkit.HostileHttp2.HEADER_TABLE_SIZE;
import static dev.buildplane.testkit.HostileHttp2.INITIAL_WINDOW_SIZE;
import static dev.buildplane.testkit.HostileHttp2.PING;
import static dev.buildplane.testkit.HostileHttp2.PUSH_PROMISE;
import static dev.buildplane.testkit.HostileHttp2.SETTINGS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.http.HttpLimits;
import dev.buildplane.testkit.HostileHttp2;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// HTTP/2 abuse on every TLS listener, by callers without a certificate: the connection that does it ends or is held to its
/// bounds, and everybody else is served.
@ExtendWith(Chain.Given.class)
class Http2Fault {
  private static final long PROTOCOL_ERROR = 1;
  private static final long FLOW_CONTROL_ERROR = 3;
  private static final long REFUSED_STREAM = 7;
  private static final long COMPRESSION_ERROR = 9;
  private static final long ENHANCE_YOUR_CALM = 11;

  /// Sends until the peer has had enough, so never more than the bound of each attack.
  @FunctionalInterface
  private interface Attack {
    void on(HostileHttp2 connection) throws IOException;
  }

  private static final Map<String, Attack> ENDED = Map.ofEntries(
      Map.entry("rapid reset", connection -> {
        for (int stream = 1; stream < 4000; stream += 2) {
          connection.request(stream, true, "GET", "/healthz").reset(stream, 8);
        }
      }),
      Map.entry("rapid reset of open requests", connection -> {
        for (int stream = 1; stream < 4000; stream += 2) {
          connection.request(stream, false, "POST", "/healthz").reset(stream, 8);
        }
      }),
      Map.entry("continuations without end", connection -> {
        connection.frame(HEADERS, 0, 1, HostileHttp2.block(":method", "GET"));
        for (int i = 0; i < 50_000; i++) {
          connection.frame(CONTINUATION, 0, 1, HostileHttp2.block("x-" + i, "1"));
        }
      }),
      Map.entry("empty continuations without end", connection -> {
        connection.frame(HEADERS, 0, 1, HostileHttp2.block(":method", "GET"));
        for (int i = 0; i < 50_000; i++) {
          connection.frame(CONTINUATION, 0, 1);
        }
      }),
      Map.entry("large continuations without end", connection -> {
        connection.frame(HEADERS, 0, 1, HostileHttp2.block(":method", "GET"));
        for (int i = 0; i < 500; i++) {
          connection.frame(CONTINUATION, 0, 1, HostileHttp2.block("x-" + i, "y".repeat(16_000)));
        }
      }),
      Map.entry("empty data without end", connection -> {
        connection.request(1, false, "POST", "/healthz");
        for (int i = 0; i < 50_000; i++) {
          connection.frame(DATA, 0, 1);
        }
      }),
      Map.entry("settings flood", connection -> {
        for (int i = 0; i < 50_000; i++) {
          connection.setting(INITIAL_WINDOW_SIZE, 65_535);
        }
      }),
      Map.entry("settings acknowledgements flood", connection -> {
        for (int i = 0; i < 50_000; i++) {
          connection.frame(SETTINGS, ACK, 0);
        }
      }),
      Map.entry("ping flood", connection -> {
        for (int i = 0; i < 50_000; i++) {
          connection.frame(PING, 0, 0, new byte[8]);
        }
      }),
      Map.entry(
          "window overflow of the connection",
          connection ->
              connection.windowUpdate(0, Integer.MAX_VALUE).windowUpdate(0, Integer.MAX_VALUE)),
      Map.entry(
          "table size beyond what was allowed",
          connection -> connection.frame(
              HEADERS, END_HEADERS | END_STREAM, 1, (byte) 0x3f, (byte) 0xff, (byte) 0xff, (byte)
                  0x7f)),
      Map.entry(
          "an index that is not there",
          connection -> connection.frame(
              HEADERS, END_HEADERS | END_STREAM, 1, (byte) 0xff, (byte) 0xff, (byte) 0x7f)),
      Map.entry(
          "a frame longer than allowed",
          connection -> connection.frame(DATA, 0, 1, new byte[100_000])),
      Map.entry(
          "a push from a client",
          connection -> connection.frame(PUSH_PROMISE, END_HEADERS, 1, new byte[8])),
      Map.entry("an even stream", connection -> connection.request(2, true, "GET", "/healthz")),
      Map.entry("data on no stream", connection -> connection.frame(DATA, 0, 0, (byte) 1)));

  /// Makes the server reset every request for `path`.
  @FunctionalInterface
  private interface Provocation {
    void on(HostileHttp2 connection, String path) throws IOException;
  }

  /// CVE-2025-8671: resets that the server is made to send.
  private static final Map<String, Provocation> PROVOKED = Map.ofEntries(
      Map.entry("made you reset by empty window updates", (connection, path) -> {
        for (int stream = 1; stream < 4000; stream += 2) {
          connection.request(stream, false, "POST", path).windowUpdate(stream, 0);
        }
      }),
      Map.entry("made you reset by data after the end", (connection, path) -> {
        for (int stream = 1; stream < 4000; stream += 2) {
          connection.request(stream, true, "GET", path).frame(DATA, 0, stream, (byte) 1);
        }
      }),
      Map.entry("made you reset by window overflow", (connection, path) -> {
        for (int stream = 1; stream < 4000; stream += 2) {
          connection.request(stream, false, "POST", path).windowUpdate(stream, Integer.MAX_VALUE);
        }
      }));

  private final Chain chain;

  Http2Fault(Chain chain) {
    this.chain = chain;
  }

  @AfterEach
  void everybodyElseIsServed() throws Exception {
    assertThat(chain.works()).isTrue();
    for (var listener : listeners().toList()) {
      try (var canary = HostileHttp2.connect(chain.port(listener), chain.tls(null))) {
        canary.request(1, true, "GET", "/healthz").flush();
        assertThat(canary.status(1)).isEqualTo(healthStatus(listener));
      }
    }
  }

  private static int healthStatus(String listener) {
    return listener.equals("api-server") ? 200 : 404;
  }

  /// One field of 4000 bytes put into the table, then named again and again at one byte each.
  private static byte[] bomb() {
    var block = new ByteArrayOutputStream();
    block.writeBytes(HostileHttp2.block(
        ":method", "GET", ":scheme", "https", ":path", "/healthz", ":authority", "x"));
    var field = HostileHttp2.block("x-bomb", "y".repeat(4000));
    field[0] = 0x40; // with incremental indexing
    block.writeBytes(field);
    var references = new byte[12_000];
    Arrays.fill(references, (byte) 0xbe); // the newest entry
    block.writeBytes(references);
    return block.toByteArray();
  }

  static Stream<String> listeners() {
    return Stream.of("agents", "callers", "api-server");
  }

  static Stream<org.junit.jupiter.params.provider.Arguments> attacks() {
    return ENDED.keySet().stream()
        .sorted()
        .flatMap(attack -> listeners()
            .map(listener -> org.junit.jupiter.params.provider.Arguments.of(attack, listener)));
  }

  @ParameterizedTest
  @MethodSource("attacks")
  void abuseEndsTheConnection(String attack, String listener) throws Exception {
    try (var connection = HostileHttp2.connect(chain.port(listener), chain.tls(null))) {
      try {
        ENDED.get(attack).on(connection);
        connection.flush();
      } catch (IOException e) {
        // Cut in the middle: that is what is wanted.
      }
      assertThat(connection.end())
          .isIn(
              HostileHttp2.NO_CODE,
              PROTOCOL_ERROR,
              FLOW_CONTROL_ERROR,
              5L,
              6L,
              COMPRESSION_ERROR,
              ENHANCE_YOUR_CALM);
    }
  }

  static Stream<org.junit.jupiter.params.provider.Arguments> provoked() {
    return PROVOKED.keySet().stream()
        .sorted()
        .flatMap(attack -> listeners()
            .map(listener -> org.junit.jupiter.params.provider.Arguments.of(attack, listener)));
  }

  @ParameterizedTest
  @MethodSource("provoked")
  void provokedResetsLeaveOthersServed(String attack, String listener) throws Exception {
    try (var connection = HostileHttp2.connect(chain.port(listener), chain.tls(null))) {
      try {
        PROVOKED.get(attack).on(connection, "/healthz");
        connection.flush();
      } catch (IOException e) {
        // Cut in the middle: just as well.
      }
      everybodyElseIsServed();
    }
  }

  static Stream<String> provocations() {
    return PROVOKED.keySet().stream().sorted();
  }

  /// What makes it an attack: the target would go on with requests that no longer count.
  @ParameterizedTest
  @MethodSource("provocations")
  void resetsProvokedWhileTheTargetWorksEndTheConnection(String attack) throws Exception {
    try (var connection = HostileHttp2.connect(chain.port("callers"), chain.tls(chain.operator))) {
      try {
        PROVOKED.get(attack).on(connection, Chain.PROXY + "/hold");
        connection.flush();
      } catch (IOException e) {
        // Cut in the middle: that is what is wanted.
      }
      assertThat(connection.end()).isIn(HostileHttp2.NO_CODE, ENHANCE_YOUR_CALM);
    }
    chain.target.forget();
  }

  @ParameterizedTest
  @MethodSource("listeners")
  void floodsOfAPeerThatNeverReadsEndTheConnection(String listener) throws Exception {
    try (var connection = HostileHttp2.unread(chain.port(listener), chain.tls(null))) {
      boolean cut = false;
      try {
        connection.setting(INITIAL_WINDOW_SIZE, 0);
        for (int i = 0; i < 100_000; i++) {
          connection.frame(PING, 0, 0, new byte[8]);
        }
        connection.flush();
      } catch (IOException e) {
        cut = true;
      }
      if (!cut) {
        connection.listen();
        connection.end();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("listeners")
  void moreStreamsThanAllowedAreRefused(String listener) throws Exception {
    try (var connection = HostileHttp2.connect(chain.port(listener), chain.tls(null))) {
      int most = HttpLimits.DEFAULT.streamsPerConnection();
      // Answers of 404 and 401 leave before the request's end; closed windows keep their streams open.
      connection.setting(INITIAL_WINDOW_SIZE, 0);
      int last = 2 * (most + 50) + 1;
      for (int stream = 1; stream <= last; stream += 2) {
        connection.request(stream, false, "POST", "/healthz");
      }
      connection.flush();
      assertThat(connection.resetCode(last)).isIn(REFUSED_STREAM, HostileHttp2.NO_CODE);
    }
  }

  @ParameterizedTest
  @MethodSource("listeners")
  void aHugeHeaderListIsRefused(String listener) throws Exception {
    try (var connection = HostileHttp2.connect(chain.port(listener), chain.tls(null))) {
      connection.frame(
          HEADERS,
          END_STREAM,
          1,
          HostileHttp2.block(":method", "GET", ":scheme", "https", ":path", "/healthz"));
      for (int i = 0; i < 5; i++) {
        connection.frame(
            CONTINUATION,
            i == 4 ? END_HEADERS : 0,
            1,
            HostileHttp2.block("x-" + i, "y".repeat(15_000)));
      }
      connection.flush();
      assertThat(connection.status(1)).isIn(0, 431);
    }
  }

  /// 48 MB of fields in 16 KB.
  @ParameterizedTest
  @MethodSource("listeners")
  void aHeaderTableBombIsRefused(String listener) throws Exception {
    try (var connection = HostileHttp2.connect(chain.port(listener), chain.tls(null))) {
      connection.frame(HEADERS, END_HEADERS | END_STREAM, 1, bomb()).flush();
      assertThat(connection.status(1)).isIn(0, 431);
    }
  }

  /// Its decoder would take 4 GiB; our encoder must not fill them.
  @ParameterizedTest
  @MethodSource("listeners")
  void aPeerDoesNotSayHowMuchOurEncoderRemembers(String listener) throws Exception {
    try (var connection = HostileHttp2.unread(chain.port(listener), chain.tls(null))) {
      connection.setting(HEADER_TABLE_SIZE, 0xffff_ffffL).flush();
      connection.listen().request(1, true, "GET", "/healthz").flush();
      assertThat(connection.status(1)).isEqualTo(healthStatus(listener));
      assertThat(connection.peerTableBytes()).isLessThanOrEqualTo(HttpLimits.ENCODER_TABLE_BYTES);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void callersThatDoNotReadHoldNothingUp(int window) throws Exception {
    try (var connection = HostileHttp2.connect(chain.port("callers"), chain.tls(chain.operator))) {
      connection.setting(INITIAL_WINDOW_SIZE, window);
      for (int stream = 1; stream < 400; stream += 2) {
        connection.request(stream, true, "GET", Chain.PROXY + "/stalled");
      }
      connection.flush();
      Awaitility.await()
          .atMost(TestHub.PATIENCE)
          .until(() -> connection.status(399) >= 0 && chain.works());
    }
    chain.target.forget();
  }
}
