package dev.buildplane.tunnel;

import java.util.function.IntConsumer;

/// How far the peer may send ahead on one stream: grows while the window is what holds the stream back ([BandwidthDelay]), as far as the
/// [MemoryBudget] lends. Touched by the tunnel's event loop only.
final class StreamWindow {
  private final MemoryBudget.Loan loan;
  private final BandwidthDelay.Window window;
  private final IntConsumer widen;
  private boolean ended;

  /// @param widen lets the peer send that many bytes more ahead
  StreamWindow(MemoryBudget.Loan loan, BandwidthDelay.Window window, IntConsumer widen) {
    this.loan = loan;
    this.window = window;
    this.widen = widen;
  }

  /// Payload came, and nobody has read it yet.
  void came(int payloadBytes) {
    window.came(payloadBytes);
  }

  /// Payload was taken by the stream's reader.
  void read(int payloadBytes) {
    int wanted = window.read(payloadBytes);
    if (wanted == 0 || ended) {
      return;
    }
    int lent = loan.borrow(wanted);
    window.grow(lent);
    if (lent > 0) {
      widen.accept(lent);
    }
  }

  /// The window is about to be filled again; other streams may need what it is wider by.
  ///
  /// @return how much narrower it is now: not to be filled again of those bytes
  int narrow(int refilledBytes) {
    int back = loan.repay(refilledBytes);
    window.narrow(back);
    return back;
  }

  /// The stream has ended, though frames of it may still be queued.
  void end() {
    ended = true;
    window.end();
    loan.end();
  }
}
