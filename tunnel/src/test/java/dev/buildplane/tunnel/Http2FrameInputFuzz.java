package dev.buildplane.tunnel;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http2.Http2Exception;
import java.io.ByteArrayOutputStream;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Frames that are nearly right mean the same in whatever pieces they come: the same payload on the same streams, the same violation.
class Http2FrameInputFuzz {
  private static final long SEED = Long.getLong("seed", 20_261_127L);
  private static final int ROUNDS = 3_000;

  @Test
  void theCutsOfTheWireDoNotMatter() {
    System.out.println("Http2FrameInputFuzz seed " + SEED);
    var random = new Random(SEED);
    int violations = 0;
    for (int round = 0; round < ROUNDS; round++) {
      var bytes = frames(random);
      boolean preface = random.nextBoolean();
      var whole = read(bytes, preface, bytes.length, random);
      violations += whole.contains("violation") ? 1 : 0;
      assertThat(read(bytes, preface, 1, random)).as("round %d", round).isEqualTo(whole);
      assertThat(read(bytes, preface, 40, random)).as("round %d", round).isEqualTo(whole);
    }
    assertThat(violations).isBetween(ROUNDS / 50, ROUNDS - ROUNDS / 50);
  }

  private static byte[] frames(Random random) {
    var all = Unpooled.buffer();
    for (int i = random.nextInt(6); i >= 0; i--) {
      int type = random.nextInt(3) > 0 ? Http2Frames.DATA : random.nextInt(11);
      int flags = random.nextInt(3) == 0
          ? random.nextInt(256)
          : random.nextBoolean() ? Http2Frames.END_STREAM : 0;
      int length = random.nextInt(50) == 0 ? 16_380 + random.nextInt(8) : random.nextInt(300);
      Http2Frames.head(all, length, type, flags, random.nextInt(5));
      var payload = new byte[length];
      random.nextBytes(payload);
      if (length > 0 && random.nextInt(8) > 0) {
        payload[0] = (byte) random.nextInt(Math.min(length, 128)); // padding that fits
      }
      all.writeBytes(payload);
    }
    int broken = random.nextInt(4) == 0 ? random.nextInt(all.writerIndex()) : -1;
    if (broken >= 0) {
      all.setByte(broken, random.nextInt(256));
    }
    var bytes = new byte[all.readableBytes()];
    all.readBytes(bytes).release();
    return bytes;
  }

  /// What was found, with the pieces of a DATA frame put together.
  private static String read(byte[] frames, boolean preface, int most, Random random) {
    var input = new Http2FrameInput(preface);
    var all = new ByteArrayOutputStream();
    if (preface) {
      all.writeBytes(Http2Frames.PREFACE.array());
    }
    all.writeBytes(frames);
    var bytes = all.toByteArray();
    var meaning = new StringBuilder();
    var sink = new Http2FrameInput.Sink() {
      @Override
      public void dataBegins(int stream, int length, int padding) {
        assertThat(padding).isBetween(0, length);
        meaning.append("\ndata ").append(stream).append(' ').append(length).append(' ');
      }

      @Override
      public void data(int stream, ByteBuf piece, boolean endStream) {
        meaning.append(piece.toString(ISO_8859_1)).append(endStream ? " END" : "");
        piece.release();
      }

      @Override
      public void frame(int type, int flags, int stream, ByteBuf payload) {
        assertThat(payload.readableBytes()).isLessThanOrEqualTo(Http2Frames.PAYLOAD_BYTES);
        meaning.append("\nframe ").append(type).append(' ').append(flags).append(' ');
        meaning.append(stream).append(' ').append(payload.toString(ISO_8859_1));
      }
    };
    try {
      for (int at = 0; at < bytes.length; ) {
        int n = Math.min(bytes.length - at, most == 40 ? 1 + random.nextInt(most) : most);
        var piece = Unpooled.copiedBuffer(bytes, at, n);
        input.read(piece, sink);
        assertThat(piece.isReadable()).isFalse();
        piece.release();
        at += n;
      }
    } catch (Http2Exception violation) {
      meaning.append(" violation ").append(violation.error()).append(violation.getMessage());
    } finally {
      input.release();
    }
    return meaning.toString();
  }
}
