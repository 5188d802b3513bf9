package dev.buildplane.bench;

import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoopGroup;
import java.io.IOException;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/// The state of one round; everything but the volatiles belongs to the event loop.
final class Load {
  private final EventLoopGroup loop;
  private final Supplier<Request> requests;
  final CompletableFuture<Void> broken = new CompletableFuture<>();
  private long[] nanos = new long[1 << 16];
  private int count;
  volatile boolean recording;
  volatile boolean stopping;

  /// @param loop of one thread, which all callers are on
  Load(EventLoopGroup loop, Supplier<Request> requests) {
    this.loop = loop;
    this.requests = requests;
  }

  void again(Link link) {
    once(link, System.nanoTime(), () -> {
      if (!stopping) {
        again(link);
      }
    });
  }

  void once(Link link, long begun, Runnable then) {
    link.start(requests.get(), new Answer() {
      @Override
      public void head(int status) {
        if (status / 100 != 2) {
          broken.completeExceptionally(new IOException("expected 2xx, found " + status));
        }
      }

      @Override
      public void body(ByteBuf part) {}

      @Override
      public void end() {
        record(System.nanoTime() - begun);
        then.run();
      }

      @Override
      public void failed(Throwable cause) {
        if (!stopping) {
          broken.completeExceptionally(cause);
        }
      }
    });
  }

  void record(long latency) {
    if (recording) {
      if (count == nanos.length) {
        nanos = Arrays.copyOf(nanos, count * 2);
      }
      nanos[count++] = latency;
    }
  }

  /// Ends early, and with the failure, when a caller fails.
  void sleep(double seconds) throws Exception {
    try {
      broken.get((long) (seconds * 1e9), TimeUnit.NANOSECONDS);
    } catch (TimeoutException asItShould) {
      return;
    }
  }

  long[] stop() throws Exception {
    stopping = true;
    return loop.submit(() -> {
          var all = Arrays.copyOf(nanos, count);
          Arrays.sort(all);
          return all;
        })
        .get();
  }
}
