package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import java.util.function.Function;
import java.util.zip.CRC32C;

/// A long body nobody keeps: sent piece by piece as far as the channel takes it, checked by its CRC.
final class Pattern {
  private static final int PIECE_BYTES = 16 << 10;

  private long left;
  private final CRC32C crc = new CRC32C();
  private final byte[] piece = new byte[PIECE_BYTES];
  private int round;
  private boolean ended;

  Pattern(long bytes) {
    left = bytes;
  }

  /// Writes while the channel is writable; call it again when it is once more.
  void pump(Channel channel, Function<ByteBuf, Object> wrap, Object end) {
    while (left > 0 && channel.isActive() && channel.isWritable()) {
      int n = (int) Math.min(left, PIECE_BYTES);
      for (int i = 0; i < n; i += 61) {
        piece[i] = (byte) (round * 31 + i);
      }
      round++;
      crc.update(piece, 0, n);
      left -= n;
      channel.write(wrap.apply(Unpooled.copiedBuffer(piece, 0, n)));
    }
    if (left == 0 && !ended) {
      ended = true;
      channel.write(end);
    }
    channel.flush();
  }

  long crc() {
    return crc.getValue();
  }

  static long crcOf(long bytes) {
    var whole = new Pattern(bytes);
    while (whole.left > 0) {
      int n = (int) Math.min(whole.left, PIECE_BYTES);
      for (int i = 0; i < n; i += 61) {
        whole.piece[i] = (byte) (whole.round * 31 + i);
      }
      whole.round++;
      whole.crc.update(whole.piece, 0, n);
      whole.left -= n;
    }
    return whole.crc();
  }

  static void update(CRC32C crc, ByteBuf bytes) {
    for (var part : bytes.nioBuffers()) {
      crc.update(part);
    }
  }
}
