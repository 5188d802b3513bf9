package dev.buildplane.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBufAllocator;
import java.time.Duration;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

class NoLeaksTest {
  private static void touch(boolean release) {
    var buffer = ByteBufAllocator.DEFAULT.directBuffer(1).touch("the lost buffer");
    if (release) {
      buffer.release();
    }
  }

  @Test
  void aBufferThatNobodyReleasedIsFoundWithWhoTouchedIt() {
    touch(false);
    Awaitility.await()
        .atMost(Duration.ofSeconds(60))
        .untilAsserted(() ->
            assertThat(NoLeaks.take()).singleElement().asString().contains("the lost buffer"));
  }

  @Test
  void aReleasedBufferIsNone() throws Exception {
    touch(true);
    assertThat(NoLeaks.take()).isEmpty();
  }
}
