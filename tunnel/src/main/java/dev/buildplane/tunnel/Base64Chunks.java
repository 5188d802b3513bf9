package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;
import java.util.ArrayDeque;
import java.util.Base64;
import java.util.Deque;

/// Encodes a body in standard base64 (RFC 4648 section 4, with padding) as it comes, so that only the encoded form is held. Not
/// thread-safe.
final class Base64Chunks {
  /// A multiple of three, so that pieces need no padding but the last.
  private static final int RAW_BYTES = Chunks.CHUNK_BYTES / 4 * 3;

  private final Deque<byte[]> encoded = new ArrayDeque<>();
  private Chunks raw = new Chunks();
  private long rawBytes;

  /// How long `bytes` become.
  static long encodedBytes(long bytes) {
    return (bytes + 2) / 3 * 4;
  }

  /// Bytes written so far, before encoding.
  long rawBytes() {
    return rawBytes;
  }

  /// Reads all of `from`, which stays the caller's.
  void write(ByteBuf from) {
    rawBytes += from.readableBytes();
    while (from.isReadable()) {
      int n = (int) Math.min(RAW_BYTES - raw.size(), from.readableBytes());
      raw.write(from.readSlice(n));
      if (raw.size() == RAW_BYTES) {
        encode();
      }
    }
  }

  private void encode() {
    for (var piece : raw.take()) {
      encoded.add(Base64.getEncoder().encode(piece));
    }
  }

  /// The encoded pieces, in order; nothing may be written after.
  Deque<byte[]> take() {
    encode();
    raw = new Chunks();
    return encoded;
  }
}
