package dev.buildplane.tunnel;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

class MemoryBudgetTest {
  private static final int MIB = 1 << 20;
  private static final int LIMIT = 48 * MIB;
  private static final int MOST_LENT = (LIMIT - (int) MemoryBudget.KEPT_BYTES) / 2;

  private final MemoryBudget budget = new MemoryBudget(LIMIT);

  @Test
  void wideWindowsTogetherStayBelowTheirBound() {
    assertThat(budget.lend(MOST_LENT - MIB)).isEqualTo(MOST_LENT - MIB);
    assertThat(budget.lend(2 * MIB)).as("what is left").isEqualTo(MIB);
    assertThat(budget.lend(1)).isZero();
    assertThat(budget.lentBytes()).isEqualTo(MOST_LENT);
  }

  @Test
  void whatAStreamHadCanBeLentAgainWhenItEnds() {
    budget.lend(MOST_LENT);
    budget.takeBack(MIB);
    assertThat(budget.lend(MOST_LENT)).isEqualTo(MIB);
    budget.takeBack(MOST_LENT);
    assertThat(budget.lentBytes()).isZero();
  }

  @Test
  void nothingIsLentWhileMemoryIsShort() {
    budget.take(LIMIT / 2 + 1);
    assertThat(budget.lend(1)).isZero();
    budget.giveBack(1);
    assertThat(budget.lend(1)).isEqualTo(1);
  }

  @Test
  void aSmallBudgetLendsNothing() {
    assertThat(new MemoryBudget(MemoryBudget.KEPT_BYTES).lend(MIB)).isZero();
    assertThat(new MemoryBudget(MemoryBudget.FLOOR_BYTES).lend(MIB)).isZero();
  }

  @Test
  void streamsThatStallWithAllThatWasLentLeaveTheOthersTheirWindows() {
    int lent = budget.lend(Integer.MAX_VALUE);
    budget.take(lent);
    budget.take((int) MemoryBudget.KEPT_BYTES);
    assertThat(budget.takesStreams()).isTrue();
    assertThat(budget.mayHold(MemoryBudget.FLOOR_BYTES)).isTrue();
  }

  @Test
  void manyLoopsTogetherAreLentNoMoreThanThereIs() throws Exception {
    try (var loops = Executors.newVirtualThreadPerTaskExecutor()) {
      var asked = new ArrayList<Callable<Long>>();
      for (int i = 0; i < 16; i++) {
        asked.add(() -> {
          long lent = 0;
          for (int turn = 0; turn < 1000; turn++) {
            lent += budget.lend(MIB / 64);
          }
          return lent;
        });
      }
      long lent = 0;
      for (var one : loops.invokeAll(asked)) {
        lent += one.get();
      }
      assertThat(lent).isEqualTo(MOST_LENT).isEqualTo(budget.lentBytes());
    }
  }
}
