package dev.buildplane.tunnel;

/// How large the windows of a connection's streams have to be so that one stream can fill the link: estimates the bandwidth-delay product.
/// While a sample runs, from a PING to its answer, what comes for a stream and is read of it is counted; when both near its window before
/// the answer is there, the window holds it back, and it may have twice as much. The idea is that of gRPC's flow control; there it
/// is one window for all streams, here a stream whose reader stands still keeps the window it has. What one stream has found out spares the
/// next ones the round trips: once half of its first window has been read, a stream may have its share of the widest that was given before.
///
/// Pure: no clock, no socket. Not thread-safe.
final class BandwidthDelay {
  /// At most one PING for a sample in this time, in nanoseconds: a link whose round trips are much shorter needs no larger window than the first.
  /// After a sample in which a window grew the next begins at once.
  static final long SAMPLE_EVERY_NANOS = 200_000_000;

  /// Largest window a stream is given however long the round trips, in bytes: at 100 ms it carries 160 MiB/s.
  static final int MOST_WINDOW_BYTES = 16 << 20;

  private final int firstBytes;
  private int widestBytes;
  private int receiving;
  private long sampleBeganNanos;
  private long sample;
  private boolean sampling;
  private boolean grew;

  /// @param firstBytes the window streams begin with
  BandwidthDelay(int firstBytes) {
    this.firstBytes = firstBytes;
    this.widestBytes = firstBytes;
  }

  /// DATA came in; tells whether a PING should go out, whose answer is to be told by [#answered].
  boolean came(long nowNanos) {
    if (sampling || (sample > 0 && !grew && nowNanos - sampleBeganNanos < SAMPLE_EVERY_NANOS)) {
      return false;
    }
    sampling = true;
    grew = false;
    sample++;
    sampleBeganNanos = nowNanos;
    return true;
  }

  /// The PING was answered.
  void answered() {
    sampling = false;
  }

  /// The window of one stream. What was allowed cannot be taken back before it has been used; it gets smaller by not being filled again.
  final class Window {
    private int bytes = firstBytes;
    private long counted;
    private long cameBytes;
    private long readBytes;
    private int untilShare = firstBytes / 2;
    private boolean receives;
    private boolean ended;

    int bytes() {
      return bytes;
    }

    void came(int payloadBytes) {
      if (!receives && !ended) {
        receives = true;
        receiving++;
      }
      countThisSample();
      cameBytes += payloadBytes;
    }

    /// What came was taken by the stream's reader.
    ///
    /// @return by how many bytes the window should grow, which [#grow] is to be told of; 0 unless it holds the stream back, or would
    int read(int payloadBytes) {
      countThisSample();
      readBytes += payloadBytes;
      if (untilShare > 0) {
        untilShare -= payloadBytes;
        int share = widestBytes / Math.max(1, receiving);
        if (untilShare <= 0 && bytes < share) {
          return share - bytes;
        }
      }
      boolean heldBack = sampling && Math.min(cameBytes, readBytes) >= bytes / 3 * 2L;
      return heldBack ? Math.min(bytes, MOST_WINDOW_BYTES - bytes) : 0;
    }

    /// @param moreBytes what memory allowed of it; with 0 the count begins anew
    void grow(int moreBytes) {
      bytes += moreBytes;
      widestBytes = Math.max(widestBytes, bytes);
      cameBytes = 0;
      readBytes = 0;
      grew |= moreBytes > 0;
    }

    /// Others need that much of it.
    void narrow(int lessBytes) {
      bytes -= lessBytes;
    }

    /// The stream has ended; other streams have its share of the link. What is read later of what came counts for nothing.
    void end() {
      ended = true;
      if (receives) {
        receives = false;
        receiving--;
      }
    }

    private void countThisSample() {
      if (counted != sample) {
        counted = sample;
        cameBytes = 0;
        readBytes = 0;
      }
    }
  }
}
