package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import org.jspecify.annotations.Nullable;

/// How far the peer may send ahead on one stream, and what has come and not been read: the stream's window (RFC 9113 section 6.9) and its
/// share of memory. Touched by the tunnel's event loop only.
final class Inflow {
  /// What a piece of content that waits costs besides its payload: buffer and queue objects, rounded up. Without it a peer could fill the heap
  /// with one-byte frames while keeping within the window.
  static final int OVERHEAD_BYTES = 256;

  /// Smaller payloads are copied: a slice would keep the whole receive buffer (16 KiB and more) alive.
  static final int COPY_BELOW_BYTES = 2048;

  /// The peer is let send again whenever such a part of the window has been read: with a larger one, up to as much of each round trip of a long link
  /// would pass with nothing to send.
  private static final int REFILLS = 4;

  /// Lets the peer send more.
  @FunctionalInterface
  interface Widen {
    void by(int bytes);
  }

  private final TunnelConnection connection;
  private final StreamShare share;
  private final Widen widen;
  private int openBytes;
  private int fullBytes;
  private int readBytes;
  private boolean ended;
  private @Nullable StreamWindow window;

  Inflow(TunnelConnection connection, Widen widen) {
    this.connection = connection;
    this.share = new StreamShare(connection.budget());
    this.widen = widen;
    this.fullBytes = connection.settings().streamWindowBytes();
    this.openBytes = fullBytes;
  }

  /// A DATA frame begins; tells whether it is within the window.
  boolean begins(int length) {
    openBytes -= length;
    return openBytes >= 0;
  }

  /// Whether memory has room for a piece of content.
  boolean mayTake(ByteBuf piece) {
    return share.mayTake(piece.readableBytes() + OVERHEAD_BYTES);
  }

  /// Counts a piece of content.
  ///
  /// @param piece taken over
  /// @param last whether the peer has nothing more to send
  /// @return the same payload, for the reader
  ByteBuf take(ByteBuf piece, boolean last, ByteBufAllocator alloc) {
    int bytes = piece.readableBytes();
    share.take(bytes + OVERHEAD_BYTES);
    came(bytes, last);
    if (bytes >= COPY_BELOW_BYTES) {
      return piece;
    }
    try {
      return alloc.buffer(bytes, bytes).writeBytes(piece);
    } finally {
      piece.release();
    }
  }

  /// A body in one piece is over before its window could grow.
  private void came(int bytes, boolean last) {
    var growing = window;
    if (growing == null) {
      if (last) {
        return;
      }
      growing = new StreamWindow(connection.budget().loan(), connection.newWindow(), this::widen);
      window = growing;
    }
    connection.dataCame();
    growing.came(bytes);
  }

  /// The reader has taken a piece of so much payload.
  void read(int bytes) {
    share.giveBack(bytes + OVERHEAD_BYTES);
    consumed(bytes);
    if (window != null) {
      window.read(bytes);
    }
  }

  /// So much of the window may be filled again.
  void consumed(int bytes) {
    readBytes += bytes;
    if (readBytes < fullBytes / REFILLS || ended) {
      return;
    }
    int narrower = window == null ? 0 : window.narrow(readBytes);
    int again = readBytes - narrower;
    readBytes = 0;
    fullBytes -= narrower;
    openBytes += again;
    if (again > 0) {
      widen.by(again);
    }
  }

  /// Raises what the window is filled up to, and fills it.
  private void widen(int bytes) {
    if (!ended) {
      fullBytes += bytes;
      openBytes += bytes;
      widen.by(bytes);
    }
  }

  /// Nothing more will come.
  void end() {
    ended = true;
    if (window != null) {
      window.end();
    }
  }

  /// What has not been read never will be.
  void drop() {
    share.giveBack((int) share.heldBytes());
  }
}
