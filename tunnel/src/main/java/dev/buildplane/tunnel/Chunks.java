package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/// Bytes on the heap, gathered in pieces of at most [#CHUNK_BYTES], so that growing copies little and reading gives memory back
/// as it goes. Not thread-safe.
final class Chunks extends OutputStream {
  static final int CHUNK_BYTES = 64 << 10;

  private static final int FIRST_BYTES = 1 << 10;

  private final ArrayDeque<byte[]> full = new ArrayDeque<>();
  private byte[] last = {};
  private int lastBytes;
  private long size;

  long size() {
    return size;
  }

  @Override
  public void write(int b) {
    room(1);
    last[lastBytes++] = (byte) b;
    size++;
  }

  @Override
  public void write(byte[] from, int offset, int length) {
    Objects.checkFromIndexSize(offset, length, from.length);
    for (int done = 0; done < length; ) {
      int n = room(length - done);
      System.arraycopy(from, offset + done, last, lastBytes, n);
      lastBytes += n;
      done += n;
    }
    size += length;
  }

  /// Reads all of `from`, which stays the caller's.
  void write(ByteBuf from) {
    int length = from.readableBytes();
    while (from.isReadable()) {
      int n = room(from.readableBytes());
      from.readBytes(last, lastBytes, n);
      lastBytes += n;
    }
    size += length;
  }

  /// Makes room behind the bytes of the last piece.
  ///
  /// @return how many of the `wanted` bytes fit now, at least one
  private int room(int wanted) {
    if (lastBytes == CHUNK_BYTES) {
      full.add(last);
      last = new byte[Math.min(CHUNK_BYTES, Math.max(wanted, FIRST_BYTES))];
      lastBytes = 0;
    }
    int needed = Math.min(CHUNK_BYTES, lastBytes + wanted);
    if (last.length < needed) {
      last = Arrays.copyOf(
          last, Math.min(CHUNK_BYTES, Math.max(needed, Math.max(FIRST_BYTES, 2 * last.length))));
    }
    return Math.min(wanted, last.length - lastBytes);
  }

  /// The pieces, none of them empty; the bytes are no longer here.
  List<byte[]> take() {
    var pieces = new ArrayList<>(full);
    if (lastBytes > 0) {
      pieces.add(lastBytes == last.length ? last : Arrays.copyOf(last, lastBytes));
    }
    clear();
    return pieces;
  }

  /// Reads the pieces, letting go of each once it has been read; the bytes are no longer here.
  InputStream drain() {
    return new Draining(new ArrayDeque<>(take()));
  }

  /// The first piece, which stays here.
  byte[] head() {
    return full.isEmpty() ? Arrays.copyOf(last, lastBytes) : full.getFirst();
  }

  private void clear() {
    full.clear();
    last = new byte[0];
    lastBytes = 0;
    size = 0;
  }

  private static final class Draining extends InputStream {
    private final ArrayDeque<byte[]> pieces;
    private byte[] current = {};
    private int at;

    Draining(ArrayDeque<byte[]> pieces) {
      this.pieces = pieces;
    }

    private boolean ended() {
      while (at == current.length) {
        var next = pieces.poll();
        if (next == null) {
          current = new byte[0];
          at = 0;
          return true;
        }
        current = next;
        at = 0;
      }
      return false;
    }

    @Override
    public int read() {
      return ended() ? -1 : current[at++] & 0xff;
    }

    @Override
    public int read(byte[] into, int offset, int length) {
      Objects.checkFromIndexSize(offset, length, into.length);
      if (length == 0) {
        return 0;
      }
      if (ended()) {
        return -1;
      }
      int n = Math.min(length, current.length - at);
      System.arraycopy(current, at, into, offset, n);
      at += n;
      return n;
    }
  }
}
