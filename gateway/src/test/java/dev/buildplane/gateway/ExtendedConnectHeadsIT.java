package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.pki.Identity;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Heads of extended CONNECT (RFC 8441) that open nothing, whatever the target would say.
@ExtendWith(Chain.Given.class)
class ExtendedConnectHeadsIT {
  private static final long PROTOCOL_ERROR = 1;

  private final Chain chain;

  ExtendedConnectHeadsIT(Chain chain) {
    this.chain = chain;
  }

  @BeforeEach
  void forget() {
    chain.target.forget();
  }

  private Http2Caller callerAs(@Nullable Identity identity) throws Exception {
    return Http2Caller.connect(chain.hub.gateway.callerPort(), chain.tls(identity));
  }

  @ParameterizedTest
  @CsvSource({
    "websocket, /nowhere, 404",
    "websocket, /healthz, 404",
    "websocket, /api/v1/planes/status, 501",
    "websocket, /api/v1/planes/watch, 501",
    "websocket, /api/proxy/buildplane/chain/_cluster, 400",
    "websocket, /api/proxy/buildplane/chain/_cluster/absent/k8s/x, 404",
    "websocket, /api/proxy/buildplane/other/_cluster/chain/k8s/x, 400",
    "websocket, /api/proxy/buildplane/chain/_cluster/chain/absent/x, 404",
    "websocket, /api/proxy/buildplane/chain/_cluster/chain/k8s/../x, 400",
    "websocket, /api/proxy/buildplane/chain/_cluster/chain/k8s/%2e%2e/x, 400",
    "websocket, *, 400",
    "connect-udp, /api/proxy/buildplane/chain/_cluster/chain/k8s/x, 501",
    "h2c, /api/proxy/buildplane/chain/_cluster/chain/k8s/x, 501"
  })
  void whereNothingOpensTheAnswerSaysSo(String protocol, String path, int status) throws Exception {
    try (var caller = callerAs(chain.operator)) {
      var pipe = caller.open(protocol, path);
      assertThat(pipe.status()).isEqualTo(status);
      assertThat(pipe.text()).contains("\"code\":" + status);
    }
    assertThat(chain.target.waiting()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"/nowhere", "/api/v1/planes/status"})
  void whoIsUnknownLearnsNothingAboutAddressesOfTheApi(String path) throws Exception {
    try (var anonymous = callerAs(null);
        var asked = chain.hub.caller(HttpClient.Version.HTTP_2, null)) {
      var got = asked.send(
          HttpRequest.newBuilder(
                  URI.create("https://localhost:" + chain.hub.gateway.callerPort() + path))
              .build(),
          BodyHandlers.ofString());
      assertThat(anonymous.open("websocket", path).status()).isEqualTo(got.statusCode());
    }
  }

  @Test
  void aPageOfAnotherSiteOpensNoPipe() throws Exception {
    try (var page = chain.callersOverHttp2(chain.operator)) {
      var path = "/api/proxy/buildplane/chain/_cluster/chain/k8s/evil";
      page.headers(1, false, with(path, "origin", "https://evil").toArray(String[]::new))
          .flush();
      assertThat(page.status(1)).isEqualTo(403);
      page.headers(3, false, with(path, "sec-fetch-site", "cross-site").toArray(String[]::new))
          .flush();
      assertThat(page.status(3)).isEqualTo(403);
    }
    assertThat(chain.target.waiting()).isEmpty();
  }

  static Stream<List<String>> malformed() {
    var path = "/api/proxy/buildplane/chain/_cluster/chain/k8s/evil";
    return Stream.of(
        List.of(":method", "CONNECT", ":authority", "localhost:443"),
        List.of(":method", "CONNECT", ":scheme", "https", ":authority", "localhost", ":path", path),
        connect("GET", "https", path, "websocket"),
        connect("POST", "https", path, "websocket"),
        connect("connect", "https", path, "websocket"),
        connect("CONNECT", "http", path, "websocket"),
        connect("CONNECT", "wss", path, "websocket"),
        connect("CONNECT", "", path, "websocket"),
        connect("CONNECT", "https", "", "websocket"),
        connect("CONNECT", "https", path + " x", "websocket"),
        connect("CONNECT", "https", path, ""),
        connect("CONNECT", "https", path, "websocket, spdy/3.1"),
        connect("CONNECT", "https", path, "web socket"),
        List.of(":method", "CONNECT", ":scheme", "https", ":path", path, ":protocol", "websocket"),
        List.of(
            ":method",
            "CONNECT",
            ":authority",
            "localhost",
            ":path",
            path,
            ":protocol",
            "websocket"),
        List.of(
            ":method",
            "CONNECT",
            ":scheme",
            "https",
            ":authority",
            "localhost",
            ":protocol",
            "websocket"),
        with(path, ":protocol", "spdy/3.1"),
        with(path, "content-length", "0"),
        with(path, "content-length", "5"),
        with(path, "transfer-encoding", "chunked"),
        with(path, "connection", "Upgrade"),
        with(path, "upgrade", "websocket"),
        with(path, "x-evil", "a\r\nb: c"));
  }

  private static List<String> connect(String method, String scheme, String path, String protocol) {
    return List.of(
        ":method",
        method,
        ":scheme",
        scheme,
        ":authority",
        "localhost",
        ":path",
        path,
        ":protocol",
        protocol);
  }

  private static List<String> with(String path, String name, String value) {
    return Stream.concat(
            connect("CONNECT", "https", path, "websocket").stream(), Stream.of(name, value))
        .toList();
  }

  @ParameterizedTest
  @MethodSource("malformed")
  void aMalformedHeadIsReset(List<String> block) throws Exception {
    try (var hostile = chain.callersOverHttp2(chain.operator)) {
      hostile.headers(1, false, block.toArray(String[]::new)).flush();
      assertThat(hostile.resetCode(1)).isEqualTo(PROTOCOL_ERROR);
      hostile.request(3, true, "GET", "/nowhere").flush();
      assertThat(hostile.status(3)).isEqualTo(404); // the connection goes on
    }
    assertThat(chain.target.waiting()).isEmpty();
  }

  @Test
  void aPipeThatEndsWithItsHeadIsReset() throws Exception {
    try (var hostile = chain.callersOverHttp2(chain.operator)) {
      hostile
          .headers(
              1,
              true,
              connect("CONNECT", "https", Chain.PROXY + "/x", "websocket").toArray(String[]::new))
          .flush();
      assertThat(hostile.resetCode(1)).isEqualTo(PROTOCOL_ERROR);
    }
    assertThat(chain.target.waiting()).isEmpty();
  }

  @Test
  void trailersHaveNoPlaceInAPipe() throws Exception {
    try (var hostile = chain.callersOverHttp2(chain.operator)) {
      hostile
          .headers(
              1,
              false,
              connect("CONNECT", "https", Chain.PROXY + "/switch", "spdy/3.1")
                  .toArray(String[]::new))
          .flush();
      assertThat(hostile.status(1)).isEqualTo(200);
      hostile.headers(1, true, "x-evil", "1").flush();
      assertThat(hostile.resetCode(1)).isEqualTo(PROTOCOL_ERROR);
    }
    assertThat(chain.works()).isTrue();
    assertThat(chain.target.raw()).doesNotContain("evil");
  }
}
