package dev.buildplane.tunnel;

import java.util.function.IntConsumer;

/// How far the peer may send ahead on one stream: grows while the window is what holds the stream back ([BandwidthDelay]), as far as the
/// [MemoryBudget] lends. Touched by the tunnel's event loop only.
final class StreamWindow {
  private final MemoryBudget budget;
  private final BandwidthDelay.Window window;
  private final IntConsumer widen;
  private int lentBytes;
  private boolean ended;

  /// @param widen lets the peer send that many bytes more ahead
  StreamWindow(MemoryBudget budget, BandwidthDelay.Window window, IntConsumer widen) {
    this.budget = budget;
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
    int lent = budget.lend(wanted);
    window.grow(lent);
    if (lent > 0) {
      lentBytes += lent;
      widen.accept(lent);
    }
  }

  /// The stream has ended, though frames of it may still be queued.
  void end() {
    ended = true;
    window.end();
    budget.takeBack(lentBytes);
    lentBytes = 0;
  }
}
