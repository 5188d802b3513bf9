package dev.buildplane.tunnel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Two agents at one gateway, and the callers of one of them do not read.
@Timeout(300)
class MemoryBudgetIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final long BUDGET_BYTES = 32L << 20;
  private static final long TUNNEL_BYTES = BUDGET_BYTES * 3 / 8;

  /// Below what a stream may hold when the tunnel's share is spent.
  private static final int FRAME_BYTES = 15 << 10;

  /// Below what a stream may hold when only the whole budget is.
  private static final int ANSWER_BYTES = 60 << 10;

  private final MemoryBudget budget = new MemoryBudget(BUDGET_BYTES);
  private final List<Call> unread = new ArrayList<>();
  private Loopback net;
  private GatewayTunnel spent;
  private GatewayTunnel other;

  @BeforeEach
  void connect() throws Exception {
    net = new Loopback(TunnelSettings.defaults().withBudget(budget), Loopback.settings());
    net.agentEnd = net.dial();
    spent = net.gateway.accept();
    net.gatewayEnd = spent;
    net.dial();
    other = net.gateway.accept();
  }

  @AfterEach
  void disconnect() throws Exception {
    dropUnread();
    other.close(new CloseReason(CloseReason.Code.CLOSED_HERE, "the test is over"));
    net.close();
  }

  private void dropUnread() {
    for (var call : unread) {
      call.channel.close();
    }
    await().atMost(PATIENCE).until(() -> budget.usedBytes() == 0);
  }

  private void othersAreServed() throws Exception {
    var call = Call.send(other, Call.get("/bytes/" + (4 << 20)));
    assertThat(call.crcAtEnd()).isEqualTo(Pattern.crcOf(4 << 20));
  }

  @Test
  void aTunnelThatHasSpentItsShareTakesNoMoreStreamsAndTheOthersDo() throws Exception {
    assertThatThrownBy(() -> {
          for (int i = 0; i < BUDGET_BYTES / FRAME_BYTES; i++) {
            long before = budget.usedBytes();
            unread.add(Call.stalled(spent, Call.get("/bytes/" + FRAME_BYTES)));
            await()
                .pollInterval(Duration.ofMillis(1))
                .atMost(PATIENCE)
                .until(() -> budget.usedBytes() >= before + FRAME_BYTES);
          }
        })
        .isInstanceOf(ExecutionException.class)
        .cause()
        .isInstanceOfSatisfying(
            TunnelException.class,
            refused -> assertThat(refused.code()).isEqualTo(TunnelException.Code.OVERLOADED));
    assertThat(budget.usedBytes()).isBetween(TUNNEL_BYTES, TUNNEL_BYTES + TUNNEL_BYTES / 4);
    othersAreServed();

    dropUnread();
    assertThat(Call.send(spent, Call.get("/hello")).status()).isEqualTo(200);
  }

  @Test
  void streamsThatWereThereBeforeGetNoMoreThanAFrameBeyondIt() throws Exception {
    int streams = 500;
    for (int i = 0; i < streams; i++) {
      unread.add(Call.unsent(spent));
    }
    for (var call : unread) {
      call.channel.writeAndFlush(Call.get("/bytes/" + ANSWER_BYTES));
    }
    await().atMost(PATIENCE).until(() -> unread.stream().anyMatch(call -> call.failure.isDone()));
    othersAreServed();
    assertThat(Call.send(spent, Call.get("/bytes/" + ANSWER_BYTES)).crcAtEnd())
        .as("who reads is served by the same tunnel")
        .isEqualTo(Pattern.crcOf(ANSWER_BYTES));
    assertThat(budget.usedBytes())
        .isLessThan(TUNNEL_BYTES + (long) streams * MemoryBudget.FRAME_BYTES);
    for (var call : unread) {
      if (call.failure.isDone()) {
        assertThat(call.failed().code()).isEqualTo(TunnelException.Code.SHED);
      }
    }
  }
}
