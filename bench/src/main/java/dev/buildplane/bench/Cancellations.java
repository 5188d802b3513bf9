package dev.buildplane.bench;

import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.io.PrintStream;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/// How soon the target's request ends when its caller hangs up: one caller after the other, while the answer is awaited and while it streams. The
/// target is in this process, so that both moments are of one clock.
final class Cancellations implements Witness {
  private static final long PATIENCE_SECONDS = 60;

  /// Gateways cut callers that reset 200 streams in half a minute.
  private static final int PER_CONNECTION = 100;

  private static final int WARM_UP = 50;

  /// When the caller leaves.
  private enum Moment {
    WAITING("while it waits for the answer", "/hang?id="),
    STREAMING(
        "while the answer streams",
        "/watch?first=0&interval=1&events=" + Integer.MAX_VALUE + "&id=");

    private final String label;
    private final String path;

    Moment(String label, String path) {
      this.label = label;
      this.path = path;
    }
  }

  private final Map<String, CompletableFuture<Long>> arrivals = new ConcurrentHashMap<>();
  private final Map<String, CompletableFuture<Long>> ends = new ConcurrentHashMap<>();
  private int next;

  @Override
  public void arrived(String id) {
    at(arrivals, id).complete(System.nanoTime());
  }

  @Override
  public void gone(String id) {
    at(ends, id).complete(System.nanoTime());
  }

  private static CompletableFuture<Long> at(Map<String, CompletableFuture<Long>> of, String id) {
    return of.computeIfAbsent(id, _ -> new CompletableFuture<>());
  }

  /// Prints the rows of one way to the target.
  void print(PrintStream out, String way, Endpoint endpoint, int count) throws Exception {
    try (var client = new LoadClient(endpoint)) {
      for (var moment : Moment.values()) {
        measure(client, endpoint, moment, WARM_UP);
        var found = measure(client, endpoint, moment, count);
        out.printf(
            "| %s, %s | %s | %.1f | %.1f | %.1f |%n",
            endpoint.http2() ? "HTTP/2" : "HTTP/1.1",
            moment.label,
            way,
            found.quantileMillis(0.5),
            found.quantileMillis(0.99),
            found.quantileMillis(1));
        out.flush();
      }
    }
  }

  private LoadClient.Round measure(LoadClient client, Endpoint endpoint, Moment moment, int count)
      throws Exception {
    var nanos = new long[count];
    var begun = System.nanoTime();
    Link link = null;
    for (var i = 0; i < count; i++) {
      if (link == null || !endpoint.http2() || i % PER_CONNECTION == 0) {
        if (link != null) {
          link.channel().close();
        }
        link = client.connect().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
      }
      nanos[i] = cancel(link, endpoint.prefix(), moment);
    }
    if (link != null) {
      link.channel().close();
    }
    Arrays.sort(nanos);
    return new LoadClient.Round(nanos, (System.nanoTime() - begun) / 1e9);
  }

  /// From the moment the caller leaves until the target's connection has ended.
  private long cancel(Link link, String prefix, Moment moment) throws Exception {
    var id = Integer.toString(next++);
    var answered = new CompletableFuture<Void>();
    var request = Request.get(prefix + moment.path + id);
    link.channel().eventLoop().execute(() -> link.start(request, new Awaited(answered)));
    at(arrivals, id).get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    if (moment == Moment.STREAMING) {
      answered.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }
    var left = new CompletableFuture<Long>();
    link.channel().eventLoop().execute(() -> {
      left.complete(System.nanoTime());
      link.cancel();
    });
    long ended = at(ends, id).get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    arrivals.remove(id);
    ends.remove(id);
    return ended - left.get();
  }

  /// Completes with the first piece of the body.
  private record Awaited(CompletableFuture<Void> first) implements Answer {
    @Override
    public void head(int status) {
      if (status != 200) {
        first.completeExceptionally(new IOException("expected 200, found " + status));
      }
    }

    @Override
    public void body(ByteBuf part) {
      first.complete(null);
    }

    @Override
    public void end() {
      first.completeExceptionally(new IOException("expected an answer without end"));
    }

    @Override
    public void failed(Throwable cause) {
      first.completeExceptionally(cause);
    }
  }
}
