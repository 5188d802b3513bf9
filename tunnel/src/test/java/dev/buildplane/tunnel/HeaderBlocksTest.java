package dev.buildplane.tunnel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersEncoder;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2Headers;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class HeaderBlocksTest {
  private static final int LIST_BYTES = 8 << 10;

  private final HeaderBlocks blocks = new HeaderBlocks(LIST_BYTES);
  private final DefaultHttp2HeadersEncoder encoder = new DefaultHttp2HeadersEncoder();

  @AfterEach
  void release() {
    blocks.release();
    encoder.close();
  }

  private ByteBuf encoded(Http2Headers headers) throws Http2Exception {
    var block = Unpooled.buffer();
    encoder.encodeHeaders(1, headers, block);
    return block;
  }

  private static Http2Headers request(String... fields) {
    var headers = new DefaultHttp2Headers(false)
        .method("GET")
        .scheme("https")
        .authority("k8s")
        .path("/api");
    for (int i = 0; i < fields.length; i += 2) {
      headers.add(fields[i], fields[i + 1]);
    }
    return headers;
  }

  @Test
  void aBlockInOneFrameIsReadWhereItLies() throws Exception {
    var payload = encoded(request("x-a", "1"));
    blocks.begin(7, Http2Frames.END_HEADERS | Http2Frames.END_STREAM, payload);
    assertThat(blocks.open()).isFalse();
    assertThat(blocks.complete()).isTrue();
    assertThat(blocks.stream()).isEqualTo(7);
    assertThat(blocks.endsStream()).isTrue();
    var headers = blocks.decode();
    assertThat(headers.path()).hasToString("/api");
    assertThat(headers.get("x-a")).hasToString("1");
    assertThat(blocks.complete()).isFalse();
    assertThat(payload.refCnt()).isEqualTo(1);
    payload.release();
  }

  @Test
  void aBlockInThreeFramesIsPutTogether() throws Exception {
    var payload = encoded(request("x-long", "v".repeat(600)));
    int third = payload.readableBytes() / 3;
    blocks.begin(1, 0, payload.readSlice(third));
    assertThat(blocks.open()).isTrue();
    blocks.continued(1, payload.readSlice(third), false);
    assertThat(blocks.complete()).isFalse();
    blocks.continued(1, payload, true);
    assertThat(blocks.decode().get("x-long")).hasToString("v".repeat(600));
    payload.release();
  }

  @Test
  void aPriorityIsPassedOver() throws Exception {
    var payload = Unpooled.buffer().writeInt(3).writeByte(16).writeBytes(encoded(request()));
    blocks.begin(1, Http2Frames.END_HEADERS | Http2Frames.WITH_PRIORITY, payload);
    assertThat(blocks.decode().method()).hasToString("GET");
    payload.release();
  }

  @Test
  void aContinuationOfNothingOrOfAnotherStreamIsAnError() throws Exception {
    var empty = Unpooled.EMPTY_BUFFER;
    assertThatThrownBy(() -> blocks.continued(1, empty, true))
        .isInstanceOfSatisfying(
            Http2Exception.class, e -> assertThat(e.error()).isEqualTo(Http2Error.PROTOCOL_ERROR));
    blocks.begin(1, 0, encoded(request()));
    assertThatThrownBy(() -> blocks.continued(3, empty, true)).hasMessageContaining("stream 3");
  }

  @Test
  void continuationsEndAtTheirBound() throws Exception {
    blocks.begin(1, 0, encoded(request()));
    for (int i = 0; i < HeaderBlocks.MOST_CONTINUATIONS; i++) {
      blocks.continued(1, Unpooled.EMPTY_BUFFER, false);
    }
    assertThatThrownBy(() -> blocks.continued(1, Unpooled.EMPTY_BUFFER, false))
        .isInstanceOfSatisfying(
            Http2Exception.class,
            e -> assertThat(e.error()).isEqualTo(Http2Error.ENHANCE_YOUR_CALM));
  }

  @Test
  void aBlockLongerThanAnyListThatIsTakenIsNotGathered() throws Exception {
    blocks.begin(1, 0, Unpooled.wrappedBuffer(new byte[LIST_BYTES]));
    assertThatThrownBy(
            () -> blocks.continued(1, Unpooled.wrappedBuffer(new byte[LIST_BYTES]), true))
        .isInstanceOfSatisfying(
            Http2Exception.class,
            e -> assertThat(e.error()).isEqualTo(Http2Error.ENHANCE_YOUR_CALM));
  }

  /// The table has to be right for the next block, whatever was wrong with this one.
  @Test
  void aListTooLongOrInvalidSpoilsItsStreamOnly() throws Exception {
    var tooLong = encoded(request("x-first", "1", "x-big", "v".repeat(LIST_BYTES)));
    blocks.begin(1, Http2Frames.END_HEADERS, tooLong);
    assertThatThrownBy(blocks::decode)
        .isInstanceOf(Http2Exception.HeaderListSizeException.class)
        .satisfies(
            e -> assertThat(Http2Exception.isStreamError((Http2Exception) e)).isTrue());
    blocks.begin(3, Http2Frames.END_HEADERS, encoded(request("x-second\n", "2")));
    assertThatThrownBy(blocks::decode)
        .satisfies(
            e -> assertThat(Http2Exception.isStreamError((Http2Exception) e)).isTrue());
    blocks.begin(5, Http2Frames.END_HEADERS, encoded(request("x-first", "1")));
    assertThat(blocks.decode().get("x-first")).hasToString("1");
  }
}
