package dev.buildplane.http;

import static dev.buildplane.http.Servers.bytes;
import static dev.buildplane.http.Servers.client;
import static dev.buildplane.http.Servers.text;
import static dev.buildplane.http.Servers.uri;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.Identity;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class HttpServerIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @ParameterizedTest
  @EnumSource(HttpClient.Version.class)
  void anAnswerArrivesWhole(HttpClient.Version version) throws Exception {
    var route = Route.get(
        "/hello",
        Policy.PUBLIC,
        exchange ->
            exchange.respond(200, text().with("x-query", exchange.rawQuery()), bytes("hello")));
    try (var server = Servers.tls(route);
        var client = client(version)) {
      var response = client.send(
          HttpRequest.newBuilder(uri(server, "/hello?a=%2f&b=+c")).build(),
          BodyHandlers.ofString());

      assertThat(response.version()).isEqualTo(version);
      assertThat(response.statusCode()).isEqualTo(200);
      assertThat(response.body()).isEqualTo("hello");
      assertThat(response.headers().firstValue("x-query")).contains("a=%2f&b=+c");
    }
  }

  @ParameterizedTest
  @EnumSource(HttpClient.Version.class)
  void bodiesStreamBothWaysUnchanged(HttpClient.Version version) throws Exception {
    var payload = new byte[3_000_000];
    new Random(42).nextBytes(payload);
    var route = Route.any("/echo", Policy.PUBLIC, exchange -> {
      try (var out = exchange.respondStreaming(200, text())) {
        exchange.body().transferTo(out);
      }
    });
    try (var server = Servers.tls(route);
        var client = client(version)) {
      for (int round = 0; round < 3; round++) {
        var request = HttpRequest.newBuilder(uri(server, "/echo"))
            .POST(BodyPublishers.fromPublisher(BodyPublishers.ofByteArray(payload)))
            .build();
        var response = client.send(request, BodyHandlers.ofByteArray());
        assertThat(Arrays.equals(response.body(), payload)).isTrue();
      }
    }
  }

  @ParameterizedTest
  @EnumSource(HttpClient.Version.class)
  void manyRequestsShareTheServer(HttpClient.Version version) throws Exception {
    var route = Route.any(
        "/n/**",
        Policy.PUBLIC,
        exchange -> exchange.respond(200, text(), bytes(exchange.rawPath())));
    try (var server = Servers.tls(route);
        var client = client(version)) {
      var answers = java.util.stream.IntStream.range(0, 200)
          .mapToObj(i -> client.sendAsync(
              HttpRequest.newBuilder(uri(server, "/n/" + i)).build(), BodyHandlers.ofString()))
          .toList();
      for (int i = 0; i < answers.size(); i++) {
        assertThat(answers.get(i).get(60, TimeUnit.SECONDS).body()).isEqualTo("/n/" + i);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(HttpClient.Version.class)
  void aHeadRequestGetsNoBody(HttpClient.Version version) throws Exception {
    var route =
        Route.get("/x", Policy.PUBLIC, exchange -> exchange.respond(200, text(), bytes("content")));
    try (var server = Servers.tls(route);
        var client = client(version)) {
      for (int round = 0; round < 2; round++) {
        var response = client.send(
            HttpRequest.newBuilder(uri(server, "/x"))
                .method("HEAD", BodyPublishers.noBody())
                .build(),
            BodyHandlers.ofString());
        assertThat(response.headers().firstValue("content-length")).contains("7");
        assertThat(response.body()).isEmpty();
      }
    }
  }

  @ParameterizedTest
  @EnumSource(HttpClient.Version.class)
  void errorsAreTold(HttpClient.Version version) throws Exception {
    var server = Servers.tls(
        Route.get("/gone", Policy.PUBLIC, exchange -> {
          throw new HttpProblem(410, "it is gone");
        }),
        Route.get("/broken", Policy.PUBLIC, exchange -> {
          throw new IllegalStateException("secret");
        }),
        Route.get("/silent", Policy.PUBLIC, exchange -> {}),
        Route.blocking(Set.of("POST"), "/small", Policy.PUBLIC, exchange -> {
              exchange.body().readAllBytes();
              exchange.respond(200, text(), new byte[0]);
            })
            .withMaxBodyBytes(10),
        Route.get(
            "/closed",
            new Policy("closed", _ -> CompletableFuture.failedFuture(new HttpProblem(401, "who?"))),
            exchange -> exchange.respond(200, text(), bytes("never"))));
    try (server;
        var client = client(version)) {
      assertThat(get(client, server, "/gone")).isEqualTo("410 it is gone\n");
      assertThat(get(client, server, "/broken"))
          .startsWith("500 internal error")
          .doesNotContain("secret");
      assertThat(get(client, server, "/silent")).startsWith("500 ");
      assertThat(get(client, server, "/closed")).isEqualTo("401 who?\n");
      assertThat(get(client, server, "/nowhere")).isEqualTo("404 no such path: /nowhere\n");
      assertThat(get(client, server, "/small")).startsWith("405 ");
      assertThat(get(client, server, "/a/%2e%2e/b")).startsWith("400 ");
      var tooLarge = client.send(
          HttpRequest.newBuilder(uri(server, "/small"))
              .POST(BodyPublishers.ofString("0123456789A"))
              .build(),
          BodyHandlers.ofString());
      assertThat(tooLarge.statusCode()).isEqualTo(413);
      var tooLargeChunked = client.send(
          HttpRequest.newBuilder(uri(server, "/small"))
              .POST(BodyPublishers.fromPublisher(BodyPublishers.ofString("0123456789A")))
              .build(),
          BodyHandlers.ofString());
      assertThat(tooLargeChunked.statusCode()).isEqualTo(413);
    }
  }

  @Test
  void aBodyThatIsTooLargeGetsItsAnswerHoweverLongThatTakes() throws Exception {
    var route = Route.blocking(Set.of("POST"), "/small", Policy.PUBLIC, exchange -> {
          try {
            exchange.body().readAllBytes();
          } finally {
            Thread.sleep(300); // meanwhile the caller sends as much as it may
          }
        })
        .withMaxBodyBytes(10);
    try (var server = Servers.tls(route);
        var client = client(HttpClient.Version.HTTP_2)) {
      var body = new byte[4 * HttpLimits.DEFAULT.discardBytes()];
      var answer = client.send(
          HttpRequest.newBuilder(uri(server, "/small"))
              .POST(BodyPublishers.fromPublisher(BodyPublishers.ofByteArray(body)))
              .build(),
          BodyHandlers.ofString());
      assertThat(answer.statusCode()).isEqualTo(413);
    }
  }

  private static String get(HttpClient client, HttpServer server, String path) throws Exception {
    var response =
        client.send(HttpRequest.newBuilder(uri(server, path)).build(), BodyHandlers.ofString());
    return response.statusCode() + " " + response.body();
  }

  @ParameterizedTest
  @EnumSource(HttpClient.Version.class)
  void theHandlerIsHeldBackWhileTheCallerDoesNotRead(HttpClient.Version version) throws Exception {
    var written = new AtomicLong();
    var route = Route.get("/endless", Policy.PUBLIC, exchange -> {
      var chunk = new byte[64 * 1024];
      try (var out = exchange.respondStreaming(200, text())) {
        for (int i = 0; i < 4096; i++) { // 256 MiB
          out.write(chunk);
          written.addAndGet(chunk.length);
        }
      }
    });
    try (var server = Servers.tls(route);
        var client = client(version)) {
      var response = client.send(
          HttpRequest.newBuilder(uri(server, "/endless")).build(), BodyHandlers.ofInputStream());
      try (var body = response.body()) {
        body.readNBytes(100_000);
        Awaitility.await().atMost(PATIENCE).until(() -> settled(written));
        assertThat(written.get()).isLessThan(64L * 1024 * 1024);
      }
    }
  }

  private static boolean settled(AtomicLong counter) throws InterruptedException {
    long before = counter.get();
    return !new CountDownLatch(1).await(500, TimeUnit.MILLISECONDS) && counter.get() == before;
  }

  @ParameterizedTest
  @EnumSource(HttpClient.Version.class)
  void aCallerThatLeavesIsNoticedWhileAnAnswerStreams(HttpClient.Version version) throws Exception {
    var closed = new CountDownLatch(1);
    var failed = new CompletableFuture<Throwable>();
    var route = Route.get("/watch", Policy.PUBLIC, exchange -> {
      exchange.onClose(closed::countDown);
      try (var out = exchange.respondStreaming(200, text())) {
        out.write(bytes("first\n"));
        out.flush();
        closed.await();
        out.write(bytes("second\n"));
        out.flush();
      } catch (IOException e) {
        failed.complete(e);
        throw e;
      }
    });
    try (var server = Servers.tls(route)) {
      var client = client(version);
      var response = client.send(
          HttpRequest.newBuilder(uri(server, "/watch")).build(), BodyHandlers.ofInputStream());
      assertThat(response.body().readNBytes(6)).isEqualTo(bytes("first\n"));

      response.body().close();
      client.shutdownNow();

      assertThat(closed.await(60, TimeUnit.SECONDS)).isTrue();
      assertThat(failed.get(60, TimeUnit.SECONDS)).isInstanceOf(IOException.class);
    }
  }

  @ParameterizedTest
  @EnumSource(HttpClient.Version.class)
  void aCutAnswerIsNeverTakenForAWholeOne(HttpClient.Version version) throws Exception {
    var route = Route.get("/cut", Policy.PUBLIC, exchange -> {
      var out = exchange.respondStreaming(200, text());
      out.write(bytes("half"));
      out.flush();
      throw new IllegalStateException("breaks in the middle");
    });
    try (var server = Servers.tls(route);
        var client = client(version)) {
      assertThatThrownBy(() -> get(client, server, "/cut")).isInstanceOf(IOException.class);
    }
  }

  @ParameterizedTest
  @EnumSource(HttpClient.Version.class)
  void aBodyIsInvitedOnlyWhenTheHandlerReads(HttpClient.Version version) throws Exception {
    var route = Route.any(
        "/take",
        Policy.PUBLIC,
        exchange -> exchange.respond(
            200, text(), bytes(new String(exchange.body().readAllBytes(), UTF_8) + "!")));
    var refusing =
        Route.any("/refuse", Policy.PUBLIC, exchange -> exchange.respond(403, text(), bytes("no")));
    try (var server = Servers.tls(route, refusing);
        var client = client(version)) {
      var taken = client.send(expecting(server, "/take"), BodyHandlers.ofString());
      assertThat(taken.body()).isEqualTo("payload!");
      var refused = client.send(expecting(server, "/refuse"), BodyHandlers.ofString());
      assertThat(refused.statusCode()).isEqualTo(403);
    }
  }

  private static HttpRequest expecting(HttpServer server, String path) {
    return HttpRequest.newBuilder(uri(server, path))
        .expectContinue(true)
        .POST(BodyPublishers.ofString("payload"))
        .build();
  }

  @ParameterizedTest
  @EnumSource(TlsIdentity.Provider.class)
  void aClientCertificateOfAnUnknownAuthorityReachesTheHandlerWithItsIntermediates(
      TlsIdentity.Provider provider) throws Exception {
    var foreign = CertificateAuthority.create("foreign root", Servers.YEAR)
        .issueIntermediate("foreign issuer", Servers.YEAR);
    Identity agent = foreign.issueClient("agent", List.of("agents"), Servers.YEAR);
    var seen = new CompletableFuture<List<X509Certificate>>();
    var route = Route.get("/who", Policy.PUBLIC, exchange -> {
      seen.complete(exchange.peerCertificates());
      exchange.respond(200, text(), bytes(exchange.peerCertificates().size() + ""));
    });
    var identity = TlsIdentity.of(Servers.SERVER.chain(), Servers.SERVER.key(), provider);
    try (var server = HttpServer.start(
            HttpServerSettings.tls("test", Servers.anyPort(), identity), Servers.router(route));
        var client = client(HttpClient.Version.HTTP_2, agent)) {
      get(client, server, "/who");

      assertThat(seen.get(60, TimeUnit.SECONDS)).containsExactlyElementsOf(agent.chain());
      assertThat(agent.chain()).hasSize(2);
    }
  }

  @Test
  void aResumedSessionStillShowsTheCertificate() throws Exception {
    Identity agent = Servers.CA.issueClient("agent", List.of(), Servers.YEAR);
    var route = Route.get(
        "/who",
        Policy.PUBLIC,
        exchange -> exchange.respond(
            200,
            text().with("connection", "close"),
            bytes(exchange.peerCertificates().size() + "")));
    try (var server = Servers.tls(route)) {
      var context = Servers.sslContext(agent);
      for (int round = 0; round < 3; round++) {
        try (var client = HttpClient.newBuilder().sslContext(context).build()) {
          assertThat(get(client, server, "/who")).isEqualTo("200 1");
        }
      }
    }
  }

  @Test
  void aReplacedIdentityServesTheNextConnection() throws Exception {
    var route =
        Route.get("/", Policy.PUBLIC, exchange -> exchange.respond(200, text(), bytes("ok")));
    var identity = TlsIdentity.of(Servers.SERVER);
    var renewed = Servers.CA.issueServer("renewed", List.of("localhost"), Servers.YEAR);
    try (var server = HttpServer.start(
        HttpServerSettings.tls("test", Servers.anyPort(), identity), Servers.router(route))) {
      assertThat(serverCertificate(server)).isEqualTo(Servers.SERVER.chain().getFirst());
      identity.replace(renewed);
      assertThat(serverCertificate(server)).isEqualTo(renewed.chain().getFirst());
    }
  }

  private static X509Certificate serverCertificate(HttpServer server) throws Exception {
    try (var client = client(HttpClient.Version.HTTP_2)) {
      var response =
          client.send(HttpRequest.newBuilder(uri(server, "/")).build(), BodyHandlers.ofString());
      return (X509Certificate) response.sslSession().orElseThrow().getPeerCertificates()[0];
    }
  }

  @Test
  void callersAreKnownByCertificate() throws Exception {
    var policy =
        Policy.clientCertificate("internal", Servers.CA::trust, java.time.InstantSource.system());
    var route = Route.get(
        "/me",
        policy,
        exchange -> exchange.respond(200, text(), bytes(exchange.principal().toString())));
    var known = Servers.CA.issueClient("alice", List.of("devs", "ops"), Servers.YEAR);
    var stranger = CertificateAuthority.create("other", Servers.YEAR)
        .issueClient("alice", List.of("devs"), Servers.YEAR);
    try (var server = Servers.tls(route);
        var alice = client(HttpClient.Version.HTTP_2, known);
        var mallory = client(HttpClient.Version.HTTP_2, stranger);
        var nobody = client(HttpClient.Version.HTTP_2)) {
      assertThat(get(alice, server, "/me")).contains("alice", "devs", "ops").startsWith("200");
      assertThat(get(mallory, server, "/me")).startsWith("401").contains("UNKNOWN_AUTHORITY");
      assertThat(get(nobody, server, "/me")).startsWith("401");
    }
  }

  @ParameterizedTest
  @EnumSource(HttpClient.Version.class)
  void closingLetsARequestFinish(HttpClient.Version version) throws Exception {
    var entered = new CountDownLatch(1);
    var go = new CountDownLatch(1);
    var route = Route.get("/slow", Policy.PUBLIC, exchange -> {
      entered.countDown();
      go.await();
      exchange.respond(200, text(), bytes("done"));
    });
    var server = Servers.tls(route);
    try (var client = client(version)) {
      var answer = client.sendAsync(
          HttpRequest.newBuilder(uri(server, "/slow")).build(), BodyHandlers.ofString());
      entered.await();
      var closing = Thread.ofVirtual().start(server::close);
      Awaitility.await().atMost(PATIENCE).until(() -> refusesConnections(server));
      go.countDown();
      assertThat(answer.get(60, TimeUnit.SECONDS).body()).isEqualTo("done");
      closing.join();
    }
  }

  private static boolean refusesConnections(HttpServer server) {
    try (var _ = new java.net.Socket(java.net.InetAddress.getLoopbackAddress(), server.port())) {
      return false;
    } catch (IOException e) {
      return true;
    }
  }

  @ParameterizedTest
  @EnumSource(HttpClient.Version.class)
  void closingCutsWhatDoesNotEnd(HttpClient.Version version) throws Exception {
    var route = Route.get("/watch", Policy.PUBLIC, exchange -> {
      var over = new CountDownLatch(1);
      exchange.onClose(over::countDown);
      var out = exchange.respondStreaming(200, text());
      out.write(bytes("x"));
      out.flush();
      over.await();
    });
    var settings = HttpServerSettings.tls("test", Servers.anyPort(), TlsIdentity.of(Servers.SERVER))
        .withLimits(HttpLimits.DEFAULT.withDrain(Duration.ofMillis(200)));
    var server = HttpServer.start(settings, Servers.router(route));
    try (var client = client(version)) {
      InputStream body = client
          .send(HttpRequest.newBuilder(uri(server, "/watch")).build(), BodyHandlers.ofInputStream())
          .body();
      server.close();
      assertThatThrownBy(body::readAllBytes).isInstanceOf(IOException.class);
    }
  }

  @ParameterizedTest
  @EnumSource(HttpClient.Version.class)
  void aHandlerOnTheEventLoopStreamsBothWays(HttpClient.Version version) throws Exception {
    var payload = new byte[1_000_000];
    new Random(7).nextBytes(payload);
    var route = Route.async(Set.of("POST"), "/async", Policy.PUBLIC, exchange -> {
      exchange.sendHead(200, text());
      exchange.receive(new AsyncExchange.BodyReader() {
        @Override
        public void onContent(io.netty.buffer.ByteBuf piece) {
          exchange.send(piece);
          exchange.flush();
          next();
        }

        private void next() {
          if (exchange.isWritable()) {
            exchange.demand();
          } else {
            exchange.onWritable(() -> {
              exchange.onWritable(() -> {});
              exchange.demand();
            });
          }
        }

        @Override
        public void onEnd(Headers trailers) {
          exchange.end(Headers.EMPTY);
        }

        @Override
        public void onFailure(HttpProblem problem) {
          exchange.abort();
        }
      });
      exchange.demand();
    });
    try (var server = Servers.tls(route);
        var client = client(version)) {
      var response = client.send(
          HttpRequest.newBuilder(uri(server, "/async"))
              .POST(BodyPublishers.ofByteArray(payload))
              .build(),
          BodyHandlers.ofByteArray());
      assertThat(Arrays.equals(response.body(), payload)).isTrue();
    }
  }
}
