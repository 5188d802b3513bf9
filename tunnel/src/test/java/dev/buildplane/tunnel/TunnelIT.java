package dev.buildplane.tunnel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.LastHttpContent;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class TunnelIT {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final long BULK_BYTES = 100L << 20;

  private static final long STALLED_BYTES = 16L << 20;

  private Loopback net;

  @BeforeEach
  void connect() throws Exception {
    net = Loopback.connected();
  }

  @AfterEach
  void disconnect() {
    net.close();
  }

  @Test
  void aRequestGoesToTheAgentAndItsAnswerComesBack() throws Exception {
    var request = Call.get("/hello?a=%2F&b=c%20d");
    request
        .headers()
        .set("x-request-id", "r1")
        .set("connection", "x-secret")
        .set("x-secret", "hop");
    var call = Call.send(net.gatewayEnd, request);

    assertThat(call.status()).isEqualTo(200);
    assertThat(call.text()).isEqualTo("hello");
    var seen = net.target.requests.take();
    assertThat(seen.uri()).isEqualTo("/hello?a=%2F&b=c%20d");
    assertThat(seen.headers().get("host")).isEqualTo("k8s");
    assertThat(seen.headers().get("x-request-id")).isEqualTo("r1");
    assertThat(seen.headers().contains("x-secret")).isFalse();
    await()
        .atMost(PATIENCE)
        .until(() -> net.gatewayEnd.activeStreams() == 0 && net.target.open.get() == 0);
    assertThat(call.failure).isNotDone();
  }

  @Test
  void handshakeKeepsTheQueryAndCarriesTheMetadata() throws Exception {
    assertThat(net.gateway.requestTargets.take())
        .isEqualTo("/ws?zone=a&planeType=buildplane&planeID=shared-builder");
    assertThat(net.gatewayEnd.agentMetadata()).containsEntry("version", "test");
    assertThat(net.gatewayEnd.isUp()).isTrue();
    assertThat(net.agentEnd.isUp()).isTrue();
  }

  @Test
  void aThousandRequestsShareTheTunnel() throws Exception {
    var calls = new ArrayList<Call>();
    for (int i = 0; i < 1000; i++) {
      calls.add(Call.send(net.gatewayEnd, Call.get("/hello/" + i)));
    }
    for (var call : calls) {
      assertThat(call.text()).isEqualTo("hello");
    }
    await().atMost(PATIENCE).until(() -> net.gatewayEnd.activeStreams() == 0);
  }

  @Test
  void aHundredMebibytesComeDownWhole() throws Exception {
    var call = Call.send(net.gatewayEnd, Call.get("/bytes/" + BULK_BYTES));
    assertThat(call.crcAtEnd()).isEqualTo(Pattern.crcOf(BULK_BYTES));
    assertThat(call.received).isEqualTo(BULK_BYTES);
  }

  @Test
  void aHundredMebibytesGoUpWhole() throws Exception {
    var call = Call.send(net.gatewayEnd, Call.post("/sink")).upload(BULK_BYTES);
    call.end.get(60, TimeUnit.SECONDS);
    assertThat(call.text()).isEqualTo(BULK_BYTES + " " + Pattern.crcOf(BULK_BYTES));
  }

  @Test
  void trailersAndInterimAnswersTravel() throws Exception {
    var call = Call.send(net.gatewayEnd, Call.get("/trailers"));
    assertThat(call.end.get(30, TimeUnit.SECONDS).get("x-checksum")).isEqualTo("42");
    assertThat(call.interim).containsExactly(103);
    assertThat(call.text()).isEqualTo("body");
  }

  @Test
  void anAnswerCanBeginBeforeTheRequestHasEnded() throws Exception {
    var call = Call.send(net.gatewayEnd, Call.post("/echo"));
    assertThat(call.status()).isEqualTo(200);
    assertThat(call.response().headers().get("transfer-encoding")).isEqualTo("chunked");
    call.channel.writeAndFlush(
        new DefaultHttpContent(Unpooled.copiedBuffer("ping", StandardCharsets.UTF_8)));
    await().atMost(PATIENCE).until(() -> call.received == 4);
    call.channel.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT);
    assertThat(call.text()).isEqualTo("ping");
  }

  @Test
  void aHundredStalledReadersHarmNobody() throws Exception {
    var stalled = new ArrayList<Call>();
    for (int i = 0; i < 100; i++) {
      stalled.add(Call.stalled(net.gatewayEnd, Call.get("/bytes/" + STALLED_BYTES)));
    }
    for (int i = 0; i < 50; i++) {
      assertThat(Call.send(net.gatewayEnd, Call.get("/hello")).text()).isEqualTo("hello");
    }
    var bulk = Call.send(net.gatewayEnd, Call.get("/bytes/" + (8L << 20)));
    assertThat(bulk.crcAtEnd()).isEqualTo(Pattern.crcOf(8L << 20));
    stalled.forEach(call -> call.channel.close());
    await()
        .atMost(PATIENCE)
        .until(() -> net.target.open.get() == 0 && net.gatewayEnd.activeStreams() == 0);
  }

  @Test
  void aStalledReaderHoldsTheSenderBack() throws Exception {
    var call = Call.stalled(net.gatewayEnd, Call.get("/bytes/" + STALLED_BYTES));
    await()
        .atMost(PATIENCE)
        .until(() -> net.target.sent.get() >= TunnelSettings.DEFAULT_STREAM_WINDOW_BYTES);
    Call.send(net.gatewayEnd, Call.get("/hello")).text(); // whatever was on its way has come by now
    assertThat(net.target.sent.get()).isLessThan(3L * TunnelSettings.DEFAULT_STREAM_WINDOW_BYTES);
    call.channel.config().setAutoRead(true);
    assertThat(call.crcAtEnd()).isEqualTo(Pattern.crcOf(STALLED_BYTES));
  }

  @Test
  void closingAStreamCancelsItAtTheAgent() throws Exception {
    var call = Call.send(net.gatewayEnd, Call.get("/never"));
    await().atMost(PATIENCE).until(() -> net.target.open.get() == 1);
    call.channel.close();
    var failure = (TunnelException) net.target.failures.poll(30, TimeUnit.SECONDS);
    assertThat(failure.code()).isEqualTo(TunnelException.Code.CANCELLED);
    await().atMost(PATIENCE).until(() -> net.target.open.get() == 0);
  }

  @Test
  void anAnswerThatBreaksOffIsNotTakenForTheWhole() throws Exception {
    var call = Call.send(net.gatewayEnd, Call.get("/break"));
    assertThat(call.failed().code()).isEqualTo(TunnelException.Code.RESET);
    assertThat(call.end).isNotDone();
  }

  @Test
  void thousandsOfCancelsLeaveTheTunnelUp() throws Exception {
    for (int i = 0; i < 2000; i++) {
      Call.send(net.gatewayEnd, Call.get("/never")).channel.close();
    }
    assertThat(Call.send(net.gatewayEnd, Call.get("/hello")).text()).isEqualTo("hello");
    await()
        .atMost(PATIENCE)
        .until(() -> net.target.open.get() == 0 && net.gatewayEnd.activeStreams() == 0);
    assertThat(net.gatewayEnd.isUp()).isTrue();
  }

  @Test
  void anUpgradeOpensARawPipeBothWays() throws Exception {
    var call = Call.send(net.gatewayEnd, Call.upgrade("/upgrade", "websocket"));
    assertThat(call.status()).isEqualTo(101);
    assertThat(call.response().headers().get("upgrade")).isEqualTo("websocket");
    assertThat(call.response().headers().get("sec-websocket-accept"))
        .isEqualTo("made-by-the-target");
    call.channel.writeAndFlush(Unpooled.copiedBuffer("raw bytes", StandardCharsets.UTF_8));
    await().atMost(PATIENCE).until(() -> call.received == 9);
    call.channel.writeAndFlush(StreamEnd.INSTANCE);
    await().atMost(PATIENCE).until(() -> call.rawEnded);
    await().atMost(PATIENCE).until(() -> net.gatewayEnd.activeStreams() == 0);
    assertThat(call.failure).isNotDone();
  }

  @Test
  void anUpgradeKeepsItsMethodAndItsProtocol() throws Exception {
    var request = Call.upgrade("/upgrade", "SPDY/3.1").setMethod(HttpMethod.POST);
    var call = Call.send(net.gatewayEnd, request);
    assertThat(call.response().headers().get("upgrade")).isEqualTo("SPDY/3.1");
    var seen = net.target.requests.take();
    assertThat(seen.method()).isEqualTo(HttpMethod.POST);
    assertThat(seen.headers().get("upgrade")).isEqualTo("SPDY/3.1");
    assertThat(seen.headers().contains("x-buildplane-upgrade-method")).isFalse();
    call.channel.close();
  }

  @Test
  void aRefusedUpgradeIsAnOrdinaryAnswerAndClosesTheStream() throws Exception {
    var call = Call.send(net.gatewayEnd, Call.upgrade("/refuse", "websocket"));
    assertThat(call.status()).isEqualTo(403);
    assertThat(call.text()).isEqualTo("no shell for you");
    await().atMost(PATIENCE).until(() -> net.gatewayEnd.activeStreams() == 0);
    assertThat(call.failure).isNotDone();
  }

  @Test
  void losingTheConnectionFailsEveryStreamAtOnceWithAReason() throws Exception {
    var first = Call.send(net.gatewayEnd, Call.get("/never"));
    var second = Call.stalled(net.gatewayEnd, Call.get("/bytes/100000000"));
    net.agentEnd.close(new CloseReason(CloseReason.Code.CLOSED_HERE, "gone"));
    assertThat(first.failed().code()).isEqualTo(TunnelException.Code.CONNECTION_LOST);
    assertThat(first.failed().neverProcessed()).isFalse();
    second.channel.config().setAutoRead(true);
    assertThat(second.failed().code()).isEqualTo(TunnelException.Code.CONNECTION_LOST);
    var reason = net.gatewayEnd.closed().toCompletableFuture().get(30, TimeUnit.SECONDS);
    assertThat(reason.code()).isEqualTo(CloseReason.Code.CLOSED_BY_PEER);
    assertThat(net.gatewayEnd.openStream(new Call()).await().cause())
        .isInstanceOfSatisfying(
            TunnelException.class, e -> assertThat(e.neverProcessed()).isTrue());
  }

  /// Uploads, until the agent's end has more than anybody reads there.
  private Call unread(String path) throws Exception {
    var call = Call.send(net.gatewayEnd, Call.post(path));
    net.target.requests.take();
    for (int i = 0; i < 3; i++) {
      call.channel.writeAndFlush(
          new DefaultHttpContent(Unpooled.copiedBuffer("unread", StandardCharsets.UTF_8)));
      Call.send(net.gatewayEnd, Call.get("/hello")).text(); // so it has come
      net.target.requests.take();
    }
    return call;
  }

  @Test
  void aRequestEndsWithItsConnectionThoughNobodyReadsItsBody() throws Exception {
    unread("/unread/held");
    await().atMost(PATIENCE).until(() -> net.target.open.get() == 1);
    net.gatewayEnd.close(new CloseReason(CloseReason.Code.CLOSED_HERE, "gone"));
    await().atMost(PATIENCE).until(() -> net.target.open.get() == 0);
    var failure = (TunnelException) net.target.failures.poll(30, TimeUnit.SECONDS);
    assertThat(failure.code()).isEqualTo(TunnelException.Code.CONNECTION_LOST);
  }

  @Test
  void aRequestEndsWithABrokenAnswerThoughNobodyReadsItsBody() throws Exception {
    var call = unread("/unread/break");
    net.target.held.poll(30, TimeUnit.SECONDS).writeAndFlush(StreamAbort.INSTANCE);
    assertThat(call.failed().code()).isEqualTo(TunnelException.Code.RESET);
    await().atMost(PATIENCE).until(() -> net.target.open.get() == 0);
  }

  @Test
  void aDrainingAgentFinishesWhatItHasAndTakesNothingNew() throws Exception {
    var running = Call.send(net.gatewayEnd, Call.post("/echo"));
    running.status();
    net.agentEnd.drain();
    await().atMost(PATIENCE).until(net.gatewayEnd::isDraining);
    assertThat(net.gatewayEnd.openStream(new Call()).await().cause())
        .isInstanceOfSatisfying(
            TunnelException.class,
            e -> assertThat(e.code()).isEqualTo(TunnelException.Code.DRAINING));
    running.channel.write(
        new DefaultHttpContent(Unpooled.copiedBuffer("late", StandardCharsets.UTF_8)));
    running.channel.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT);
    assertThat(running.text()).isEqualTo("late");
    assertThat(net.agentEnd
            .closed()
            .toCompletableFuture()
            .get(30, TimeUnit.SECONDS)
            .code())
        .isEqualTo(CloseReason.Code.DRAINED);
  }

  @Test
  void aDrainingGatewayTellsTheAgentAndCloses() throws Exception {
    var running = Call.send(net.gatewayEnd, Call.post("/echo"));
    running.status();
    net.gatewayEnd.drain();
    net.agentEnd.draining().toCompletableFuture().get(30, TimeUnit.SECONDS);
    running.channel.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT);
    assertThat(running.text()).isEmpty();
    assertThat(net.gatewayEnd
            .closed()
            .toCompletableFuture()
            .get(30, TimeUnit.SECONDS)
            .code())
        .isEqualTo(CloseReason.Code.DRAINED);
    net.agentEnd.closed().toCompletableFuture().get(30, TimeUnit.SECONDS);
  }

  @Test
  void aRefusedHandshakeIsToldWithStatusAndText() {
    net.gateway.refusal = new TestGateway.Refusal(401, "no client certificate presented\n");
    assertThat(org.assertj.core.api.Assertions.catchThrowable(net::dial))
        .isInstanceOf(ExecutionException.class)
        .cause()
        .isInstanceOfSatisfying(HandshakeRefused.class, refused -> {
          assertThat(refused.status()).isEqualTo(401);
          assertThat(refused.body()).isEqualTo("no client certificate presented");
        });
  }
}
