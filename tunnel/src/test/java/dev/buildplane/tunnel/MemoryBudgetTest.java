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
    var loan = budget.loan();
    assertThat(loan.borrow(MOST_LENT - MIB)).isEqualTo(MOST_LENT - MIB);
    assertThat(loan.borrow(2 * MIB)).as("what is left").isEqualTo(MIB);
    assertThat(loan.borrow(1)).isZero();
    assertThat(budget.lentBytes()).isEqualTo(MOST_LENT);
  }

  @Test
  void whatAStreamHadCanBeLentAgainWhenItEnds() {
    var ended = budget.loan();
    ended.borrow(MOST_LENT);
    ended.end();
    assertThat(budget.lentBytes()).isZero();
    assertThat(budget.loan().borrow(MOST_LENT)).as("all of it").isEqualTo(MOST_LENT);
    ended.end();
    assertThat(budget.lentBytes()).as("ends once").isEqualTo(MOST_LENT);
  }

  @Test
  void beyondItsShareAStreamLeavesHalfOfWhatThereIs() {
    var first = budget.loan();
    var second = budget.loan();
    assertThat(second.borrow(1)).isEqualTo(1);
    int share = MOST_LENT / 2;
    int left = MOST_LENT - 1 - share;
    assertThat(first.borrow(MOST_LENT)).isEqualTo(share + left / 2);
  }

  @Test
  void whoCameFirstGivesBackWhatWhoCameLateNeeds() {
    var first = budget.loan();
    first.borrow(MOST_LENT);
    assertThat(first.repay(MIB)).as("alone").isZero();

    var late = budget.loan();
    assertThat(late.borrow(MOST_LENT)).isZero();
    int share = MOST_LENT / 2;
    assertThat(first.repay(MIB)).isEqualTo(MIB);
    assertThat(late.borrow(MOST_LENT)).isEqualTo(MIB);
    int back = first.repay(MOST_LENT);
    assertThat(back).as("no more than is beyond its share").isEqualTo(MOST_LENT - MIB - share);
    assertThat(late.borrow(MOST_LENT)).isEqualTo(back);
    assertThat(first.repay(MOST_LENT)).isZero();
    assertThat(late.repay(MOST_LENT)).isZero();
    assertThat(budget.lentBytes()).isEqualTo(MOST_LENT);
  }

  @Test
  void nobodyGivesBackWhereThereIsEnough() {
    var wide = budget.loan();
    wide.borrow(MOST_LENT * 5 / 8);
    var modest = budget.loan();
    modest.borrow(MIB / 64);
    assertThat(wide.repay(MIB)).isZero();
  }

  @Test
  void nothingIsLentWhileMemoryIsShort() {
    budget.take(LIMIT / 2 + 1);
    assertThat(budget.loan().borrow(1)).isZero();
    budget.giveBack(1);
    assertThat(budget.loan().borrow(1)).isEqualTo(1);
  }

  @Test
  void aSmallBudgetLendsNothing() {
    assertThat(new MemoryBudget(MemoryBudget.KEPT_BYTES).loan().borrow(MIB)).isZero();
    assertThat(new MemoryBudget(MemoryBudget.FLOOR_BYTES).loan().borrow(MIB)).isZero();
  }

  @Test
  void streamsThatStallWithAllThatWasLentLeaveTheOthersTheirWindows() {
    int lent = budget.loan().borrow(Integer.MAX_VALUE);
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
        var loan = budget.loan();
        asked.add(() -> {
          long lent = 0;
          for (int turn = 0; turn < 1000; turn++) {
            lent += loan.borrow(MIB / 64);
            lent -= loan.repay(MIB / 128);
          }
          return lent;
        });
      }
      long lent = 0;
      for (var one : loops.invokeAll(asked)) {
        lent += one.get();
      }
      assertThat(lent).isEqualTo(budget.lentBytes()).isBetween(1L, (long) MOST_LENT);
    }
  }
}
