package dev.buildplane.bench;

import static java.util.Objects.requireNonNull;

import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/// One caller that knows all gateways: reads and writes in turn, at one gateway after the other, with a kept connection to each, and goes to the next
/// gateway when one is not there.
///
/// What certainly was not done is asked again there: the connection could not be opened, or the answer is 503. A write that may have been done is given
/// up, and the next has an id of its own.
final class ReplicaCaller implements AutoCloseable {
  /// A gateway that accepts a connection and then says nothing.
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private static final Duration PAUSE = Duration.ofMillis(4);
  private static final byte[] BODY = new byte[512];

  private enum Outcome {
    DONE,
    UNDONE,
    UNKNOWN
  }

  private final String name;
  private final List<LoadClient> gateways;
  private final List<String> planes;
  private final List<@Nullable Link> links = new ArrayList<>();
  private final List<String> acknowledged = new ArrayList<>(); // guarded by this
  private final Thread thread;
  private int turn;

  /// Ends of calls that were no success, by what was said.
  final ConcurrentHashMap<String, LongAdder> trouble = new ConcurrentHashMap<>();

  private int successes; // guarded by this, as are the next three
  private int unknown;
  private long lastSuccess = System.nanoTime();
  private long longestNanos;
  private volatile boolean stopping;

  /// What one caller met since the last look.
  ///
  /// @param unknown writes given up because they may have been done
  /// @param longestNanos longest time without a success, from the last success before it
  record Account(int successes, List<String> acknowledged, int unknown, long longestNanos) {}

  /// @param name begins its ids
  /// @param gateways one a gateway; not closed with this
  ReplicaCaller(String name, List<LoadClient> gateways, List<String> planes) {
    this.name = name;
    this.gateways = gateways;
    this.planes = planes;
    gateways.forEach(_ -> links.add(null));
    this.thread = Thread.ofVirtual().name(name).unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  /// Everything since the last time this was asked.
  synchronized Account look() {
    var now = System.nanoTime();
    var account = new Account(
        successes, List.copyOf(acknowledged), unknown, Math.max(longestNanos, now - lastSuccess));
    acknowledged.clear();
    successes = 0;
    unknown = 0;
    longestNanos = 0;
    return account;
  }

  private void run() {
    try {
      for (var call = 0; !stopping; call++) {
        if (call % 2 == 0) {
          read();
        } else {
          write(name + "-" + call);
        }
        Thread.sleep(PAUSE);
      }
    } catch (InterruptedException e) {
      if (!stopping) {
        throw new IllegalStateException(e);
      }
    }
  }

  private void read() throws InterruptedException {
    var request = Request.get(path("/small"));
    while (!stopping) {
      if (send(request) == Outcome.DONE) {
        succeeded(null);
        return;
      }
    }
  }

  private void write(String id) throws InterruptedException {
    var request = Request.post(path("/write?id=" + id), "application/octet-stream", BODY);
    while (!stopping) {
      switch (send(request)) {
        case DONE -> {
          succeeded(id);
          return;
        }
        case UNKNOWN -> {
          gaveUp();
          return;
        }
        case UNDONE -> {
          // at the next gateway
        }
      }
    }
  }

  private String path(String rest) {
    return Planes.path(planes.get(turn % planes.size())) + rest;
  }

  private synchronized void succeeded(@Nullable String id) {
    var now = System.nanoTime();
    longestNanos = Math.max(longestNanos, now - lastSuccess);
    lastSuccess = now;
    successes++;
    if (id != null) {
      acknowledged.add(id);
    }
  }

  private synchronized void gaveUp() {
    unknown++;
  }

  /// Sends it to the next gateway in turn.
  private Outcome send(Request request) throws InterruptedException {
    var gateway = turn++ % gateways.size();
    Link link;
    try {
      link = link(gateway);
    } catch (ExecutionException | TimeoutException e) {
      meet("not connected");
      Thread.sleep(PAUSE);
      return Outcome.UNDONE;
    }
    var status = new CompletableFuture<Integer>();
    link.channel().eventLoop().execute(() -> {
      if (link.channel().isActive()) {
        link.start(request, new Status(status));
      } else {
        status.completeExceptionally(new IOException("closed before anything was sent"));
      }
    });
    try {
      return outcome(status.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS));
    } catch (ExecutionException | TimeoutException e) {
      meet("connection lost");
      link.channel().close();
      return Outcome.UNKNOWN;
    }
  }

  private Outcome outcome(int status) throws InterruptedException {
    if (status / 100 == 2) {
      return Outcome.DONE;
    }
    meet("status " + status);
    if (status == 503) {
      Thread.sleep(PAUSE);
      return Outcome.UNDONE;
    }
    return Outcome.UNKNOWN;
  }

  private void meet(String what) {
    trouble.computeIfAbsent(what, _ -> new LongAdder()).increment();
  }

  private Link link(int gateway) throws InterruptedException, ExecutionException, TimeoutException {
    var kept = links.get(gateway);
    if (kept == null || !kept.channel().isActive()) {
      kept = requireNonNull(gateways.get(gateway))
          .connect()
          .get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
      links.set(gateway, kept);
    }
    return kept;
  }

  /// Completes with the status once the answer is whole.
  private static final class Status implements Answer {
    private final CompletableFuture<Integer> whole;
    private int status;

    Status(CompletableFuture<Integer> whole) {
      this.whole = whole;
    }

    @Override
    public void head(int found) {
      status = found;
    }

    @Override
    public void body(ByteBuf part) {}

    @Override
    public void end() {
      whole.complete(status);
    }

    @Override
    public void failed(Throwable cause) {
      whole.completeExceptionally(cause);
    }
  }

  /// Returns when the call in progress is over.
  @Override
  public void close() throws InterruptedException {
    stopping = true;
    thread.join();
    for (var link : links) {
      if (link != null) {
        link.channel().close();
      }
    }
  }
}
