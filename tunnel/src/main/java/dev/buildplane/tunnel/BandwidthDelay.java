package dev.buildplane.tunnel;

/// How large a stream's window has to be so that one stream can fill the link: estimates the bandwidth-delay product of what comes in. While a
/// sample runs, from a PING to its answer, the bytes that come are counted; when they come near the window, the window was what held them
/// back, and it doubles. The idea is that of gRPC's flow control; the bound is ours.
///
/// Pure: no clock, no socket. Not thread-safe.
final class BandwidthDelay {
  /// At most one PING for a sample in this time, in nanoseconds: a link whose round trips are much shorter needs no larger window than the first.
  static final long SAMPLE_EVERY_NANOS = 200_000_000;

  private final int firstBytes;
  private int windowBytes;
  private long sampleBytes;
  private long sampleBeganNanos;
  private boolean sampling;
  private boolean sampledBefore;

  /// @param firstBytes the window streams begin with; it never gets smaller
  BandwidthDelay(int firstBytes) {
    this.firstBytes = firstBytes;
    this.windowBytes = firstBytes;
  }

  /// Bytes came in; tells whether a PING should go out, whose answer is to be told by [#answered].
  boolean came(int bytes, long nowNanos) {
    if (sampling) {
      sampleBytes += bytes;
      return false;
    }
    if (sampledBefore && nowNanos - sampleBeganNanos < SAMPLE_EVERY_NANOS) {
      return false;
    }
    sampling = true;
    sampledBefore = true;
    sampleBytes = bytes;
    sampleBeganNanos = nowNanos;
    return true;
  }

  /// The PING was answered.
  ///
  /// @param mostBytes what memory allows a window now
  /// @return the window to have from now on, in bytes; the one before when nothing changes
  int answered(int mostBytes) {
    if (sampling && sampleBytes >= windowBytes / 3 * 2L) {
      windowBytes = (int) Math.min(2L * windowBytes, Integer.MAX_VALUE);
    }
    sampling = false;
    windowBytes = Math.max(firstBytes, Math.min(windowBytes, mostBytes));
    return windowBytes;
  }

  int windowBytes() {
    return windowBytes;
  }
}
