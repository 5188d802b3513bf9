package dev.buildplane.tunnel;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// [WebSocketCodec] of text messages.
class TextMessagesTest {
  private static final int MAX_MESSAGE_BYTES = 1 << 20;

  private final List<CloseReason> reasons = new ArrayList<>();
  private final AtomicInteger pongs = new AtomicInteger();
  private final WebSocketCodec.Owner owner = new WebSocketCodec.Owner() {
    @Override
    public void heard() {}

    @Override
    public void ending(CloseReason reason) {
      reasons.add(reason);
    }

    @Override
    public void pong() {
      pongs.incrementAndGet();
    }
  };

  private EmbeddedChannel channel(boolean client) {
    var codec = WebSocketCodec.text(owner, client, new SplittableRandom(1), MAX_MESSAGE_BYTES);
    var channel = new EmbeddedChannel(codec);
    codec.start();
    return channel;
  }

  private static ByteBuf bytes(String hex) {
    return Unpooled.wrappedBuffer(ByteBufUtil.decodeHexDump(hex));
  }

  @ParameterizedTest(name = "{0}: {1} -> {2}")
  @CsvSource({
    "binary, 828000000000, 1003",
    "unmasked, 8100, 1002",
    "continuation of nothing, 808000000000, 1002",
    "more than the bound in one frame, 81ff000000000010000100000000, 1009",
    "more than the bound over frames, 01ff00000000000fffff00000000, 0",
    "length beyond int, 81ff7fffffffffffffff00000000, 1009",
  })
  void violationsAreAnsweredWithTheirCloseCode(String name, String hex, int code) {
    var channel = channel(false);
    channel.writeInbound(bytes(hex));
    ByteBuf close = channel.readOutbound();
    if (code == 0) {
      assertThat(close).isNull();
      channel.writeInbound(Unpooled.buffer().writeZero((1 << 20) - 1));
      channel.writeInbound(bytes("808200000000"));
      close = channel.readOutbound();
      code = 1009;
    }
    assertThat(close.getUnsignedShort(2)).isEqualTo(code);
    assertThat(reasons).extracting(CloseReason::code).containsOnly(CloseReason.Code.PROTOCOL_ERROR);
    close.release();
    channel.finishAndReleaseAll();
  }

  @Test
  void aRefusedPeerHasAMomentToReadWhy() {
    var channel = channel(false);
    channel.writeInbound(bytes("828000000000"));
    assertThat(channel.isOpen()).isTrue();
    channel.advanceTimeBy(WebSocketCodec.LINGER_MILLIS, java.util.concurrent.TimeUnit.MILLISECONDS);
    channel.runScheduledPendingTasks();
    assertThat(channel.isOpen()).isFalse();
    channel.finishAndReleaseAll();
  }

  @Test
  void pongsAreTold() {
    var channel = channel(false);
    channel.writeInbound(bytes("8a8000000000"));
    assertThat(pongs).hasValue(1);
    channel.finishAndReleaseAll();
  }

  @Test
  void aPingThatCameWhileNothingCouldBeSentIsAnsweredLater() {
    var channel = channel(false);
    channel.unsafe().outboundBuffer().setUserDefinedWritability(1, false);
    channel.writeInbound(bytes("898100000000" + "61"));
    ByteBuf nothing = channel.readOutbound();
    assertThat(nothing).isNull();
    channel.unsafe().outboundBuffer().setUserDefinedWritability(1, true);
    channel.writeOutbound(new TextFrame(new byte[] {'x'}, true, true));
    ByteBuf pong = channel.readOutbound();
    assertThat(ByteBufUtil.hexDump(pong)).isEqualTo("8a0161");
    pong.release();
    channel.finishAndReleaseAll();
  }

  /// Messages cut into any frames by either end, and anywhere on the way, arrive as they were and one by one.
  @Test
  void messagesSurviveEveryCut() {
    long seed = Long.getLong("seed", 5L);
    System.out.println("TextMessagesTest seed " + seed);
    var random = new Random(seed);
    for (int round = 0; round < 40; round++) {
      var from = channel(round % 2 == 0);
      var to = channel(round % 2 != 0);
      var sent = new ArrayList<byte[]>();
      for (int message = 0; message < 5; message++) {
        var whole = new ByteArrayOutputStream();
        int frames = 1 + random.nextInt(4);
        for (int frame = 0; frame < frames; frame++) {
          var piece = new byte[random.nextInt(random.nextInt(5) == 0 ? 70_000 : 200)];
          random.nextBytes(piece);
          whole.writeBytes(piece);
          from.writeOutbound(new TextFrame(piece.clone(), frame == 0, frame == frames - 1));
        }
        sent.add(whole.toByteArray());
      }
      var wire = Unpooled.buffer();
      for (ByteBuf part = from.readOutbound(); part != null; part = from.readOutbound()) {
        wire.writeBytes(part);
        part.release();
      }
      while (wire.isReadable()) {
        int n = Math.min(wire.readableBytes(), 1 + random.nextInt(round < 10 ? 20 : 20_000));
        to.writeInbound(wire.readBytes(n));
      }
      assertThat(received(to)).as("round %d, seed %d", round, seed).containsExactlyElementsOf(sent);
      wire.release();
      from.finishAndReleaseAll();
      to.finishAndReleaseAll();
    }
  }

  private static List<byte[]> received(EmbeddedChannel channel) {
    var messages = new ArrayList<byte[]>();
    var current = new ByteArrayOutputStream();
    for (Object next = channel.readInbound(); next != null; next = channel.readInbound()) {
      if (next instanceof ByteBuf part) {
        current.writeBytes(ByteBufUtil.getBytes(part));
        part.release();
      } else {
        assertThat(next).isSameAs(TextFrame.END);
        messages.add(current.toByteArray());
        current.reset();
      }
    }
    return messages;
  }

  /// Whatever comes, the codec neither throws nor keeps a buffer.
  @Test
  void garbageNeverDoesWorseThanClose() {
    var random = new Random(9);
    for (int round = 0; round < 500; round++) {
      var channel = channel(false);
      var noise = new byte[1 + random.nextInt(60)];
      random.nextBytes(noise);
      channel.writeInbound(Unpooled.wrappedBuffer(noise));
      channel.checkException();
      channel.finishAndReleaseAll();
    }
  }
}
