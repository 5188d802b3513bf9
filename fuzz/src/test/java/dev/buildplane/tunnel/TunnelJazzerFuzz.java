package dev.buildplane.tunnel;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.buildplane.fuzz.Corpus;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpRequestDecoder;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.net.URLDecoder;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// What the other end of a tunnel writes.
class TunnelJazzerFuzz {
  private static final byte[] EMPTY_SETTINGS = {0, 0, 0, 4, 0, 0, 0, 0, 0};

  @FuzzTest(maxDuration = "2m")
  void webSocketFrames(byte[] input) {
    assertThat(frames(input, 1)).isEqualTo(frames(input, Math.max(1, input.length)));
  }

  private static String frames(byte[] bytes, int piece) {
    var reader = new WebSocketFrameReader(true, WebSocketFrameReader.BINARY, Long.MAX_VALUE);
    var data = new ByteArrayOutputStream();
    var meaning = new StringBuilder();
    var sink = new WebSocketFrameReader.Sink() {
      @Override
      public void data(ByteBuf part) {
        var copy = new byte[part.readableBytes()];
        part.readBytes(copy);
        part.release();
        data.writeBytes(copy);
      }

      @Override
      public void messageEnd() {
        meaning.append(" end@").append(data.size());
      }

      @Override
      public void control(int opcode, byte[] payload) {
        assertThat(payload).hasSizeLessThanOrEqualTo(WebSocketFrameReader.MAX_CONTROL_BYTES);
        meaning.append(" ").append(opcode).append(HexFormat.of().formatHex(payload));
      }
    };
    try {
      for (int at = 0; at < bytes.length; at += piece) {
        reader.read(Unpooled.copiedBuffer(bytes, at, Math.min(bytes.length - at, piece)), sink);
      }
    } catch (WebSocketViolation violation) {
      meaning.append(" violation ").append(violation.closeCode()).append(violation.text());
    }
    assertThat(data.size()).isLessThanOrEqualTo(bytes.length);
    return meaning + " " + data.toString(ISO_8859_1);
  }

  @FuzzTest(maxDuration = "2m")
  void jsonRequests(byte[] input) {
    try {
      var request = JsonReader.request(new ByteArrayInputStream(input));
      assertThat(request.requestId().length()).isLessThanOrEqualTo(JsonReader.MAX_ID_CHARS);
      assertThat(request.headers().size()).isLessThanOrEqualTo(JsonReader.MAX_HEADER_FIELDS);
      assertThat(request.body()).noneMatch(piece -> piece.length == 0);
      assertThat(JsonPath.toRequestTarget(request.path(), request.query()))
          .matches(target -> target.chars().allMatch(c -> c > ' ' && c < 0x7f));
    } catch (MalformedMessage expected) {
      assertThat(expected.getMessage()).isNotBlank();
    }
    assertThat(JsonReader.requestIdOf(new ByteArrayInputStream(input)).length())
        .isLessThanOrEqualTo(JsonReader.MAX_ID_CHARS);
  }

  @FuzzTest(maxDuration = "2m")
  void jsonAnswers(byte[] input) {
    try {
      var answer = JsonReader.answer(new ByteArrayInputStream(input));
      assertThat(answer.headers().size()).isLessThanOrEqualTo(JsonReader.MAX_HEADER_FIELDS);
    } catch (MalformedMessage expected) {
      assertThat(expected.getMessage()).isNotBlank();
    }
  }

  /// The path of a message is taken at its word: what it comes out as decodes to it.
  @FuzzTest(maxDuration = "2m")
  void jsonPaths(byte[] input) {
    var raw = "/" + new String(input, ISO_8859_1).replaceAll("[^!-~]|[?#]", "");
    var message = JsonPath.toMessage(raw);
    var again = JsonPath.toRequestTarget(message, "");

    assertThat(again).matches(target -> target.chars().allMatch(c -> c > ' ' && c < 0x7f));
    assertThat(again).doesNotContain("?");
    assertThat(URLDecoder.decode(again.replace("+", "%2B"), UTF_8))
        .as("of " + raw)
        .isEqualTo(message);
  }

  @FuzzTest(maxDuration = "2m")
  void handshakes(byte[] input) {
    var channel = new EmbeddedChannel(new HttpRequestDecoder());
    try {
      channel.writeInbound(Unpooled.copiedBuffer(input));
      for (var message = channel.readInbound(); message != null; message = channel.readInbound()) {
        if (message instanceof HttpRequest request && request.decoderResult().isSuccess()) {
          handshake(request);
        }
        ReferenceCountUtil.release(message);
      }
    } finally {
      channel.finishAndReleaseAll();
    }
  }

