package dev.buildplane.tunnel;

/// What one stream holds of the memory budget. Touched by the tunnel's event loop only.
final class StreamShare {
  private final MemoryBudget budget;
  private long heldBytes;

  StreamShare(MemoryBudget budget) {
    this.budget = budget;
  }

  boolean mayTake(int bytes) {
    return budget.mayHold(heldBytes + bytes);
  }

  void take(int bytes) {
    heldBytes += bytes;
    budget.take(bytes);
  }

  void giveBack(int bytes) {
    heldBytes -= bytes;
    budget.giveBack(bytes);
  }

  long heldBytes() {
    return heldBytes;
  }
}
