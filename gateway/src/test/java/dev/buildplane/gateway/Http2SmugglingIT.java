package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.testkit.HostileHttp2;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// What a caller's streams of HTTP/2 come to at the target, which speaks HTTP/1.1. Whatever must not arrive has `evil` in its name or value.
@ExtendWith(Chain.Given.class)
class Http2SmugglingIT {
  private final Chain chain;

  Http2SmugglingIT(Chain chain) {
    this.chain = chain;
  }

  @BeforeEach
  void forget() {
    chain.target.forget();
  }

  static Stream<List<String>> http2Abuse() {
    var path = Chain.PROXY + "/evil";
    return Stream.of(
        List.of(":method", "GET", ":scheme", "https", ":path", path, ":path", path),
        List.of(":method", "GET", ":scheme", "https", ":path", path, ":evil", "1"),
        List.of(
            ":method", "GET", ":scheme", "https", ":path", path, "accept", "a", ":authority", "x"),
        List.of(":method", "GET", ":scheme", "https", ":path", path, ":status", "200"),
        List.of(":method", "GET", ":scheme", "https", ":path", path, ":protocol", "websocket"),
        List.of(
            ":method",
            "CONNECT",
            ":scheme",
            "https",
            ":path",
            path,
            ":protocol",
            "websocket",
            ":authority",
            "x"),
        List.of(":method", "CONNECT", ":authority", "169.254.169.254:80"),
        List.of(":method", "GET", ":scheme", "https"),
        List.of(":method", "GET", ":scheme", "https", ":path", ""),
        List.of(":scheme", "https", ":path", path),
        List.of(":method", "GET", ":scheme", "https", ":path", path, "connection", "authorization"),
        List.of(":method", "GET", ":scheme", "https", ":path", path, "connection", "close"),
        List.of(":method", "GET", ":scheme", "https", ":path", path, "keep-alive", "evil"),
        List.of(":method", "GET", ":scheme", "https", ":path", path, "proxy-connection", "evil"),
        List.of(
            ":method", "GET", ":scheme", "https", ":path", path, "transfer-encoding", "chunked"),
        List.of(":method", "GET", ":scheme", "https", ":path", path, "upgrade", "websocket"),
        List.of(
            ":method",
            "GET",
            ":scheme",
            "https",
            ":path",
            path,
            "connection",
            "upgrade",
            "upgrade",
            "websocket"),
        List.of(":method", "GET", ":scheme", "https", ":path", path, "te", "gzip"),
        List.of(":method", "GET", ":scheme", "https", ":path", path, "X-Evil", "1"),
        List.of(":method", "GET", ":scheme", "https", ":path", path, "bad name", "1"),
        List.of(":method", "GET", ":scheme", "https", ":path", path, "bad\r\nname", "1"),
        List.of(":method", "GET", ":scheme", "https", ":path", path, "", "1"),
        List.of(":method", "GET", ":scheme", "https", ":path", path, "accept", "a\r\nx-evil: 1"),
        List.of(":method", "GET", ":scheme", "https", ":path", path, "accept", "a\u0000evil"),
        List.of(":method", "GET", ":scheme", "https", ":path", path + " HTTP/1.1\r\nx-evil: 1"),
        List.of(":method", "GET", ":scheme", "https", ":path", path + " x"),
        List.of(":method", "GET", ":scheme", "https", ":path", path + "/../x"),
        List.of(":method", "GET", ":scheme", "https", ":path", path + "/%2e%2E/x"),
        List.of(":method", "GET", ":scheme", "https", ":path", path.substring(1)),
        List.of(":method", "GET", ":scheme", "https", ":path", "*"),
        List.of(
            ":method", "GET / HTTP/1.1\r\nx-evil: 1\r\n\r\nGET", ":scheme", "https", ":path", path),
        List.of(":method", "EVIL", ":scheme", "https", ":path", path),
        List.of(
            ":method", "GET", ":scheme", "https", ":authority", "a", ":path", path, "host", "evil"),
        List.of(
            ":method",
            "GET",
            ":scheme",
            "https",
            ":authority",
            "a",
            ":authority",
            "evil",
            ":path",
            path),
        List.of(
            ":method",
            "POST",
            ":scheme",
            "https",
            ":path",
            path,
            "content-length",
            "1",
            "content-length",
            "2"),
        List.of(":method", "POST", ":scheme", "https", ":path", path, "content-length", "5"),
        List.of(":method", "POST", ":scheme", "https", ":path", path, "content-length", "-1"));
  }

  @ParameterizedTest
  @MethodSource("http2Abuse")
  void aMalformedHttp2RequestNeverArrives(List<String> block) throws Exception {
    try (var caller = chain.callersOverHttp2(chain.operator)) {
      caller.headers(1, true, block.toArray(String[]::new)).flush();
      assertThat(caller.status(1)).isNotEqualTo(200);
    }
    assertThat(chain.works()).isTrue();
    assertThat(chain.target.raw()).doesNotContain("evil");
  }

  @Test
  void onlyAllowedHeadersArriveOverHttp2() throws Exception {
    try (var caller = chain.callersOverHttp2(chain.operator)) {
      caller
          .request(
              1,
              false,
              "POST",
              Chain.PROXY + "/first",
              "authorization",
              "Bearer evil",
              "authorization",
              "Bearer evil",
              "impersonate-user",
              "evil",
              "x-remote-user",
              "evil",
              "x-forwarded-for",
              "evil",
              "forwarded",
              "for=evil",
              "cookie",
              "a=evil",
              "cookie",
              "b=evil",
              "x-http2-path",
              "/evil",
              "http2-settings",
              "evil",
              "trailer",
              "evil",
              "te",
              "trailers",
              "accept",
              "x/y",
              "x-request-id",
              "mine")
          .frame(HostileHttp2.DATA, 0, 1, (byte) 'h', (byte) 'i')
          .headers(1, true, "authorization", "Bearer evil", "impersonate-user", "evil")
          .flush();
      assertThat(caller.status(1)).isEqualTo(200);
      var seen = chain.target.next();
      AllowedHeaders.only(chain, seen);
      assertThat(seen.body()).isEqualTo("hi");
      assertThat(seen.values("accept")).containsExactly("x/y");
      assertThat(seen.values("x-request-id")).containsExactly("mine");
    }
  }
}
