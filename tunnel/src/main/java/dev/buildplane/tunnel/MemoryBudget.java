package dev.buildplane.tunnel;

import io.netty.util.internal.PlatformDependent;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// How many bytes all tunnels of a process may hold that came in and were not yet read.
///
/// With the connection window refilled at once (so that a stalled reader cannot freeze its neighbours),
/// stalled streams times stream window is all that bounds memory; a few hundred of them would exhaust direct
/// memory and take the tunnel down. So bytes are counted while they wait, and:
/// - a stream that holds more than what is left of three quarters of the budget is reset when more arrives for it. What is
///   left shrinks as streams stall, so the first to stall keep their window, later ones are given up, and those that read, holding
///   little, go on;
/// - while more than seven eighths are used, no new stream is opened or accepted;
/// - a stream may always hold [#FLOOR_BYTES], so that a healthy one survives any pressure;
/// - one tunnel has a share of it, three eighths ([#forTunnel]). When that is spent its streams are reset when more than one frame of theirs waits,
///   and beyond seven sixteenths it takes no new one: an agent, or the callers of one plane, spend what is theirs and leave the other planes the
///   rest. The true bound of a tunnel is therefore its share and a frame for each stream.
///
/// Thread-safe.
public final class MemoryBudget {
  /// What a stream may hold whatever the pressure.
  public static final int FLOOR_BYTES = 64 << 10;

  /// What a stream may hold when its tunnel has spent its share: one DATA frame, so that a stream whose reader takes it at once goes on.
  static final int FRAME_BYTES = Http2Frames.PAYLOAD_BYTES + Inflow.OVERHEAD_BYTES;

  /// What wide windows leave alone: that of sixteen streams that stall with the window they begin with.
  static final long KEPT_BYTES = 16L << 20;

  private static final long PROCESS_LIMIT_BYTES =
      Math.max(32L << 20, PlatformDependent.maxDirectMemory() / 4);
  private static final MemoryBudget PROCESS = new MemoryBudget(PROCESS_LIMIT_BYTES);

  private final long limitBytes;
  private final @Nullable MemoryBudget whole;
  private final AtomicLong usedBytes = new AtomicLong();
  private final AtomicLong lentBytes = new AtomicLong();
  private final AtomicInteger borrowers = new AtomicInteger();

  public MemoryBudget(long limitBytes) {
    if (limitBytes < FLOOR_BYTES) {
      throw new IllegalArgumentException(
          "expected a limit of at least " + FLOOR_BYTES + " bytes, found " + limitBytes);
    }
    this.limitBytes = limitBytes;
    this.whole = null;
  }

  private MemoryBudget(MemoryBudget whole) {
    this.limitBytes = whole.limitBytes * 3 / 8;
    this.whole = whole;
  }

  /// What one tunnel may hold of this budget; both are counted.
  MemoryBudget forTunnel() {
    return new MemoryBudget(this);
  }

  /// The one budget of this process: a quarter of its direct memory, at least 32 MiB.
  public static MemoryBudget process() {
    return PROCESS;
  }

  public long limitBytes() {
    return limitBytes;
  }

  public long usedBytes() {
    return usedBytes.get();
  }

  boolean takesStreams() {
    return whole == null
        ? usedBytes.get() <= limitBytes - limitBytes / 8
        : usedBytes.get() <= limitBytes + limitBytes / 6 && whole.takesStreams();
  }

  /// By how much windows are wider now than streams begin with, all together. Bytes lent are not used; the stream's reader may yet stall.
  public long lentBytes() {
    return lentBytes.get();
  }

  /// What windows may be wider by, all together: half of what the budget has beyond [#KEPT_BYTES], so that if every stream with a wide window stalled
  /// at once, others would still be served.
  private long mostLentBytes() {
    return Math.max(0, limitBytes - KEPT_BYTES) / 2;
  }

  /// The share of one of those that borrow.
  private int shareBytes() {
    return (int) Math.min(Integer.MAX_VALUE, mostLentBytes() / Math.max(1, borrowers.get()));
  }

  /// That of a stream which begins.
  Loan loan() {
    return whole == null ? new Loan() : whole.loan();
  }

  /// What one stream's window is wider by. A stream may have its share while there is anything to be had, and beyond it half of what is to be
  /// had; when little is left, those with more than their share give back as they read, so that a stream that came late is not held to its first
  /// window by those that came before. For one thread at a time.
  final class Loan {
    private int bytes;
    private boolean borrows;

    /// Lets the window grow. Nothing is lent while half of the budget is used.
    ///
    /// @return how many bytes of those wanted, 0 to all
    int borrow(int wantedBytes) {
      if (!borrows) {
        borrows = true;
        borrowers.incrementAndGet();
      }
      if (usedBytes.get() > limitBytes / 2) {
        return 0;
      }
      long before;
      int granted;
      do {
        before = lentBytes.get();
        granted = grant(wantedBytes, Math.max(0, mostLentBytes() - before));
      } while (!lentBytes.compareAndSet(before, before + granted));
      bytes += granted;
      return granted;
    }

    private int grant(int wantedBytes, long freeBytes) {
      int due = Math.clamp(shareBytes() - bytes, 0, wantedBytes);
      long beyond = Math.min(wantedBytes - due, Math.max(0, freeBytes - due) / 2);
      return (int) (Math.min(due, freeBytes) + beyond);
    }

    /// Gives back what is beyond the share, where others need it.
    ///
    /// @param mostBytes that can be given back now
    /// @return how many of them were
    int repay(int mostBytes) {
      int share = shareBytes();
      if (bytes <= share || mostLentBytes() - lentBytes.get() >= share / 2) {
        return 0;
      }
      int back = Math.min(mostBytes, bytes - share);
      bytes -= back;
      lentBytes.addAndGet(-back);
      return back;
    }

    /// The stream has ended.
    void end() {
      lentBytes.addAndGet(-bytes);
      bytes = 0;
      if (borrows) {
        borrows = false;
        borrowers.decrementAndGet();
      }
    }
  }

  /// Whether a stream that holds `heldBytes` may hold more.
  boolean mayHold(long heldBytes) {
    if (whole != null) {
      return (heldBytes <= FRAME_BYTES || usedBytes.get() <= limitBytes)
          && whole.mayHold(heldBytes);
    }
    return heldBytes <= Math.max(FLOOR_BYTES, limitBytes - limitBytes / 4 - usedBytes.get());
  }

  void take(int bytes) {
    usedBytes.addAndGet(bytes);
    if (whole != null) {
      whole.take(bytes);
    }
  }

  void giveBack(int bytes) {
    usedBytes.addAndGet(-bytes);
    if (whole != null) {
      whole.giveBack(bytes);
    }
  }
}
