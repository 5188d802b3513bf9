package dev.buildplane.http;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.LastHttpContent;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Requests that are nearly right mean the same in whatever pieces they come, and never more than their bytes say.
class StrictRequestDecoderFuzz {
  private static final long SEED = Long.getLong("seed", 20_261_125L);
  private static final int ROUNDS = 600;
  private static final List<String> REQUESTS = List.of(
      "GET /a?b HTTP/1.1\r\nHost: x\r\nAccept: y\r\n\r\n",
      "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
      "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: v\r\n\r\n");
  private static final List<String> PIECES = List.of(
      "\r\n",
      "\n",
      "\r",
      " ",
      "\t",
      ":",
      ";",
      "0",
      "5",
      "\u0000",
      "\u00ff",
      "Content-Length: 3\r\n",
      "Transfer-Encoding: chunked\r\n",
      "HTTP/1.0",
      "Host",
      "0\r\n\r\n",
      "GET ",
      "\r\n\r\n");

  @Test
  void theCutsOfTheWireDoNotMatter() {
    System.out.println("StrictRequestDecoderFuzz seed " + SEED);
    var random = new Random(SEED);
    for (int round = 0; round < ROUNDS; round++) {
      var bytes = mutated(random).getBytes(StandardCharsets.ISO_8859_1);
      var whole = read(bytes, bytes.length, random);
      assertThat(read(bytes, 1, random)).as("round %d, one by one", round).isEqualTo(whole);
      assertThat(read(bytes, 7, random)).as("round %d, in pieces", round).isEqualTo(whole);
    }
  }

  private static String mutated(Random random) {
    var text = new StringBuilder();
    for (int i = random.nextInt(3); i >= 0; i--) {
      text.append(REQUESTS.get(random.nextInt(REQUESTS.size())));
    }
    for (int change = random.nextInt(4); change > 0; change--) {
      int at = random.nextInt(text.length());
      switch (random.nextInt(3)) {
        case 0 -> text.setCharAt(at, (char) random.nextInt(256));
        case 1 -> text.insert(at, PIECES.get(random.nextInt(PIECES.size())));
        default -> text.deleteCharAt(at);
      }
    }
    return text.toString();
  }

  /// What the messages mean, up to the first that is broken.
  private static String read(byte[] bytes, int most, Random random) {
    var channel = new EmbeddedChannel(new StrictRequestDecoder(HttpLimits.DEFAULT));
    for (int at = 0; at < bytes.length; ) {
      int n = Math.min(bytes.length - at, most == 7 ? 1 + random.nextInt(most) : most);
      channel.writeInbound(Unpooled.copiedBuffer(bytes, at, n));
      at += n;
    }
    channel.checkException();
    var meaning = new StringBuilder();
    int content = 0;
    for (HttpObject message = channel.readInbound();
        message != null;
        message = channel.readInbound()) {
      content += tell(message, meaning);
      io.netty.util.ReferenceCountUtil.release(message);
    }
    channel.finishAndReleaseAll();
    assertThat(content).isLessThanOrEqualTo(bytes.length);
    return meaning.toString();
  }

  private static int tell(HttpObject message, StringBuilder meaning) {
    if (meaning.indexOf("<broken>") >= 0) {
      return 0;
    }
    if (message.decoderResult().isFailure()) {
      meaning.append("<broken>");
      return 0;
    }
    if (message instanceof HttpRequest request) {
      meaning
          .append(request.method())
          .append(' ')
          .append(request.uri())
          .append(request.headers().entries());
    }
    if (message instanceof HttpContent content) {
      meaning.append(content.content().toString(StandardCharsets.ISO_8859_1));
      if (content instanceof LastHttpContent last) {
        meaning.append("<end>").append(last.trailingHeaders().entries());
      }
      return content.content().readableBytes();
    }
    return 0;
  }
}
