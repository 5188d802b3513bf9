package dev.buildplane.tunnel;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class CountedDataTest {
  private static final int COST = 1256;

  private final MemoryBudget budget = new MemoryBudget(MemoryBudget.FLOOR_BYTES);
  private final ByteBuf received = Unpooled.buffer(16_384).writeZero(16_384);

  @AfterEach
  void release() {
    received.release();
    assertThat(received.refCnt()).isZero();
  }

  /// As the HTTP/2 codec makes it: a slice of a buffer of which other frames hold parts too.
  private CountedData frame() {
    var content = received.readRetainedSlice(1000);
    return new CountedData(
        new DefaultHttp2DataFrame(content), content, new StreamShare(budget), COST, _ -> {});
  }

  @Test
  void aFrameThatNobodyReadIsCountedNoLonger() {
    var frame = frame();
    var other = frame();
    assertThat(budget.usedBytes()).isEqualTo(2 * COST);

    frame.release();
    assertThat(budget.usedBytes()).isEqualTo(COST);
    other.release();
    assertThat(budget.usedBytes()).isZero();
  }

  @Test
  void aFrameHeldTwiceIsCountedUntilBothHaveLetGo() {
    var frame = frame();
    frame.retain();

    frame.release();
    assertThat(budget.usedBytes()).isEqualTo(COST);
    frame.release();
    assertThat(budget.usedBytes()).isZero();
  }

  @Test
  void aFrameIsCountedUntilItsContentIsTaken() {
    var content = frame().takeContent();

    assertThat(budget.usedBytes()).isZero();
    content.release();
    assertThat(budget.usedBytes()).isZero();
  }
}
