package dev.buildplane.tunnel;

import static java.util.Objects.requireNonNull;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;

/// What tunnels count: payload, and the times their streams stand still. Counting takes no lock and makes no garbage; the clock is
/// looked at only when a stream begins or ceases to stand still. Thread-safe.
public final class TunnelMeter {
  /// Shorter pauses belong to ordinary pacing and are not counted.
  public static final Duration SHORTEST_STALL = Duration.ofMillis(10);

  private final LongSupplier nanoTime;
  private final Flow sent = new Flow();
  private final Flow received = new Flow();
  private volatile long roundTripNanos;

  /// @param nanoTime as `System::nanoTime`
  public TunnelMeter(LongSupplier nanoTime) {
    this.nanoTime = requireNonNull(nanoTime, "nanoTime");
  }

  /// From this end to the peer; stalls while the peer gives no window.
  public Flow sent() {
    return sent;
  }

  /// From the peer to this end; stalls while whoever takes the bytes on cannot.
  public Flow received() {
    return received;
  }

  /// From the last liveness PING to its answer; 0 before the first.
  public long roundTripNanos() {
    return roundTripNanos;
  }

  void answered(long nanos) {
    roundTripNanos = nanos;
  }

  /// One direction of all streams.
  public final class Flow {
    private final LongAdder bytes = new LongAdder();
    private final LongAdder stalled = new LongAdder();
    private final LongAdder stalls = new LongAdder();
    private final LongAdder stallNanos = new LongAdder();

    private Flow() {}

    void passed(int payloadBytes) {
      bytes.add(payloadBytes);
    }

    /// Notes whether a stream stands still now. Its owner keeps the answer and gives it back the next time.
    ///
    /// @param since the last answer, 0 at first
    public long stands(long since, boolean still) {
      if (still == (since != 0)) {
        return since;
      }
      long now = nanoTime.getAsLong();
      if (still) {
        stalled.increment();
        return now == 0 ? 1 : now;
      }
      // Counted as ended before it is no longer counted as lasting: whoever sees that none lasts finds it among those that ended.
      if (now - since >= SHORTEST_STALL.toNanos()) {
        stalls.increment();
        stallNanos.add(now - since);
      }
      stalled.decrement();
      return 0;
    }

    public long bytes() {
      return bytes.sum();
    }

    /// Streams that stand still now.
    public long stalled() {
      return stalled.sum();
    }

    /// Stalls that have ended.
    public long stalls() {
      return stalls.sum();
    }

    /// How long those took together.
    public double stallSeconds() {
      return (double) stallNanos.sum() / TimeUnit.SECONDS.toNanos(1);
    }
  }
}
