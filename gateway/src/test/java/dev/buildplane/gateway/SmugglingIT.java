package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.testkit.RawHttp;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What a caller's bytes of HTTP/1.1 come to at the target, through everything between. Whatever must not arrive has `evil` in its
/// name or value, and the target keeps every byte.
@ExtendWith(Chain.Given.class)
class SmugglingIT {
  private static final String NEXT = Chain.get(Chain.PROXY + "/next", "Connection: close");

  private final Chain chain;

  SmugglingIT(Chain chain) {
    this.chain = chain;
  }

  @BeforeEach
  void forget() {
    chain.target.forget();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "Authorization: Bearer evil",
        "Authorization: Bearer evil\r\nAuthorization: Basic evil",
        "Proxy-Authorization: Basic evil",
        "Impersonate-User: evil",
        "impersonate-group: evil\r\nIMPERSONATE-UID: evil\r\nImpersonate-Extra-Evil: evil",
        "Impersonate-User: evil\r\nConnection: Impersonate-User",
        "Connection: authorization",
        "Connection: authorization, keep-alive, host, evil",
        "Connection: close, authorization",
        "X-Remote-User: evil\r\nX-Remote-Group: evil\r\nX-Remote-Extra-Evil: evil",
        "X_Remote_User: evil\r\nImpersonate_User: evil\r\nauthorization_: evil",
        "X-Forwarded-For: evil\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Client-Cert: evil",
        "Forwarded: for=evil;host=evil\r\nVia: 1.1 evil\r\nX-Real-IP: evil",
        "X-Original-URL: /evil\r\nX-Rewrite-URL: /evil\r\nX-HTTP-Method-Override: EVIL",
        "Cookie: evil=evil\r\nOrigin: https://evil\r\nReferer: https://evil",
        "X-Buildplane-Upgrade-Method: EVIL\r\nX-Buildplane-Agent-Evil: evil",
        "X-Http2-Stream-Weight: evil\r\nx-http2-path: /evil\r\nHTTP2-Settings: evil",
        "Keep-Alive: evil\r\nProxy-Connection: evil\r\nTE: trailers, evil\r\nTrailer: evil",
        "Upgrade: evil",
        "Upgrade: evil\r\nConnection: Upgrade",
        "Upgrade: h2c, evil\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: evil",
        "Content-Length: 0\r\nX-Evil: 1",
        "Expect: 100-continue\r\nContent-Length: 0",
        "Sec-WebSocket-Key: evil\r\nSec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.evil",
        "Max-Forwards: 0\r\nRange: bytes=0-1\r\nX-Evil: evil"
      })
  void onlyAllowedHeadersArrive(String lines) throws Exception {
    try (var caller = chain.callers(chain.operator)) {
      var first = caller.send(Chain.get(Chain.PROXY + "/first", lines)).read();
      assertThat(first.status()).isEqualTo(200);
      AllowedHeaders.only(chain, chain.target.next());
    }
    try (var caller = chain.callers(chain.operator)) {
      // In one write, so that what is wrongly left over of the first would be the beginning of the second.
      caller.send(Chain.get(Chain.PROXY + "/first", lines) + NEXT);
      var answers = caller.readAll();
      assertThat(answers).isNotEmpty().allMatch(answer -> answer.status() == 200);
      assertThat(chain.target.next().requestLine()).isEqualTo("GET /first HTTP/1.1");
      if (answers.size() == 2) {
        var next = chain.target.next();
        assertThat(next.requestLine()).isEqualTo("GET /next HTTP/1.1");
        AllowedHeaders.only(chain, next);
      }
      assertThat(chain.target.waiting()).isEmpty();
    }
  }

  static Stream<String> malformed() {
    var path = Chain.PROXY + "/evil";
    var post = "POST " + path + " HTTP/1.1\r\nHost: localhost\r\n";
    var get = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n";
    var smuggled = "GET " + Chain.PROXY + "/evil2 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    return Stream.of(
        post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
        post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + smuggled,
        post + "Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + smuggled,
        post + "Content-Length: 0, 44\r\n\r\n" + smuggled,
        post + "Content-Length: +0\r\n\r\n" + smuggled,
        post + "Content-Length: 0x0\r\n\r\n" + smuggled,
        post + "Content-Length: -1\r\n\r\n" + smuggled,
        post + "Content-Length: \r\n\r\n" + smuggled,
        post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + smuggled,
        post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + smuggled,
        post + "Transfer-Encoding: identity\r\n\r\n" + smuggled,
        post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + smuggled,
        post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"
            + smuggled,
        post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + smuggled,
        post + " Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
        post + "Transfer-Encoding: \u000bchunked\r\n\r\n0\r\n\r\n" + smuggled,
        "POST " + path + " HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            + smuggled,
        get + "Host: evil\r\n\r\n",
        get + " folded: evil\r\n\r\n",
        get + "Bad Name: evil\r\n\r\n",
        get + "Name\t: evil\r\n\r\n",
        get + ": evil\r\n\r\n",
        get + "NoColon\r\n\r\n",
        get + "X-A: a\u0000evil\r\n\r\n",
        get + "X-A: a\rX-B: evil\r\n\r\n",
        get + "X-A: a\nX-B: evil\r\n\r\n",
        get + "Expect: evil\r\n\r\n",
        "GET " + path + " HTTP/1.1\nHost: localhost\n\n",
        "GET " + path + " HTTP/1.1\r\n\r\n",
        "GET " + path + "  HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET  " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET " + path + "\tHTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET " + path + " evil HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET " + path + " HTTP/1.1 evil\r\nHost: localhost\r\n\r\n",
        "GET " + path + " HTTP/9.9\r\nHost: localhost\r\n\r\n",
        "GET " + path + "\u00e9 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET " + path + "\u0001 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET " + path + "#x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET " + path + "%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET " + path + "/%2e%2e/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET " + path + "%2f%2e%2e%2fx HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET " + path + "\\x HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET " + path + "%5cx HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET " + path + "%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET ftp://localhost" + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET localhost" + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "TRACE " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "EVIL " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "G\u0000T " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "get " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "\r\n \r\nGET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }

  @ParameterizedTest
  @MethodSource("malformed")
  void aMalformedRequestNeverArrivesNorDoesWhatFollowsInIt(String request) throws Exception {
    try (var caller = chain.callers(chain.operator)) {
      caller.send(request + NEXT);
      var answers = caller.readAll();
      assertThat(answers.getFirst().status()).isBetween(400, 505);
    }
    assertThat(chain.works()).isTrue();
    assertThat(chain.target.raw()).doesNotContain("evil").doesNotContain("169.254");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "zz\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhelloX\r\n0\r\n\r\n",
        "5\r\nhelloevil\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
        "80000000\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nX Y: evil\r\n\r\n"
      })
  void aMalformedChunkEndsTheConnectionAndTheRequest(String body) throws Exception {
    try (var caller = chain.callers(chain.operator)) {
      caller.send(
          Chain.request("POST", Chain.PROXY + "/hold", "Transfer-Encoding: chunked") + body + NEXT);
      var answers = caller.readAll();
      assertThat(answers.stream().map(RawHttp.Answer::status)).doesNotContain(200);
    }
    assertThat(chain.works()).isTrue();
    assertThat(chain.target.raw()).doesNotContain("evil").doesNotContain("/next");
  }

  @Test
  void chunksAreReframedAndTrailersDropped() throws Exception {
    try (var caller = chain.callers(chain.operator)) {
      caller.send(Chain.request(
              "POST",
              Chain.PROXY + "/first",
              "Transfer-Encoding: chunked",
              "Trailer: Authorization")
          + "5;evil=\"evil\"\r\nhello\r\n0;evil\r\nAuthorization: Bearer evil\r\nImpersonate-User: evil\r\n"
          + "Host: evil\r\nX-Evil: evil\r\n\r\n"
          + NEXT);
      var answers = caller.readAll();
      assertThat(answers).extracting(RawHttp.Answer::status).doesNotContain(500, 502, 504);
      if (answers.getFirst().status() == 200) {
        var seen = chain.target.next();
        assertThat(seen.body()).isEqualTo("hello");
        AllowedHeaders.only(chain, seen);
        assertThat(chain.target.next().requestLine()).isEqualTo("GET /next HTTP/1.1");
      }
      assertThat(chain.target.raw().toLowerCase(Locale.ROOT)).doesNotContain("evil");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/a%2Fb/%20x/%E2%82%AC;p=1/x,y@z:!$&'()*+=~-._/",
        "/api/v1/namespaces/a%2fb?limit=5&x=%20&watch=1",
        "/x?q=../..&r=%2e%2e&s=a+b&empty&&u=%00&v=%0d%0aX-Evil:1&w=http://x/?y",
        "//double//slash//",
        "/..;/x",
        "/%252e%252e/x",
        "/%c0%ae%c0%ae/x",
        "/...",
        "/?",
        "/\"<>^`{|}"
      })
  void pathAndQueryArriveByteForByte(String uri) throws Exception {
    try (var caller = chain.callers(chain.operator);
        var over2 = chain.callersOverHttp2(chain.operator)) {
      assertThat(caller.send(Chain.get(Chain.PROXY + uri)).read().status()).isEqualTo(200);
      assertThat(chain.target.next().requestLine()).isEqualTo("GET " + wire(uri) + " HTTP/1.1");
      over2.request(1, true, "GET", Chain.PROXY + uri).flush();
      assertThat(over2.status(1)).isEqualTo(200);
      assertThat(chain.target.next().requestLine()).isEqualTo("GET " + wire(uri) + " HTTP/1.1");
    }
  }

  /// A question mark with nothing behind it is not a query.
  private static String wire(String uri) {
    return uri.equals("/?") ? "/" : uri;
  }

  /// RFC 9112 section 5.2 has a folded line refused, or read as one.
  @Test
  void aFoldedLineIsOneValueAndNoHeader() throws Exception {
    try (var caller = chain.callers(chain.operator)) {
      var folded = "X-A: 1\r\n authorization: evil\r\nAccept: a\r\n\timpersonate-user: b";
      assertThat(caller.send(Chain.get(Chain.PROXY + "/folded", folded)).read().status())
          .isEqualTo(200);
      var seen = chain.target.next();
      AllowedHeaders.only(chain, seen);
      assertThat(seen.values("accept")).containsExactly("a impersonate-user: b");
    }
  }

  @Test
  void anAbsoluteTargetChoosesNoHost() throws Exception {
    try (var caller = chain.callers(chain.operator)) {
      var request = "GET http://169.254.169.254:80" + Chain.PROXY
          + "/abs HTTP/1.1\r\nHost: evil\r\nConnection: close\r\n\r\n";
      assertThat(caller.send(request).read().status()).isEqualTo(200);
      var seen = chain.target.next();
      assertThat(seen.requestLine()).isEqualTo("GET /abs HTTP/1.1");
      AllowedHeaders.only(chain, seen);
    }
  }

  @Test
  void trailersOfAnAnswerAreFiltered() throws Exception {
    try (var caller = chain.callers(chain.operator)) {
      var answer = caller.send(Chain.get(Chain.PROXY + "/trailers")).read();
      assertThat(answer.body()).startsWith("hello").contains("trailer x-ok: 1");
      assertThat(answer.body())
          .doesNotContain("set-cookie")
          .doesNotContain("content-length")
          .doesNotContain("transfer-encoding")
          .doesNotContain("authorization");
    }
  }

  @Test
  void anInterimAnswerIsNotTakenForTheAnswer() throws Exception {
    try (var caller = chain.callers(chain.operator)) {
      assertThat(caller.send(Chain.get(Chain.PROXY + "/early")).read().status()).isEqualTo(200);
      assertThat(caller.send(Chain.get(Chain.PROXY + "/next")).read().status()).isEqualTo(200);
    }
  }
}
