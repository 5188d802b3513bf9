package dev.buildplane.tunnel;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.testkit.RawWebSocket;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.util.ReferenceCountUtil;
import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// The gateway's end of a JSON connection, without a socket: what is held, for how long, and what becomes of it.
class JsonConnectionTest {
  private static final Pattern ID = Pattern.compile("\"requestID\":\"([^\"]+)\"");
  private static final int BUDGET_BYTES = 1 << 20;

  private final MemoryBudget budget = new MemoryBudget(BUDGET_BYTES);
  private final EmbeddedChannel socket = new EmbeddedChannel();
  private final GatewayTunnel tunnel = GatewayTunnel.installJson(
      socket,
      new DefaultHttpHeaders(),
      List.of(),
      TunnelSettings.defaults()
          .withMaxConcurrentStreams(2)
          .withDrainLimit(Duration.ofSeconds(100))
          .withJson(JsonSettings.defaults().withBudget(budget)));

  /// Every byte counted is given back, whatever happened.
  @AfterEach
  void nothingIsHeldInTheEnd() {
    socket.close();
    socket.close(); // the second does not wait for the peer's answer to the first
    socket.runPendingTasks();
    assertThat(budget.usedBytes()).isZero();
    assertThat(tunnel.activeStreams()).isZero();
    socket.finishAndReleaseAll();
  }

