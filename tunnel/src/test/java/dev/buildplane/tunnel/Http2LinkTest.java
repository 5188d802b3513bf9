package dev.buildplane.tunnel;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.util.ReferenceCountUtil;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What RFC 9113 asks of an end, frame by frame.
class Http2LinkTest {
  private static final int WINDOW = TunnelSettings.DEFAULT_STREAM_WINDOW_BYTES;

  private final List<Channel> streams = new ArrayList<>();
  private final List<Throwable> failures = new ArrayList<>();
  private Wire wire = Wire.agent(TunnelSettings.defaults(), new Streams());

  @AfterEach
  void nothingIsHeld() {
    wire.close();
    assertThat(MemoryBudget.process().usedBytes()).isZero();
    assertThat(streams).noneMatch(Channel::isOpen);
  }

  /// Answers `/N` with as many bytes; leaves `/unread` alone.
  @ChannelHandler.Sharable
  private final class Streams extends ChannelInitializer<Channel> {
    @Override
    protected void initChannel(Channel stream) {
      streams.add(stream);
      stream.pipeline().addLast(new Target());
    }
  }

  private final class Target extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      if (msg instanceof HttpRequest request) {
        if (request.uri().equals("/unread")) {
          ctx.channel().config().setAutoRead(false);
        } else {
          answer(ctx, Integer.parseInt(request.uri().substring(1)));
        }
      }
      ReferenceCountUtil.release(msg);
    }

    private static void answer(ChannelHandlerContext ctx, int bytes) {
      ctx.writeAndFlush(new DefaultFullHttpResponse(
          HttpVersion.HTTP_1_1, HttpResponseStatus.OK, Unpooled.wrappedBuffer(new byte[bytes])));
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      failures.add(cause);
    }
  }

  private static List<Wire.Frame> of(int type, List<Wire.Frame> frames) {
    return frames.stream().filter(frame -> frame.type() == type).toList();
  }

  private static int bytes(List<Wire.Frame> frames) {
    return of(Http2Frames.DATA, frames).stream()
        .mapToInt(frame -> frame.payload().length)
        .sum();
  }

  private List<Wire.Frame> settled(int... settings) throws Exception {
    return wire.settings(settings).frames();
  }

  private void assertReset(List<Wire.Frame> frames, int stream, Http2Error code) {
    assertThat(of(Http2Frames.RST_STREAM, frames)).singleElement().satisfies(reset -> {
      assertThat(reset.stream()).isEqualTo(stream);
      assertThat(reset.number()).isEqualTo((int) code.code());
    });
    assertThat(wire.isOpen()).isTrue();
  }

  private void assertGone(List<Wire.Frame> frames, Http2Error code) {
    assertThat(of(Http2Frames.GOAWAY, frames))
        .singleElement()
        .satisfies(goAway -> assertThat(goAway.number()).isEqualTo((int) code.code()));
    assertThat(wire.isOpen()).isFalse();
  }

  @Test
  void theAgentBeginsWithItsSettingsAndAWideWindow() throws Exception {
    var frames = wire.frames();
    assertThat(frames.getFirst().type()).isEqualTo(Http2Frames.SETTINGS);
    var payload = ByteBuffer.wrap(frames.getFirst().payload());
    var settings = new java.util.TreeMap<Integer, Integer>();
    while (payload.hasRemaining()) {
      settings.put((int) payload.getShort(), payload.getInt());
    }
    assertThat(settings)
        .containsEntry(Http2Frames.INITIAL_WINDOW_SIZE, WINDOW)
        .containsEntry(
            Http2Frames.MAX_CONCURRENT_STREAMS, TunnelSettings.DEFAULT_MAX_CONCURRENT_STREAMS)
        .containsEntry(
            Http2Frames.MAX_HEADER_LIST_SIZE, TunnelSettings.DEFAULT_MAX_HEADER_LIST_BYTES)
        .containsEntry(Http2Frames.ENABLE_CONNECT_PROTOCOL, 1);
    assertThat(of(Http2Frames.WINDOW_UPDATE, frames)).singleElement().satisfies(update -> {
      assertThat(update.stream()).isZero();
      assertThat(update.number()).isGreaterThan(32 << 20);
    });
    assertThat(of(Http2Frames.SETTINGS, settled()))
        .singleElement()
        .satisfies(ack -> assertThat(ack.flags()).isEqualTo(Http2Frames.ACK));
  }

  @Test
  void anAnswerWithoutABodyIsOneFrameAndASmallOneTwo() throws Exception {
    settled();
    var empty = wire.get(1, "/0").frames();
    assertThat(empty).singleElement().satisfies(head -> {
      assertThat(head.type()).isEqualTo(Http2Frames.HEADERS);
      assertThat(head.ends()).isTrue();
    });
    var small = wire.get(3, "/700").frames();
    assertThat(small)
        .extracting(Wire.Frame::type)
        .containsExactly(Http2Frames.HEADERS, Http2Frames.DATA);
    assertThat(small.getLast().payload()).hasSize(700);
    assertThat(small.getLast().ends()).isTrue();
  }

  @Test
  void sendersTakeTurnsOfAFrame() throws Exception {
    settled(Http2Frames.INITIAL_WINDOW_SIZE, 1 << 20);
    var first = wire.get(1, "/200000").get(3, "/200000").frames();
    assertThat(bytes(first)).as("the connection's window").isEqualTo(65_535);

    var turns = of(
        Http2Frames.DATA, wire.number(Http2Frames.WINDOW_UPDATE, 0, 8 * 16_384).frames());
    assertThat(bytes(turns)).isEqualTo(8 * 16_384);
    assertThat(turns)
        .hasSizeBetween(8, 9)
        .extracting(frame -> frame.payload().length)
        .as("a frame ends where a TLS record of 16 KiB does")
        .filteredOn(length -> length > 16_300 && length <= 16_384)
        .hasSizeGreaterThanOrEqualTo(8);
    for (int i = 1; i < turns.size(); i++) {
      assertThat(turns.get(i).stream()).isNotEqualTo(turns.get(i - 1).stream());
    }
    var rest = wire.number(Http2Frames.WINDOW_UPDATE, 0, 1 << 20).frames();
    assertThat(65_535 + 8 * 16_384 + bytes(rest)).isEqualTo(400_000);
    assertThat(of(Http2Frames.DATA, rest).stream().filter(Wire.Frame::ends)).hasSize(2);
  }

  @Test
  void aLongBodyLeavesInFullRecordsWithAFrameInEach() throws Exception {
    settled(Http2Frames.INITIAL_WINDOW_SIZE, 1 << 20);
    wire.number(Http2Frames.WINDOW_UPDATE, 0, 1 << 20).frames();
    var frames = of(Http2Frames.DATA, wire.get(1, "/500000").frames());
    assertThat(bytes(frames)).isEqualTo(500_000);
    assertThat(wire.writes()).hasSize(8);
    assertThat(wire.writes().subList(0, 7)).containsOnly(4 * 16_384);
    assertThat(frames).hasSize(31);
    assertThat(frames.subList(1, 28)).allMatch(frame -> frame.payload().length > 16_300);
  }

  @Test
  void whatAStreamSendsOnGoesIntoItsLastFrame() throws Exception {
    settled(Http2Frames.INITIAL_WINDOW_SIZE, 1 << 20);
    wire.get(1, "/unread").frames();
    var stream = streams.getFirst();
    stream.write(new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK));
    for (int i = 0; i < 10; i++) {
      stream.write(new DefaultHttpContent(Unpooled.wrappedBuffer(new byte[1000])));
    }
    stream.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT);
    assertThat(of(Http2Frames.DATA, wire.frames())).singleElement().satisfies(all -> {
      assertThat(all.payload()).hasSize(10_000);
      assertThat(all.ends()).isTrue();
    });
    stream.config().setAutoRead(true);
  }

  @Test
  void aSendersWindowMayShrinkBelowNothing() throws Exception {
    settled(Http2Frames.INITIAL_WINDOW_SIZE, 1000);
    assertThat(bytes(wire.get(1, "/5000").frames())).isEqualTo(1000);
    assertThat(bytes(settled(Http2Frames.INITIAL_WINDOW_SIZE, 400))).isZero();
    assertThat(bytes(wire.number(Http2Frames.WINDOW_UPDATE, 1, 500).frames())).isZero();
    assertThat(bytes(wire.number(Http2Frames.WINDOW_UPDATE, 1, 150).frames())).isEqualTo(50);
    assertThat(bytes(settled(Http2Frames.INITIAL_WINDOW_SIZE, 10_000))).isEqualTo(3950);
  }

  @Test
  void aWindowGrowsByWhatIsReadAndNotBefore() throws Exception {
    settled();
    var post =
        new String[] {":method", "POST", ":scheme", "https", ":authority", "k8s", ":path", "/unread"
        };
    wire.headers(1, false, post);
    wire.frames();
    for (int i = 0; i < WINDOW / 16_384; i++) {
      wire.frame(Http2Frames.DATA, 0, 1, new byte[16_384]);
    }
    assertThat(of(Http2Frames.WINDOW_UPDATE, wire.frames())).isEmpty();
    assertThat(MemoryBudget.process().usedBytes()).isGreaterThanOrEqualTo(WINDOW);

    streams.getFirst().config().setAutoRead(true);
    var updates = of(Http2Frames.WINDOW_UPDATE, wire.frames());
    assertThat(updates).allMatch(update -> update.stream() == 1);
    assertThat(updates.stream().mapToInt(Wire.Frame::number).sum()).isGreaterThanOrEqualTo(WINDOW);
    assertThat(MemoryBudget.process().usedBytes()).isZero();
  }

  /// Under pressure a stream may hold 64 KiB. One that is read holds nothing, however much comes at once.
  @Test
  void whatIsReadAsItComesNeedsNoMemory() throws Exception {
    wire.close();
    var budget = new MemoryBudget(1 << 20);
    wire = Wire.agent(TunnelSettings.defaults().withBudget(budget), new Streams());
    settled();
    wire.headers(
        1, false, ":method", "POST", ":scheme", "https", ":authority", "k8s", ":path", "/unread");
    wire.frames();
    streams.getLast().config().setAutoRead(true);
    budget.take(1 << 20);
    for (int i = 0; i < 40; i++) {
      wire.frame(Http2Frames.DATA, 0, 1, new byte[16_384]);
    }
    assertThat(of(Http2Frames.RST_STREAM, wire.frames())).isEmpty();
    assertThat(budget.usedBytes()).isEqualTo(1 << 20);
    budget.giveBack(1 << 20);
  }

  @Test
  void dataBeyondTheWindowEndsItsStreamOnly() throws Exception {
    settled();
    wire.headers(
        1, false, ":method", "POST", ":scheme", "https", ":authority", "k8s", ":path", "/unread");
    wire.frames();
    for (int i = 0; i < WINDOW / 16_384; i++) {
      wire.frame(Http2Frames.DATA, 0, 1, new byte[16_384]);
    }
    wire.frames();
    assertReset(
        wire.frame(Http2Frames.DATA, 0, 1, (byte) 1).frames(), 1, Http2Error.FLOW_CONTROL_ERROR);
    assertThat(failures).singleElement().isInstanceOf(TunnelException.class);
    assertThat(bytes(wire.frame(Http2Frames.DATA, 0, 1, (byte) 2).get(3, "/7").frames()))
        .as("what was on its way for the stream is passed over")
        .isEqualTo(7);
  }

  @Test
  void paddingCountsAndIsNotHandedUp() throws Exception {
    settled();
    wire.headers(
        1, false, ":method", "POST", ":scheme", "https", ":authority", "k8s", ":path", "/unread");
    wire.frames();
    streams.getFirst().config().setAutoRead(true);
    int frames = WINDOW / 4 / 256 + 1;
    for (int i = 0; i < frames; i++) {
      var padded = new byte[256];
      padded[0] = (byte) 255;
      wire.frame(Http2Frames.DATA, Http2Frames.PADDED, 1, padded);
    }
    assertThat(of(Http2Frames.WINDOW_UPDATE, wire.frames()))
        .singleElement()
        .satisfies(update -> assertThat(update.number()).isGreaterThanOrEqualTo(WINDOW / 4));
  }

  @Test
  void aWindowUpdateOfNothingIsAnError() throws Exception {
    settled(Http2Frames.INITIAL_WINDOW_SIZE, 10);
    wire.get(1, "/100").frames();
    assertReset(
        wire.number(Http2Frames.WINDOW_UPDATE, 1, 0).frames(), 1, Http2Error.PROTOCOL_ERROR);
    assertGone(wire.number(Http2Frames.WINDOW_UPDATE, 0, 0).frames(), Http2Error.PROTOCOL_ERROR);
  }

  @Test
  void moreStreamsThanAllowedAreRefused() throws Exception {
    wire.close();
    wire = Wire.agent(TunnelSettings.defaults().withMaxConcurrentStreams(2), new Streams());
    settled();
    wire.get(1, "/unread").get(3, "/unread").frames();
    assertReset(wire.get(5, "/1").frames(), 5, Http2Error.REFUSED_STREAM);
    wire.number(Http2Frames.RST_STREAM, 1, (int) Http2Error.CANCEL.code());
    assertThat(bytes(wire.get(7, "/9").frames())).isEqualTo(9);
  }

  @Test
  void trailersThatEndNothingEndTheStream() throws Exception {
    settled();
    wire.headers(
        1, false, ":method", "POST", ":scheme", "https", ":authority", "k8s", ":path", "/unread");
    wire.frames();
    assertReset(wire.headers(1, false, "x-checksum", "1").frames(), 1, Http2Error.PROTOCOL_ERROR);
  }

  @Test
  void aStreamThatNobodyOpenedIsAnErrorOfTheConnection() throws Exception {
    settled();
    assertGone(wire.frame(Http2Frames.DATA, 0, 9, (byte) 1).frames(), Http2Error.PROTOCOL_ERROR);
  }

  @Test
  void anEvenStreamIsAnErrorOfTheConnection() throws Exception {
    settled();
    assertGone(wire.get(2, "/1").frames(), Http2Error.PROTOCOL_ERROR);
  }

  @Test
  void settingsComeFirst() throws Exception {
    assertGone(wire.frame(Http2Frames.PING, 0, 0, new byte[8]).frames(), Http2Error.PROTOCOL_ERROR);
  }

  @Test
  void aFrameAmidAHeaderBlockIsAnErrorOfTheConnection() throws Exception {
    settled();
    wire.frame(Http2Frames.HEADERS, 0, 1, (byte) 0x82);
    assertGone(wire.frame(Http2Frames.PING, 0, 0, new byte[8]).frames(), Http2Error.PROTOCOL_ERROR);
  }

  @Test
  void aPingIsAnswered() throws Exception {
    settled();
    var frames =
        wire.frame(Http2Frames.PING, 0, 0, new byte[] {1, 2, 3, 4, 5, 6, 7, 8}).frames();
    assertThat(frames).singleElement().satisfies(pong -> {
      assertThat(pong.flags()).isEqualTo(Http2Frames.ACK);
      assertThat(pong.payload()).containsExactly(new byte[] {1, 2, 3, 4, 5, 6, 7, 8});
    });
  }

  /// RFC 9113 sections 4.1, 5.5 and 6.5.2: what a later version may say is no error to this one.
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void framesAndSettingsOfUnknownKindsAreIgnored(boolean gateway) throws Exception {
    if (gateway) {
      wire.close();
      wire = Wire.gateway(TunnelSettings.defaults());
    }
    settled(0x4242, 7);
    int stream = gateway ? 0 : 1;
    if (!gateway) {
      wire.get(stream, "/unread").frames();
    }
    assertThat(wire.frame(0x42, 0xff, 0, new byte[100])
            .frame(0xfe, Http2Frames.END_STREAM, stream, new byte[5])
            .frames())
        .isEmpty();
    assertThat(
            of(Http2Frames.PING, wire.frame(Http2Frames.PING, 0, 0, new byte[8]).frames()))
        .hasSize(1);
    assertThat(wire.isOpen()).isTrue();
    if (!gateway) {
      assertThat(bytes(wire.get(3, "/9").frames())).isEqualTo(9);
    }
  }

  private static HttpRequest request(HttpMethod method) {
    var request = new DefaultHttpRequest(HttpVersion.HTTP_1_1, method, "/");
    request.headers().set("host", "k8s");
    return request;
  }

  @Test
  void aHeadWithoutAHostFailsAtOnce() throws Exception {
    wire.close();
    wire = Wire.gateway(TunnelSettings.defaults());
    settled();
    wire.gatewayEnd().openStream(new ChannelInboundHandlerAdapter() {
      @Override
      public void channelActive(ChannelHandlerContext ctx) {
        streams.add(ctx.channel());
        ctx.writeAndFlush(new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, "/"));
      }

      @Override
      public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        failures.add(cause);
      }
    });
    assertThat(wire.frames()).isEmpty();
    assertThat(failures).singleElement().isInstanceOfSatisfying(TunnelException.class, failure -> {
      assertThat(failure.code()).isEqualTo(TunnelException.Code.PROTOCOL);
      assertThat(failure).hasMessageContaining(":authority");
    });
    assertThat(wire.isOpen()).isTrue();
  }

  @Test
  void aHeadTooLongForOneFrameGoesOnInOthers() throws Exception {
    wire.close();
    wire = Wire.gateway(TunnelSettings.defaults());
    settled();
    var request = request(HttpMethod.GET);
    for (int i = 0; i < 5; i++) {
      request.headers().set("x-" + i, "{}|".repeat(2500));
    }
    wire.gatewayEnd().openStream(new ChannelInboundHandlerAdapter() {
      @Override
      public void channelActive(ChannelHandlerContext ctx) {
        streams.add(ctx.channel());
        ctx.writeAndFlush(request);
      }
    });
    var frames = wire.frames();
    assertThat(frames.getFirst().type()).isEqualTo(Http2Frames.HEADERS);
    assertThat(frames.getFirst().payload()).hasSize(16_384);
    assertThat(frames.size()).isGreaterThan(1);
    assertThat(frames.subList(1, frames.size()))
        .allMatch(frame -> frame.type() == Http2Frames.CONTINUATION && frame.stream() == 1);
    assertThat(frames.getLast().flags()).isEqualTo(Http2Frames.END_HEADERS);
    assertThat(frames.subList(0, frames.size() - 1))
        .noneMatch(frame -> (frame.flags() & Http2Frames.END_HEADERS) != 0);
  }

  /// An answer that is whole stays so, whatever happens to the request's rest (RFC 9113 section 8.1).
  @Test
  void aResetAfterTheWholeAnswerTakesNothingOfIt() throws Exception {
    wire.close();
    wire = Wire.gateway(TunnelSettings.defaults());
    settled();
    var read = new ArrayList<Object>();
    wire.gatewayEnd().openStream(new ChannelInboundHandlerAdapter() {
      @Override
      public void channelActive(ChannelHandlerContext ctx) {
        streams.add(ctx.channel());
        ctx.channel().config().setAutoRead(false);
        ctx.writeAndFlush(request(HttpMethod.POST));
      }

      @Override
      public void channelRead(ChannelHandlerContext ctx, Object msg) {
        read.add(msg);
        ReferenceCountUtil.release(msg);
      }

      @Override
      public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        failures.add(cause);
      }
    });
    wire.frames();
    wire.headers(1, false, ":status", "200");
    wire.frame(Http2Frames.DATA, Http2Frames.END_STREAM, 1, new byte[100]);
    wire.number(Http2Frames.RST_STREAM, 1, (int) Http2Error.NO_ERROR.code()).frames();
    assertThat(read).isEmpty();
    streams.getFirst().read();
    wire.frames();
    assertThat(read).hasSize(2);
    assertThat(failures).isEmpty();
    assertThat(streams.getFirst().isOpen()).isFalse();
  }
}