  private static void handshake(HttpRequest request) {
    var metadata = WebSocketHandshake.metadata(request.headers());
    assertThat(metadata).hasSizeLessThanOrEqualTo(WebSocketHandshake.MAX_METADATA_ENTRIES);
    assertThat(metadata.values())
        .allSatisfy(value -> assertThat(value.length())
            .isLessThanOrEqualTo(WebSocketHandshake.MAX_METADATA_VALUE_CHARS));
    boolean h2 = WebSocketHandshake.offersH2(request.headers());
    if (WebSocketHandshake.fault(request).isEmpty()) {
      var answer = WebSocketHandshake.answer(request, h2);
      assertThat(answer.status().code()).isEqualTo(101);
      assertThat(answer.headers().get("sec-websocket-accept").getBytes(UTF_8)).hasSize(28);
      answer.release();
    }
  }

  /// The gateway is the client of HTTP/2 and writes to the agent without a mask.
  @FuzzTest(maxDuration = "2m")
  void http2AtTheAgent(byte[] input) {
    var handshake = new ChannelInboundHandlerAdapter();
    var channel = new EmbeddedChannel(handshake);
    Http2Tunnel.installAgentEnd(
        channel, List.of(handshake), TunnelSettings.defaults(), new Answering(), Optional.empty());
    http2(channel, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", input, false);
  }

  /// The agent is the server of HTTP/2, writes masked, and answers a request.
  @FuzzTest(maxDuration = "2m")
  void http2AtTheGateway(byte[] input) {
    var handshake = new ChannelInboundHandlerAdapter();
    var channel = new EmbeddedChannel(handshake);
    var tunnel = Http2Tunnel.installGatewayEnd(
        channel, new DefaultHttpHeaders(), List.of(handshake), TunnelSettings.defaults());
    tunnel.openStream(new Answering()).addListener((Future<Channel> opened) -> {
      if (opened.isSuccess()) {
        opened
            .getNow()
            .writeAndFlush(new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, "/"));
      }
    });
    channel.runPendingTasks();
    http2(channel, "", input, true);
  }

  /// Whatever comes, no exception leaves the pipeline, and nothing is held once the connection has ended.
  private static void http2(EmbeddedChannel channel, String preface, byte[] input, boolean masked) {
    var bytes = new ByteArrayOutputStream();
    bytes.writeBytes(preface.getBytes(ISO_8859_1));
    bytes.writeBytes(EMPTY_SETTINGS);
    bytes.writeBytes(input);
    try {
      channel.writeInbound(message(bytes.toByteArray(), masked));
      channel.runPendingTasks();
      channel.checkException();
    } finally {
      if (channel.isOpen()) {
        channel
            .pipeline()
            .firstContext()
            .close(); // as a connection that breaks: nobody answers a close
      }
      channel.finishAndReleaseAll();
    }
    assertThat(channel.isOpen()).isFalse();
    assertThat(TunnelSettings.defaults().budget().usedBytes()).isZero();
  }

  private static ByteBuf message(byte[] payload, boolean masked) {
    var frame = Unpooled.buffer();
    new WebSocketFrameWriter(masked, () -> 0)
        .head(frame, WebSocketFrameReader.BINARY, payload.length);
    return frame.writeBytes(payload);
  }

  /// Answers requests, and lets everything else go.
  @ChannelHandler.Sharable
  private static final class Answering extends ChannelInboundHandlerAdapter {
    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
      if (message instanceof HttpRequest) {
        ctx.writeAndFlush(new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK));
      }
      ReferenceCountUtil.release(message);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      assertThat(cause).isInstanceOf(TunnelException.class);
      ctx.close();
    }
  }

  @Test
  void framesThatAreNearlyThose() {
    Corpus.nearly(getClass(), "webSocketFrames", this::webSocketFrames);
  }

  @Test
  void requestsThatAreNearlyThose() {
    Corpus.nearly(getClass(), "jsonRequests", this::jsonRequests);
  }

  @Test
  void answersThatAreNearlyThose() {
    Corpus.nearly(getClass(), "jsonAnswers", this::jsonAnswers);
  }

  @Test
  void pathsThatAreNearlyThose() {
    Corpus.nearly(getClass(), "jsonPaths", this::jsonPaths);
  }

  @Test
  void handshakesThatAreNearlyThose() {
    Corpus.nearly(getClass(), "handshakes", this::handshakes);
  }

  @Test
  void streamsToTheAgentThatAreNearlyThose() {
    Corpus.nearly(getClass(), "http2AtTheAgent", this::http2AtTheAgent);
  }

  @Test
  void streamsToTheGatewayThatAreNearlyThose() {
    Corpus.nearly(getClass(), "http2AtTheGateway", this::http2AtTheGateway);
  }
}