  /// What a caller sees of its stream.
  private static final class Seen extends ChannelInboundHandlerAdapter {
    private final ByteArrayOutputStream body = new ByteArrayOutputStream();
    private int status;
    private boolean gone;
    private @Nullable Throwable failure;

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      if (msg instanceof HttpResponse response) {
        status = response.status().code();
      }
      if (msg instanceof HttpContent content) {
        body.writeBytes(ByteBufUtil.getBytes(content.content()));
      }
      ReferenceCountUtil.release(msg);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      failure = cause;
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      gone = true;
    }
  }

  private Channel open(Seen seen) {
    var opening = tunnel.openStream(seen);
    socket.runPendingTasks();
    return opening.getNow();
  }

  private static FullHttpRequest request(int bodyBytes) {
    var request = new DefaultFullHttpRequest(
        HttpVersion.HTTP_1_1, HttpMethod.POST, "/x", Unpooled.buffer().writeZero(bodyBytes));
    request.headers().set("host", "k8s");
    return request;
  }

  /// Sends a request and tells its id.
  private String send(Channel stream) {
    stream.writeAndFlush(request(0));
    return sentId();
  }

  private String sentId() {
    var matcher = ID.matcher(sent());
    assertThat(matcher.find()).isTrue();
    return matcher.group(1);
  }

  private String sent() {
    socket.runPendingTasks();
    var text = new StringBuilder();
    for (ByteBuf part = socket.readOutbound(); part != null; part = socket.readOutbound()) {
      text.append(part.toString(UTF_8));
      part.release();
    }
    return text.toString();
  }

  private void receive(String json) {
    socket.writeInbound(Unpooled.wrappedBuffer(
        RawWebSocket.encode(true, RawWebSocket.TEXT, json.getBytes(UTF_8), true)));
    socket.runPendingTasks();
  }

  private static String answer(String id, int bodyBytes) {
    return "{\"requestID\":\"" + id + "\",\"statusCode\":200,\"body\":\""
        + Base64.getEncoder().encodeToString(new byte[bodyBytes]) + "\"}";
  }

  @Test
  void anAnswerComesAndTheStreamEnds() {
    var seen = new Seen();
    receive(answer(send(open(seen)), 5));
    assertThat(seen.status).isEqualTo(200);
    assertThat(seen.body.size()).isEqualTo(5);
    assertThat(seen.gone).isTrue();
    assertThat(seen.failure).isNull();
  }

  @Test
  void anAnswerNobodyReadsIsHeldAndCountedUntilTheyDo() {
    var seen = new Seen();
    var stream = open(seen);
    var id = send(stream);
    stream.config().setAutoRead(false);
    receive(answer(id, 90_000));
    receive(answer(id, 90_000)); // a duplicate holds nothing
    int before = seen.body.size();
    assertThat(before).isLessThan(90_000);
    assertThat(budget.usedBytes()).isBetween(1L, 130_000L);
    stream.config().setAutoRead(true);
    socket.runPendingTasks();
    assertThat(seen.body.size()).isEqualTo(90_000);
    assertThat(budget.usedBytes()).isZero();
  }

  @Test
  void anAnswerThatMemoryIsTooShortForIsToldItsCallerAndSkipped() {
    var seen = new Seen();
    var id = send(open(seen));
    receive(answer(id, BUDGET_BYTES));
    assertThat(seen.status).isEqualTo(502);
    assertThat(seen.body.toString(UTF_8)).contains("memory");
    var next = new Seen();
    receive(answer(send(open(next)), 3));
    assertThat(next.body.size()).isEqualTo(3);
    assertThat(tunnel.isUp()).isTrue();
  }

  @Test
  void aRequestThatMemoryIsTooShortForIs503() {
    var seen = new Seen();
    open(seen).writeAndFlush(request(BUDGET_BYTES));
    socket.runPendingTasks();
    assertThat(seen.status).isEqualTo(503);
    assertThat(sent()).isEmpty();
  }

  @Test
  void aCallerThatLeavesIsForgottenAndItsLateAnswerForgiven() {
    for (int i = 0; i < 3 * JsonConnection.MAX_FAULTS; i++) {
      var stream = open(new Seen());
      var id = send(stream);
      stream.close();
      receive(answer(id, 3));
    }
    assertThat(tunnel.isUp()).isTrue();
    assertThat(tunnel.activeStreams()).isZero();
  }

  @Test
  void aStreamBeyondTheLimitIsRefusedBeforeAnythingIsSent() {
    open(new Seen());
    open(new Seen());
    assertThat(tunnel.openStream(new Seen()).cause())
        .isInstanceOfSatisfying(TunnelException.class, refused -> {
          assertThat(refused.code()).isEqualTo(TunnelException.Code.TOO_MANY_STREAMS);
          assertThat(refused.neverProcessed()).isTrue();
        });
  }

  @Test
  void aDrainWaitsForWhatIsUnderWayAndTakesNothingNew() {
    var seen = new Seen();
    var id = send(open(seen));
    tunnel.drain();
    assertThat(tunnel.openStream(new Seen()).cause())
        .isInstanceOfSatisfying(
            TunnelException.class,
            refused -> assertThat(refused.code()).isEqualTo(TunnelException.Code.DRAINING));
    assertThat(socket.isOpen()).isTrue();
    receive(answer(id, 3));
    assertThat(seen.body.size()).isEqualTo(3);
    assertThat(socket.isOpen()).isFalse();
    assertThat(tunnel.closed().toCompletableFuture().join().code())
        .isEqualTo(CloseReason.Code.DRAINED);
  }

  @Test
  void aDrainEndsAtItsLimit() {
    var seen = new Seen();
    send(open(seen));
    tunnel.drain();
    tick(100);
    assertThat(seen.failure).isInstanceOf(TunnelException.class);
    assertThat(socket.isOpen()).isFalse();
  }

  private void tick(int seconds) {
    socket.advanceTimeBy(seconds, TimeUnit.SECONDS);
    socket.runScheduledPendingTasks();
    socket.runPendingTasks();
  }

  @Test
  void closingFailsWhatIsUnderWayWithTheReason() {
    var seen = new Seen();
    send(open(seen));
    tunnel.close(new CloseReason(CloseReason.Code.CLOSED_HERE, "trust was withdrawn"));
    socket.runPendingTasks();
    assertThat(seen.failure).hasMessage("trust was withdrawn");
    assertThat(seen.gone).isTrue();
  }

  @Test
  void onlyPongsKeepTheConnection() {
    for (int i = 0; i < 3; i++) {
      tick(30);
      assertThat(sent()).hasSize(2); // a ping without payload
      socket.writeInbound(
          Unpooled.wrappedBuffer(RawWebSocket.encode(true, RawWebSocket.PONG, new byte[0], true)));
    }
    for (int i = 0; i < 3; i++) {
      assertThat(tunnel.isUp()).isTrue();
      receive("{\"requestID\":\"" + i + "\",\"statusCode\":200}");
      tick(30);
    }
    assertThat(tunnel.closed().toCompletableFuture().join().code())
        .isEqualTo(CloseReason.Code.SILENT);
  }

  @Test
  void aMessageThatNeverEndsEndsTheConnection() {
    var pong = RawWebSocket.encode(true, RawWebSocket.PONG, new byte[0], true);
    socket.writeInbound(Unpooled.wrappedBuffer(
        RawWebSocket.encode(false, RawWebSocket.TEXT, new byte[1000], true)));
    assertThat(budget.usedBytes()).isEqualTo(1000);
    for (int i = 0; i < 3; i++) {
      assertThat(tunnel.isUp()).isTrue();
      socket.writeInbound(Unpooled.wrappedBuffer(pong));
      socket.writeInbound(Unpooled.wrappedBuffer(
          RawWebSocket.encode(false, RawWebSocket.CONTINUATION, new byte[1], true)));
      tick(30);
    }
    assertThat(tunnel.closed().toCompletableFuture().join().detail()).contains("not complete");
  }

  @Test
  void aLargeRequestIsFragmentedAndCountedUntilTheSocketHasIt() {
    var stream = open(new Seen());
    stream.writeAndFlush(request(200_000));
    socket.runPendingTasks();
    var opcodes = new ArrayList<Integer>();
    var wire = Unpooled.buffer();
    for (ByteBuf part = socket.readOutbound(); part != null; part = socket.readOutbound()) {
      wire.writeBytes(part);
      part.release();
    }
    while (wire.isReadable()) {
      opcodes.add((int) wire.readUnsignedByte());
      int length = wire.readByte() & 0x7f;
      wire.skipBytes(
          length == 126
              ? wire.readUnsignedShort()
              : length == 127 ? (int) wire.readLong() : length);
    }
    assertThat(opcodes).startsWith(0x01).endsWith(0x80).contains(0x00).hasSizeGreaterThan(4);
    assertThat(budget.usedBytes()).isZero();
    stream.close();
  }
}
