package dev.buildplane.tunnel;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Against RFC 6455 section 5.3 to the letter, byte by byte.
class WebSocketMaskTest {
  private static final int SIZE = 100;

  static Stream<ByteBuf> buffers() {
    return Stream.of(
        Unpooled.directBuffer(SIZE),
        Unpooled.buffer(SIZE),
        Unpooled.compositeBuffer()
            .addComponent(true, Unpooled.directBuffer(41).writeZero(41))
            .addComponent(true, Unpooled.buffer(59).writeZero(59)));
  }

  @ParameterizedTest
  @MethodSource("buffers")
  void everyByteIsMaskedWithItsOwnAndNoOtherIsTouched(ByteBuf buffer) {
    var random = new Random(6455);
    var before = new byte[SIZE];
    var after = new byte[SIZE];
    try {
      for (int length = 0; length <= 40; length++) {
        for (int from = 0; from < 20; from++) {
          for (int phase = 0; phase < 6; phase++) {
            int mask = random.nextInt();
            random.nextBytes(before);
            buffer.clear().writeBytes(before);
            WebSocketMask.apply(buffer, from, from + length, mask, phase);
            for (int i = 0; i < length; i++) {
              before[from + i] ^= (byte) (mask >>> (24 - 8 * ((i + phase) % 4)));
            }
            buffer.getBytes(0, after);
            assertThat(after).isEqualTo(before);
          }
        }
      }
    } finally {
      buffer.release();
    }
  }
}
