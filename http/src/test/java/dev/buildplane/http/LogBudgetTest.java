package dev.buildplane.http;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

class LogBudgetTest {
  private final Logger log = (Logger) LoggerFactory.getLogger(LogBudgetTest.class);
  private final ListAppender<ILoggingEvent> lines = new ListAppender<>();
  private final AtomicLong now = new AtomicLong(Long.MAX_VALUE - 5); // it may overflow

  @BeforeEach
  void listen() {
    lines.start();
    log.addAppender(lines);
    log.setLevel(ch.qos.logback.classic.Level.INFO);
  }

  @AfterEach
  void stop() {
    log.detachAppender(lines);
  }

  @Test
  void aMillionLinesAreAFewAndTheRestIsCounted() {
    var budget = new LogBudget(log, now::get);
    for (int i = 0; i < 1_000_000; i++) {
      budget.info("plane {} unknown", "p" + i);
    }
    assertThat(lines.list).hasSize(LogBudget.LINES);
    assertThat(lines.list.getFirst().getFormattedMessage()).isEqualTo("plane p0 unknown");

    now.addAndGet(LogBudget.WINDOW.toNanos());
    budget.info("plane {} unknown", "again");
    assertThat(lines.list).hasSize(LogBudget.LINES + 2);
    assertThat(lines.list.get(LogBudget.LINES).getFormattedMessage())
        .startsWith(1_000_000 - LogBudget.LINES + " lines like the next were left out");
    assertThat(lines.list.getLast().getFormattedMessage()).isEqualTo("plane again unknown");
  }

  @Test
  void aQuietWindowTellsOfNothing() {
    var budget = new LogBudget(log, now::get);
    budget.info("one");
    now.addAndGet(LogBudget.WINDOW.toNanos());
    budget.info("two");
    assertThat(lines.list)
        .extracting(ILoggingEvent::getFormattedMessage)
        .containsExactly("one", "two");
  }
}
