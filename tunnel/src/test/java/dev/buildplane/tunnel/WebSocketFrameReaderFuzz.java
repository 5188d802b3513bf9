package dev.buildplane.tunnel;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Frames that are nearly right mean the same in whatever pieces they come: the same payload, the same control frames, the same
/// violation.
class WebSocketFrameReaderFuzz {
  private static final long SEED = Long.getLong("seed", 20_261_125L);
  private static final int ROUNDS = 3_000;

  @Test
  void theCutsOfTheWireDoNotMatter() {
    System.out.println("WebSocketFrameReaderFuzz seed " + SEED);
    var random = new Random(SEED);
    int violations = 0;
    for (int round = 0; round < ROUNDS; round++) {
      var bytes = frames(random);
      var whole = read(bytes, bytes.length, random);
      violations += whole.contains("violation") ? 1 : 0;
      assertThat(read(bytes, 1, random)).as("round %d", round).isEqualTo(whole);
      assertThat(read(bytes, 5, random)).as("round %d", round).isEqualTo(whole);
    }
    assertThat(violations).isBetween(ROUNDS / 20, ROUNDS - ROUNDS / 20);
  }

  private static byte[] frames(Random random) {
    var all = new ByteArrayOutputStream();
    boolean inMessage = false;
    for (int i = random.nextInt(5); i >= 0; i--) {
      boolean control = random.nextInt(3) == 0;
      boolean fin = control || random.nextBoolean();
      int opcode = control ? 9 + random.nextInt(2) : inMessage ? 0 : 2;
      var payload = new byte[random.nextInt(control || random.nextBoolean() ? 20 : 400)];
      random.nextBytes(payload);
      all.write((fin ? 0x80 : 0) | opcode);
      if (payload.length < 126) {
        all.write(0x80 | payload.length);
      } else {
        all.writeBytes(
            new byte[] {(byte) 0xfe, (byte) (payload.length >> 8), (byte) payload.length});
      }
      all.writeBytes(new byte[] {1, 2, 3, 4});
      all.writeBytes(payload);
      inMessage = control ? inMessage : !fin;
    }
    var bytes = all.toByteArray();
    for (int change = random.nextInt(3); change > 0; change--) {
      bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
    }
    return bytes;
  }

  private static String read(byte[] bytes, int most, Random random) {
    var reader = new WebSocketFrameReader(true, WebSocketFrameReader.BINARY, Long.MAX_VALUE);
    var data = new ByteArrayOutputStream();
    var meaning = new StringBuilder();
    var sink = new WebSocketFrameReader.Sink() {
      @Override
      public void data(ByteBuf part) {
        var piece = new byte[part.readableBytes()];
        part.readBytes(piece);
        part.release();
        data.writeBytes(piece);
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
      for (int at = 0; at < bytes.length; ) {
        int n = Math.min(bytes.length - at, most == 5 ? 1 + random.nextInt(most) : most);
        reader.read(Unpooled.copiedBuffer(bytes, at, n), sink);
        at += n;
      }
    } catch (WebSocketViolation violation) {
      meaning.append(" violation ").append(violation.closeCode()).append(violation.text());
    }
    assertThat(data.size()).isLessThanOrEqualTo(bytes.length);
    return meaning + " " + data.toString(StandardCharsets.ISO_8859_1);
  }
}
