package dev.buildplane.tunnel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.testkit.DelayingRelay;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// The tunnel over a link whose round trips hold back a stream with the window it begins with.
@Timeout(300)
class LongLinkIT {
  private static final Duration PATIENCE = Duration.ofSeconds(120);
  private static final Duration ONE_WAY = Duration.ofMillis(250);
  private static final long LINK_BYTES_PER_SECOND = 1L << 30;
  private static final long FIRST_WINDOW = TunnelSettings.DEFAULT_STREAM_WINDOW_BYTES;

  /// More than any test waits for: transfers are ended, not finished.
  private static final long ENDLESS_BYTES = 1L << 34;

  /// At either end; lends 24 MiB, so that one stream may reach the largest window.
  private static final long BUDGET_BYTES = 64L << 20;

  private final MemoryBudget atGateway = new MemoryBudget(BUDGET_BYTES);
  private final MemoryBudget atAgent = new MemoryBudget(BUDGET_BYTES);
  private Loopback net;
  private DelayingRelay link;

  @BeforeEach
  void connect() throws Exception {
    connect(atGateway, atAgent);
  }

  private void connect(MemoryBudget gateway, MemoryBudget agent) throws Exception {
    var settings = TunnelSettings.defaults();
    net = new Loopback(settings.withBudget(gateway), settings.withBudget(agent));
    link = DelayingRelay.start(ONE_WAY, LINK_BYTES_PER_SECOND, net.gateway.port());
    net.agentEnd = net.dial(link.port());
    net.gatewayEnd = net.gateway.accept();
  }

  @AfterEach
  void disconnect() throws Exception {
    net.close();
    link.close();
  }

  private static void awaitWindow(MemoryBudget reader, long bytes) {
    await().atMost(PATIENCE).until(() -> reader.lentBytes() >= bytes - FIRST_WINDOW);
  }

  /// What the sender gets ahead of a reader that has stopped: three quarters of the window at least, as it is filled again when a quarter has been
  /// read.
  private static void awaitAhead(LongSupplier sent, LongSupplier read, long bytes) {
    await()
        .atMost(PATIENCE)
        .untilAsserted(
            () -> assertThat(sent.getAsLong() - read.getAsLong()).isGreaterThanOrEqualTo(bytes));
  }

  @Test
  void aDownloadThatIsReadMayHaveFourTimesTheFirstWindowUnderWay() throws Exception {
    var call = Call.send(net.gatewayEnd, Call.get("/bytes/" + ENDLESS_BYTES));
    awaitWindow(atGateway, 4 * FIRST_WINDOW);

    call.channel.config().setAutoRead(false);
    awaitAhead(net.target.sent::get, () -> call.received, 3 * FIRST_WINDOW);
    assertThat(net.target.sent.get() - call.received)
        .as("the largest window, and what waits at the sender")
        .isLessThan(BandwidthDelay.MOST_WINDOW_BYTES + 2 * FIRST_WINDOW);
    call.channel.close();
    await().atMost(PATIENCE).until(() -> atGateway.lentBytes() == 0 && atGateway.usedBytes() == 0);
  }

  @Test
  void anUploadThatIsReadMayHaveFourTimesTheFirstWindowUnderWay() throws Exception {
    var call = Call.send(net.gatewayEnd, Call.post("/sink")).upload(ENDLESS_BYTES);
    awaitWindow(atAgent, 4 * FIRST_WINDOW);

    net.target.last.config().setAutoRead(false);
    awaitAhead(call::uploaded, net.target.read::get, 3 * FIRST_WINDOW);
    assertThat(call.uploaded() - net.target.read.get())
        .as("the largest window, and what waits at the sender")
        .isLessThan(BandwidthDelay.MOST_WINDOW_BYTES + 2 * FIRST_WINDOW);
    call.channel.close();
    await().atMost(PATIENCE).until(() -> atAgent.lentBytes() == 0 && atAgent.usedBytes() == 0);
  }

  @Test
  void aReaderThatStandsStillKeepsItsWindowWhileAnotherStreamGetsAWideOne() throws Exception {
    var stalled = Call.stalled(net.gatewayEnd, Call.get("/bytes/" + ENDLESS_BYTES));
    await().atMost(PATIENCE).until(() -> net.target.sent.get() >= FIRST_WINDOW);
    assertThat(net.target.sent.get()).isLessThan(2 * FIRST_WINDOW);
    assertThat(atGateway.lentBytes()).isZero();

    var fast = Call.send(net.gatewayEnd, Call.get("/bytes/" + ENDLESS_BYTES));
    awaitWindow(atGateway, 4 * FIRST_WINDOW);
    assertThat(stalled.received).isZero();
    fast.channel.close();
    await().atMost(PATIENCE).until(() -> net.target.open.get() == 1);
    Call.send(net.gatewayEnd, Call.get("/hello")).text(); // what was on its way has come by now
    await().atMost(PATIENCE).untilAsserted(() -> {
      assertThat(atGateway.lentBytes()).isZero();
      assertThat(atGateway.usedBytes()).isBetween(FIRST_WINDOW / 2, 2 * FIRST_WINDOW);
    });
    stalled.channel.close();
  }

  @Test
  void aStreamThatComesLateGetsItsShareOfWhatAnotherHadBorrowed() throws Exception {
    disconnect();
    var little = new MemoryBudget(MemoryBudget.KEPT_BYTES + 16 * FIRST_WINDOW);
    connect(little, atAgent);
    long mostLent = 8 * FIRST_WINDOW;
    var first = Call.send(net.gatewayEnd, Call.get("/bytes/" + ENDLESS_BYTES));
    await().atMost(PATIENCE).until(() -> little.lentBytes() == mostLent);

    var late = Call.send(net.gatewayEnd, Call.get("/bytes/" + ENDLESS_BYTES));
    await().atMost(PATIENCE).until(() -> late.received > 48 * FIRST_WINDOW);
    late.channel.config().setAutoRead(false); // who does not read borrows no more
    first.channel.close();
    await().atMost(PATIENCE).until(() -> net.target.open.get() == 1);
    await()
        .atMost(PATIENCE)
        .untilAsserted(
            () -> assertThat(little.lentBytes()).isBetween(2 * FIRST_WINDOW, mostLent / 2));
    late.channel.close();
  }

  @Test
  void losingTheConnectionGivesBackWhatWasLent() throws Exception {
    var call = Call.send(net.gatewayEnd, Call.get("/bytes/" + ENDLESS_BYTES));
    awaitWindow(atGateway, 2 * FIRST_WINDOW);

    net.gatewayEnd.close(new CloseReason(CloseReason.Code.CLOSED_HERE, "the test wants it"));
    call.inactive.get(60, TimeUnit.SECONDS);
    await().atMost(PATIENCE).until(() -> atGateway.lentBytes() == 0 && atGateway.usedBytes() == 0);
  }

  @Test
  void aTransferOverALongLinkArrivesWhole() throws Exception {
    long bytes = 48L << 20;
    var down = Call.send(net.gatewayEnd, Call.get("/bytes/" + bytes));
    var up = Call.send(net.gatewayEnd, Call.post("/sink")).upload(bytes);
    down.end.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    assertThat(down.crcAtEnd()).isEqualTo(Pattern.crcOf(bytes));
    up.end.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    assertThat(up.text()).isEqualTo(bytes + " " + Pattern.crcOf(bytes));
    await().atMost(PATIENCE).until(() -> atGateway.lentBytes() == 0 && atAgent.lentBytes() == 0);
  }
}
