package dev.buildplane.http;

import static dev.buildplane.http.Servers.bytes;
import static dev.buildplane.http.Servers.exchange;
import static dev.buildplane.http.Servers.text;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class Http1IT {
  private static final String CLOSE = "Host: x\r\nConnection: close\r\n\r\n";

  private static Route echo() {
    return Route.any(
        "/**",
        Policy.PUBLIC,
        e -> e.respond(
            200,
            text(),
            bytes("<" + e.method() + e.rawPath() + ":"
                + new String(e.body().readAllBytes(), StandardCharsets.UTF_8) + ">")));
  }

  @Test
  void pipelinedRequestsAreAnsweredInOrder() throws Exception {
    try (var server = Servers.plain(HttpLimits.DEFAULT, echo())) {
      var answer = exchange(
          server,
          "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
              + "POST /3 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\nHEAD /4 HTTP/1.1\r\n"
              + "Host: x\r\n\r\nGET /5 HTTP/1.1\r\n" + CLOSE);
      assertThat(answer).containsSubsequence("<GET/1:>", "<POST/2:abc>", "<POST/3:de>", "<GET/5:>");
      assertThat(answer.split("HTTP/1.1 200", -1)).hasSize(6);
    }
  }

  @Test
  void aBodyNobodyReadDoesNotBecomeTheNextRequest() throws Exception {
    var deaf = Route.any("/deaf", Policy.PUBLIC, e -> e.respond(200, text(), bytes("<deaf>")));
    try (var server = Servers.plain(HttpLimits.DEFAULT, deaf, echo())) {
      var answer = exchange(
          server,
          "POST /deaf HTTP/1.1\r\nHost: x\r\nContent-Length: 27\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\n"
                  .replace("Content-Length: 27", "Content-Length: 31")
              + CLOSE);
      assertThat(answer).contains("<deaf>", "<GET/next:>").doesNotContain("evil");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc",
        "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nBad Name: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nName : y\r\n\r\n",
        "GET /a\\b HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /a/../b HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /a%2f..%2fb HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /a%00 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /a%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /\u00e9 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET relative HTTP/1.1\r\nHost: x\r\n\r\n",
        "GARBAGE\r\n\r\n",
      })
  void whatCouldBeReadInTwoWaysIsRefused(String request) throws Exception {
    try (var server = Servers.plain(HttpLimits.DEFAULT, echo())) {
      assertThat(exchange(server, request))
          .startsWith("HTTP/1.1 400 ")
          .contains("connection: close");
    }
  }

  @Test
  void boundsOnTheHeadHold() throws Exception {
    try (var server = Servers.plain(HttpLimits.DEFAULT, echo())) {
      assertThat(exchange(server, "GET /" + "a".repeat(40_000) + " HTTP/1.1\r\n" + CLOSE))
          .startsWith("HTTP/1.1 414 ");
      assertThat(exchange(server, "GET / HTTP/1.1\r\nX: " + "a".repeat(70_000) + "\r\n" + CLOSE))
          .startsWith("HTTP/1.1 431 ");
      assertThat(exchange(server, "GET / HTTP/1.1\r\n" + "X: y\r\n".repeat(300) + CLOSE))
          .startsWith("HTTP/1.1 431 ");
      assertThat(exchange(server, "GET / HTTP/1.1\r\nExpect: magic\r\n" + CLOSE))
          .startsWith("HTTP/1.1 417 ");
      assertThat(exchange(server, "GET / HTTP/2.7\r\n" + CLOSE)).startsWith("HTTP/1.1 505 ");
    }
  }

  @Test
  void absoluteTargetsAndHttp10AreServed() throws Exception {
    try (var server = Servers.plain(HttpLimits.DEFAULT, echo())) {
      assertThat(exchange(server, "GET http://x/abs?q HTTP/1.1\r\n" + CLOSE))
          .contains("<GET/abs:>");
      assertThat(exchange(server, "GET /old HTTP/1.0\r\n\r\n")).contains("<GET/old:>");
    }
  }

  @Test
  void aSlowHeadMeetsItsDeadline() throws Exception {
    var limits = HttpLimits.DEFAULT.withDeadlines(
        Duration.ofSeconds(10), Duration.ofMillis(300), Duration.ofMinutes(2));
    try (var server = Servers.plain(limits, echo())) {
      assertThat(exchange(server, "GET / HTTP/1.1\r\nHost")).startsWith("HTTP/1.1 408 ");
      assertThat(exchange(server, "")).startsWith("HTTP/1.1 408 ");
    }
  }

  @Test
  void aRestingConnectionIsClosed() throws Exception {
    var limits = HttpLimits.DEFAULT.withDeadlines(
        Duration.ofSeconds(10), Duration.ofSeconds(30), Duration.ofMillis(300));
    try (var server = Servers.plain(limits, echo())) {
      assertThat(exchange(server, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"))
          .contains("<GET/1:>")
          .doesNotContain("408");
    }
  }

  @Test
  void aStalledBodyMeetsItsDeadline() throws Exception {
    var limits = HttpLimits.DEFAULT.withDeadlines(
        Duration.ofSeconds(10), Duration.ofSeconds(30), Duration.ofMillis(300));
    try (var server = Servers.plain(limits, echo())) {
      assertThat(exchange(server, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"))
          .startsWith("HTTP/1.1 408 ");
    }
  }

  @Test
  void connectionsPerAddressAreCapped() throws Exception {
    try (var server = Servers.plain(HttpLimits.DEFAULT.withConnections(10, 1), echo());
        var first = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
      first.getOutputStream().write(bytes("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"));
      assertThat(first.getInputStream().readNBytes(12)).isEqualTo(bytes("HTTP/1.1 200"));
      try (var second = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
        assertThat(second.getInputStream().read()).isEqualTo(-1);
      }
    }
  }

  @Test
  void afterASwitchOfProtocolsBytesPassAsTheyAre() throws Exception {
    var route = Route.async(Set.of("GET"), "/raw", Policy.PUBLIC, e -> {
      e.receive(new AsyncExchange.BodyReader() {
        @Override
        public void onContent(io.netty.buffer.ByteBuf piece) {
          e.send(piece);
          e.flush();
          e.demand();
        }

        @Override
        public void onEnd(Headers trailers) {
          e.switchProtocols(Headers.of("upgrade", "echo"));
          e.demand();
        }

        @Override
        public void onFailure(HttpProblem problem) {
          e.abort();
        }
      });
    });
    try (var server = Servers.plain(HttpLimits.DEFAULT, route);
        var socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
      socket.setSoTimeout(30_000);
      socket
          .getOutputStream()
          .write(bytes(
              "GET /raw HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly"));
      var head = new StringBuilder();
      while (head.indexOf("\r\n\r\n") < 0) {
        head.append((char) socket.getInputStream().read());
      }
      assertThat(head).startsWith("HTTP/1.1 101 ").contains("upgrade: echo");
      assertThat(socket.getInputStream().readNBytes(5)).isEqualTo(bytes("early"));
      socket.getOutputStream().write(bytes("GET / HTTP/1.1\r\n\r\n"));
      assertThat(socket.getInputStream().readNBytes(18)).isEqualTo(bytes("GET / HTTP/1.1\r\n\r\n"));
    }
  }
}
