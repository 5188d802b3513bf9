package dev.buildplane.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.buildplane.fuzz.Corpus;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import org.junit.jupiter.api.Test;

/// What comes on a connection of HTTP/1.1 means the same however the network cuts it, and no more than its bytes say.
class RequestDecoderJazzerFuzz {
  private static final int MAX_BYTES = 4096;

  @FuzzTest(maxDuration = "2m")
  void requests(byte[] input) {
    if (input.length == 0 || input.length > MAX_BYTES) {
      return;
    }
    int piece = 1 + (input[0] & 0x1f);
    var whole = meaning(input, input.length);
    assertThat(meaning(input, piece)).as("in pieces of %s", piece).isEqualTo(whole);
  }

  /// Of the messages before the first that is broken; the first byte is not part of them.
  private static String meaning(byte[] input, int piece) {
    var channel = new EmbeddedChannel(new StrictRequestDecoder(HttpLimits.DEFAULT));
    for (int at = 1; at < input.length; at += piece) {
      channel.writeInbound(Unpooled.copiedBuffer(input, at, Math.min(piece, input.length - at)));
    }
    channel.checkException();
    var meaning = new StringBuilder();
    boolean broken = false;
    int content = 0;
    for (HttpObject message = channel.readInbound();
        message != null;
        message = channel.readInbound()) {
      broken |= message.decoderResult().isFailure();
      if (!broken) {
        content += tell(message, meaning);
      }
      ReferenceCountUtil.release(message);
    }
    channel.finishAndReleaseAll();
    assertThat(content).isLessThan(input.length);
    return meaning.append(broken ? "<broken>" : "").toString();
  }

  private static int tell(HttpObject message, StringBuilder meaning) {
    if (message instanceof HttpRequest request) {
      assertThat(request.headers().getAll("content-length")).hasSizeLessThanOrEqualTo(1);
      assertThat(request.headers().contains("content-length")
              && request.headers().contains("transfer-encoding"))
          .as("two ways to tell where the body ends")
          .isFalse();
      meaning
          .append(request.method())
          .append(' ')
          .append(request.uri())
          .append(request.headers().entries());
    }
    if (!(message instanceof HttpContent part)) {
      return 0;
    }
    meaning.append(part.content().toString(ISO_8859_1));
    if (part instanceof LastHttpContent last) {
      meaning.append("<end>").append(last.trailingHeaders().entries());
    }
    return part.content().readableBytes();
  }

  @Test
  void requestsThatAreNearlyThose() {
    Corpus.nearly(getClass(), "requests", this::requests);
  }
}
