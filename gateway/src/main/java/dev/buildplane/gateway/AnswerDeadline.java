package dev.buildplane.gateway;

import io.netty.channel.EventLoop;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/// How long a plane may leave a call without the head of an answer. What its caller takes to send the body does not count: that has the
/// server's own bound ([dev.buildplane.http.HttpLimits#idle]). Event loop only.
final class AnswerDeadline {
  private final EventLoop loop;
  private final long limitNanos;
  private final BooleanSupplier callersTurn;
  private final Runnable tooLate;
  private long planesTurnSince = System.nanoTime();
  private Future<?> next;

  /// @param callersTurn whether nothing can happen before the caller sends more
  /// @param tooLate run once, when it was the plane's turn for `limit` on end
  AnswerDeadline(EventLoop loop, Duration limit, BooleanSupplier callersTurn, Runnable tooLate) {
    this.loop = loop;
    this.limitNanos = limit.toNanos();
    this.callersTurn = callersTurn;
    this.tooLate = tooLate;
    this.next = schedule(limitNanos);
  }

  /// Something of the request went on to the plane: its time begins anew.
  void sent() {
    planesTurnSince = System.nanoTime();
  }

  void cancel() {
    next.cancel(false);
  }

  private Future<?> schedule(long nanos) {
    return loop.schedule(this::look, nanos, TimeUnit.NANOSECONDS);
  }

  private void look() {
    long left = limitNanos - (System.nanoTime() - planesTurnSince);
    if (callersTurn.getAsBoolean()) {
      next = schedule(limitNanos);
    } else if (left > 0) {
      next = schedule(left);
    } else {
      tooLate.run();
    }
  }
}
