package dev.buildplane.http;

import static dev.buildplane.http.Servers.client;
import static dev.buildplane.http.Servers.text;
import static dev.buildplane.http.Servers.uri;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// How a request's body reaches a reader on the event loop.
class RequestBodyIT {
  /// Gathers pieces, asking for the next from within, and sends them back when there is a pause.
  private static class Gathering implements AsyncExchange.BodyReader {
    final AsyncExchange exchange;
    final AtomicInteger pauses;
    private final List<ByteBuf> pieces = new ArrayList<>();

    Gathering(AsyncExchange exchange, AtomicInteger pauses) {
      this.exchange = exchange;
      this.pauses = pauses;
    }

    void begin() {
      exchange.sendHead(200, text());
      exchange.receive(this);
      exchange.demand();
    }

    @Override
    public void onContent(ByteBuf piece) {
      pieces.add(piece);
      exchange.demand();
    }

    @Override
    public void onPause() {
      assertThat(pieces).as("a pause follows content").isNotEmpty();
      pauses.incrementAndGet();
      send();
    }

    private void send() {
      pieces.forEach(exchange::send);
      pieces.clear();
      exchange.flush();
    }

    @Override
    public void onEnd(Headers trailers) {
      send();
      exchange.end(Headers.EMPTY);
    }

    @Override
    public void onFailure(HttpProblem problem) {
      exchange.abort();
    }
  }

  @ParameterizedTest
  @EnumSource(HttpClient.Version.class)
  void whatCameAtOnceIsFollowedByAPause(HttpClient.Version version) throws Exception {
    var payload = new byte[3_000_000];
    new Random(11).nextBytes(payload);
    var pauses = new AtomicInteger();
    var route = Route.async(
        Set.of("POST"),
        "/echo",
        Policy.PUBLIC,
        exchange -> new Gathering(exchange, pauses).begin());
    try (var server = Servers.tls(route);
        var client = client(version)) {
      for (int round = 0; round < 3; round++) {
        pauses.set(0);
        var answer = client.send(
            HttpRequest.newBuilder(uri(server, "/echo"))
                .POST(BodyPublishers.ofByteArray(payload))
                .build(),
            BodyHandlers.ofByteArray());
        assertThat(answer.body()).isEqualTo(payload);
        assertThat(pauses).hasPositiveValue();
      }
    }
  }

  /// A reader that asked for more as the last piece came still waits for nothing once the body has ended.
  @ParameterizedTest
  @EnumSource(HttpClient.Version.class)
  void aLateAnswerIsNoStallOfTheCaller(HttpClient.Version version) throws Exception {
    var idle = Duration.ofMillis(500);
    var limits =
        HttpLimits.DEFAULT.withDeadlines(Duration.ofSeconds(30), Duration.ofSeconds(30), idle);
    var route = Route.async(
        Set.of("POST"),
        "/late",
        Policy.PUBLIC,
        exchange -> new Gathering(exchange, new AtomicInteger()) {
          @Override
          void begin() {
            exchange.receive(this);
            exchange.demand();
          }

          @Override
          public void onPause() {
            pauses.incrementAndGet();
          }

          @Override
          public void onEnd(Headers trailers) {
            exchange
                .eventLoop()
                .schedule(
                    () -> {
                      exchange.sendHead(200, text());
                      super.onEnd(trailers);
                    },
                    4 * idle.toMillis(),
                    TimeUnit.MILLISECONDS);
          }

          @Override
          public void onFailure(HttpProblem problem) {
            exchange.fail(problem);
          }
        }.begin());
    var settings = HttpServerSettings.tls("test", Servers.anyPort(), TlsIdentity.of(Servers.SERVER))
        .withLimits(limits);
    try (var server = HttpServer.start(settings, Servers.router(route));
        var client = client(version)) {
      var answer = client.send(
          HttpRequest.newBuilder(uri(server, "/late"))
              .POST(BodyPublishers.ofString("small"))
              .build(),
          BodyHandlers.ofString());
      assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
      assertThat(answer.body()).isEqualTo("small");
      assertThat(answer.headers().firstValue("connection")).as("it is kept").isEmpty();
    }
  }
}
