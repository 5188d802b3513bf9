package dev.buildplane.tunnel;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelFuture;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WebSocketCodecTest {
  private final List<CloseReason> reasons = new ArrayList<>();
  private final WebSocketCodec.Owner owner = new WebSocketCodec.Owner() {
    @Override
    public void heard() {}

    @Override
    public void ending(CloseReason reason) {
      reasons.add(reason);
    }
  };

  private EmbeddedChannel server() {
    return started(WebSocketCodec.server(owner, new SplittableRandom(1)));
  }

  private EmbeddedChannel client() {
    return started(WebSocketCodec.client(owner, new SplittableRandom(2)));
  }

  private static EmbeddedChannel started(WebSocketCodec codec) {
    var channel = new EmbeddedChannel(codec);
    codec.start();
    return channel;
  }

  /// What a server must refuse, as the bytes of the frame, and the close code that answers it.
  @ParameterizedTest(name = "{0}: {1} -> {2}")
  @CsvSource({
    "reserved bit 1, c28000000000, 1002",
    "reserved bit 2, a28000000000, 1002",
    "reserved bit 3, 928000000000, 1002",
    "unknown data code, 838000000000, 1002",
    "unknown control code, 8b8000000000, 1002",
    "unmasked from the client, 8200, 1002",
    "text, 818000000000, 1003",
    "continuation of nothing, 808000000000, 1002",
    "a start inside a message, 028000000000828000000000, 1002",
    "fragmented ping, 098000000000, 1002",
    "ping of 126 bytes, 89fe007e, 1009",
    "close of one byte, 88810000000003, 1002",
    "close with code 1005, 88820000000003ed, 1002",
    "short length in two bytes, 82fe007d00000000, 1002",
    "short length in eight bytes, 82ff000000000000ffff00000000, 1002",
    "negative length, 82ff800000000000000000000000, 1002",
  })
  void violationsAreAnsweredWithTheirCloseCode(String name, String hex, int code) {
    var channel = server();
    channel.writeInbound(Unpooled.wrappedBuffer(ByteBufUtil.decodeHexDump(hex)));
    assertThat(closeCode(channel)).isEqualTo(code);
    assertThat(channel.isOpen()).isFalse();
    assertThat(reasons).extracting(CloseReason::code).containsOnly(CloseReason.Code.PROTOCOL_ERROR);
    channel.finishAndReleaseAll();
  }

  @Test
  void aMaskedFrameFromTheServerIsRefused() {
    var channel = client();
    channel.writeInbound(Unpooled.wrappedBuffer(ByteBufUtil.decodeHexDump("828000000000")));
    assertThat(channel.isOpen()).isFalse();
    channel.finishAndReleaseAll();
  }

  @Test
  void aPingIsAnsweredWithItsPayloadBetweenFragments() {
    var channel = server();
    channel.writeInbound(Unpooled.wrappedBuffer(ByteBufUtil.decodeHexDump("028100000000" + "61")));
    channel.writeInbound(
        Unpooled.wrappedBuffer(ByteBufUtil.decodeHexDump("898200000000" + "6869")));
    channel.writeInbound(Unpooled.wrappedBuffer(ByteBufUtil.decodeHexDump("808100000000" + "62")));
    assertThat(drain(channel, false)).isEqualTo("ab");
    ByteBuf pong = channel.readOutbound();
    assertThat(ByteBufUtil.hexDump(pong)).isEqualTo("8a026869");
    pong.release();
    channel.finishAndReleaseAll();
  }

  @Test
  void aCloseIsEchoedAndItsReasonTold() {
    var channel = server();
    channel.writeInbound(
        Unpooled.wrappedBuffer(ByteBufUtil.decodeHexDump("888500000000" + "03e9627965")));
    assertThat(closeCode(channel)).isEqualTo(1001);
    assertThat(reasons.getFirst().code()).isEqualTo(CloseReason.Code.CLOSED_BY_PEER);
    assertThat(reasons.getFirst().detail()).contains("1001").contains("bye");
    channel.finishAndReleaseAll();
  }

  private static BinaryFrame frame(String payload) {
    var bytes = BinaryFrame.buffer(UnpooledByteBufAllocator.DEFAULT, 16);
    bytes.writeCharSequence(payload, UTF_8);
    return new BinaryFrame(bytes);
  }

  @Test
  void aBinaryFrameLeavesAsItIsBehindItsHead() {
    for (int length : new int[] {1, 125, 126, 65_535, 65_536}) {
      for (var from : List.of(client(), server())) {
        var frame = frame("y".repeat(length));
        assertThat(from.writeAndFlush(frame).isSuccess()).isTrue();
        ByteBuf sent = from.readOutbound();
        assertThat(sent).isSameAs(frame.content());
        var to = (sent.getByte(sent.readerIndex() + 1) & 0x80) != 0 ? server() : client();
        to.writeInbound(sent);
        assertThat(drain(to, false)).isEqualTo("y".repeat(length));
        from.finishAndReleaseAll();
        to.finishAndReleaseAll();
      }
    }
  }

  @Test
  void aBinaryFrameWaitsItsTurnAndIsLetGoOnceTheSocketCloses() {
    var codec = WebSocketCodec.server(owner, new SplittableRandom(1));
    var channel = new EmbeddedChannel(codec);
    channel.write(Unpooled.copiedBuffer("a", UTF_8));
    channel.writeAndFlush(frame("b"));
    assertThat(channel.<Object>readOutbound())
        .as("before the handshake is over")
        .isNull();
    codec.start();
    channel.write(Unpooled.copiedBuffer("c", UTF_8));
    channel.writeAndFlush(frame("d"));
    var wire = wire(channel);
    assertThat(ByteBufUtil.hexDump(wire)).isEqualTo("8202" + "6162" + "8202" + "6364");
    wire.release();
    codec.refuse(new WebSocketViolation(WebSocketViolation.PROTOCOL_ERROR, "for the test"));
    var late = frame("e");
    assertThat(channel.writeAndFlush(late).cause()).isNotNull();
    assertThat(late.refCnt()).isZero();
    channel.finishAndReleaseAll();
  }

  @Test
  void oneFlushIsOneFrameAndEveryPromiseIsKept() {
    for (var channel : List.of(client(), server())) {
      var writes = new ArrayList<ChannelFuture>();
      for (int i = 0; i < 10; i++) {
        writes.add(channel.write(Unpooled.copiedBuffer("x".repeat(i), UTF_8)));
      }
      channel.flush();
      assertThat(writes).allMatch(ChannelFuture::isSuccess);
      var wire = wire(channel);
      assertThat(wire.getByte(1) & 0x7f).isEqualTo(45);
      wire.release();
      channel.finishAndReleaseAll();
    }
  }

  @Test
  void whatWasNotFlushedWhenTheConnectionEndsFails() {
    var channel = client();
    var unsent = channel.write(Unpooled.copiedBuffer("late", UTF_8));
    channel.pipeline().fireChannelInactive();
    assertThat(unsent.cause()).isInstanceOf(TunnelException.class);
    channel.finishAndReleaseAll();
  }

  /// Any bytes, written in any pieces by either end and cut anywhere on the way, arrive as they were.
  @Test
  void theStreamSurvivesEveryCut() {
    long seed = Long.getLong("seed", 42L);
    System.out.println("WebSocketCodecTest seed " + seed);
    var random = new Random(seed);
    for (int round = 0; round < 30; round++) {
      boolean up = round % 2 == 0;
      boolean tiny = round < 12;
      var from = up ? client() : server();
      var to = up ? server() : client();
      var expected = Unpooled.buffer();
      for (int i = 0; i < 12; i++) {
        var piece = new byte
            [!tiny && random.nextInt(4) == 0 ? random.nextInt(70_000) : random.nextInt(200)];
        random.nextBytes(piece);
        expected.writeBytes(piece);
        from.write(
            random.nextBoolean()
                ? Unpooled.wrappedBuffer(piece)
                : Unpooled.directBuffer().writeBytes(piece));
        if (random.nextInt(3) == 0) {
          from.flush();
        }
      }
      from.flush();
      var wire = wire(from);
      var arrived = Unpooled.buffer();
      while (wire.isReadable()) {
        int n = Math.min(
            wire.readableBytes(), tiny ? 1 + random.nextInt(7) : 1 + random.nextInt(20_000));
        to.writeInbound(wire.readBytes(n));
        collect(to, arrived, true);
      }
      assertThat(ByteBufUtil.equals(arrived, expected))
          .as("round %d, seed %d", round, seed)
          .isTrue();
      wire.release();
      from.finishAndReleaseAll();
      to.finishAndReleaseAll();
    }
  }

  /// Whatever comes, the reader neither throws anything but its own violation nor keeps a buffer.
  @Test
  void garbageNeverDoesWorseThanClose() {
    var random = new Random(7);
    for (int round = 0; round < 500; round++) {
      var channel = server();
      var noise = new byte[1 + random.nextInt(60)];
      random.nextBytes(noise);
      channel.writeInbound(Unpooled.wrappedBuffer(noise));
      channel.checkException();
      channel.finishAndReleaseAll();
    }
  }

  private static ByteBuf wire(EmbeddedChannel channel) {
    var all = Unpooled.buffer();
    collect(channel, all, false);
    return all;
  }

  private static String drain(EmbeddedChannel channel, boolean outbound) {
    var all = Unpooled.buffer();
    collect(channel, all, !outbound);
    return all.toString(UTF_8);
  }

  private static void collect(EmbeddedChannel channel, ByteBuf into, boolean inbound) {
    for (ByteBuf part = next(channel, inbound); part != null; part = next(channel, inbound)) {
      into.writeBytes(part);
      part.release();
    }
  }

  private static ByteBuf next(EmbeddedChannel channel, boolean inbound) {
    return inbound ? channel.readInbound() : channel.readOutbound();
  }

  private static int closeCode(EmbeddedChannel channel) {
    ByteBuf close = channel.readOutbound();
    try {
      assertThat(close.getByte(0) & 0xff).isEqualTo(0x88);
      return close.getUnsignedShort(2);
    } finally {
      close.release();
    }
  }
}
