package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.embedded.EmbeddedChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class AnswerDeadlinesTest {
  private final EmbeddedChannel channel = new EmbeddedChannel();
  private final AnswerDeadlines deadlines =
      new AnswerDeadlines(channel.eventLoop(), Duration.ofSeconds(60));
  private final List<String> late = new ArrayList<>();

  AnswerDeadlinesTest() {
    channel.freezeTime();
  }

  @AfterEach
  void end() {
    channel.finishAndReleaseAll();
  }

  private AnswerDeadlines.Deadline start(String name) {
    return deadlines.start(() -> false, () -> late.add(name));
  }

  private void pass(int seconds) {
    for (int i = 0; i < seconds; i++) {
      channel.advanceTimeBy(1, TimeUnit.SECONDS);
      channel.runScheduledPendingTasks();
    }
  }

  @Test
  void eachIsMetAtItsOwnTime() {
    start("a");
    pass(20);
    start("b");
    pass(39);
    assertThat(late).isEmpty();
    pass(1);
    assertThat(late).containsExactly("a");
    pass(19);
    assertThat(late).containsExactly("a");
    pass(1);
    assertThat(late).containsExactly("a", "b");
  }

  @Test
  void whatIsAnsweredMeetsNone() {
    var a = start("a");
    var b = start("b");
    var c = start("c");
    b.cancel();
    b.cancel();
    pass(10);
    a.cancel();
    start("d");
    c.cancel();
    pass(120);
    assertThat(late).containsExactly("d");
  }

  @Test
  void whatGoesOnToThePlaneBeginsItsTimeAnew() {
    var a = start("a");
    start("b");
    pass(30);
    a.sent();
    pass(59);
    assertThat(late).containsExactly("b");
    pass(1);
    assertThat(late).containsExactly("b", "a");
    a.sent();
    pass(120);
    assertThat(late).as("once").containsExactly("b", "a");
  }

  @Test
  void theCallersTurnDoesNotCount() {
    var callersTurn = new AtomicBoolean(true);
    deadlines.start(callersTurn::get, () -> late.add("upload"));
    pass(600);
    assertThat(late).isEmpty();
    callersTurn.set(false);
    pass(60);
    assertThat(late).containsExactly("upload");
  }

  @Test
  void oneTimerServesAllAndNoneIsLeftWithoutCalls() {
    for (int i = 0; i < 1000; i++) {
      start("answered").cancel();
    }
    channel.advanceTimeBy(60, TimeUnit.SECONDS);
    assertThat(channel.runScheduledPendingTasks()).as("no other timer").isEqualTo(-1);
    start("later");
    pass(60);
    assertThat(late).containsExactly("later");
  }

  @Test
  void oneThatFailsLeavesTheOthersTheirs() {
    deadlines.start(() -> false, () -> {
      throw new IllegalStateException("a bug");
    });
    start("next");
    pass(10);
    start("last");
    pass(50);
    pass(10);
    assertThat(late).containsExactly("next", "last");
  }

  @Test
  void oneThatIsTooLateMayStartAnother() {
    deadlines.start(() -> false, () -> {
      late.add("first try");
      start("second try");
    });
    pass(60);
    assertThat(late).containsExactly("first try");
    pass(60);
    assertThat(late).containsExactly("first try", "second try");
  }
}
