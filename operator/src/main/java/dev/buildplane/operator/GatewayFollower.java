package dev.buildplane.operator;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.InstantSource;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Follows one replica's stream of agent connections into an [AgentRegistry], for as long as it is open.
///
/// Runs on one virtual thread of its own, and one more per stream that watches for silence. After a loss it dials again with
/// full jitter, 0.5 s doubling to 5 s, and starts over at 0.5 s once a snapshot was complete.
final class GatewayFollower implements AutoCloseable {
  static final Duration FIRST_BACKOFF = Duration.ofMillis(500);
  static final Duration LAST_BACKOFF = Duration.ofSeconds(5);
  static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(10);

  /// Characters of one line; an authorised list of thousands of resources fits.
  static final int LINE_CHARS = 1 << 20;

  private static final Logger LOG = LoggerFactory.getLogger(GatewayFollower.class);

  private final URI stream;
  private final String source;
  private final Duration silence;
  private final HttpClient http;
  private final AgentRegistry registry;
  private final Consumer<AgentRegistry.Change> listener;
  private final Runnable stalled;
  private final InstantSource clock;
  private final RandomGenerator random;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread thread;
  private volatile @Nullable InputStream open;
  private volatile long heardNanos;

  private GatewayFollower(
      URI gateway,
      Duration silence,
      SSLContext tls,
      AgentRegistry registry,
      Consumer<AgentRegistry.Change> listener,
      Runnable stalled,
      InstantSource clock,
      RandomGenerator random) {
    this.source = gateway.toString();
    this.silence = silence;
    this.stream = gateway.resolve("/api/v1/planes/watch");
    this.http = HttpClient.newBuilder()
        .sslContext(tls)
        .connectTimeout(CONNECT_TIMEOUT)
        .version(
            HttpClient.Version.HTTP_1_1) // one long answer; its own connection is closed with it
        .build();
    this.registry = registry;
    this.listener = listener;
    this.stalled = stalled;
    this.clock = clock;
    this.random = random;
    this.thread = Thread.ofVirtual().name("gateway-follower").unstarted(this::run);
  }

  /// Starts following.
  ///
  /// @param silence a stream that says nothing for this long is dead; the gateway pings every 10 s
  /// @param listener called on the follower's thread; must return quickly
  /// @param stalled told when the replica has stopped talking without closing the connection
  static GatewayFollower start(
      URI gateway,
      Duration silence,
      SSLContext tls,
      AgentRegistry registry,
      Consumer<AgentRegistry.Change> listener,
      Runnable stalled,
      InstantSource clock,
      RandomGenerator random) {
    var follower =
        new GatewayFollower(gateway, silence, tls, registry, listener, stalled, clock, random);
    follower.thread.start();
    return follower;
  }

  private void run() {
    var backoff = FIRST_BACKOFF;
    while (closed.getCount() > 0) {
      String why;
      boolean synced = false;
      try {
        synced = follow();
        why = "the gateway ended the stream";
      } catch (IOException | IllegalArgumentException e) {
        why = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
      } catch (InterruptedException e) {
        return; // close() interrupts
      }
      if (closed.getCount() == 0) {
        return;
      }
      LOG.info("stream of agent connections from {} ended: {}", stream, why);
      tell(registry.silent(source, clock.instant(), why));
      backoff = synced ? FIRST_BACKOFF : backoff;
      if (!pause(backoff)) {
        return;
      }
      backoff = backoff.multipliedBy(2).compareTo(LAST_BACKOFF) > 0
          ? LAST_BACKOFF
          : backoff.multipliedBy(2);
    }
  }

  /// @return whether time passed; false when closed meanwhile
  private boolean pause(Duration backoff) {
    try {
      return !closed.await(random.nextLong(backoff.toMillis() + 1), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      return false;
    }
  }

  /// Follows one stream to its end.
  ///
  /// @return whether its snapshot was complete
  private boolean follow() throws IOException, InterruptedException {
    var request = HttpRequest.newBuilder(stream).timeout(CONNECT_TIMEOUT).GET().build();
    var response = http.send(request, HttpResponse.BodyHandlers.ofInputStream());
    var ended = new CountDownLatch(1);
    try (var body = response.body()) {
      if (response.statusCode() != 200) {
        throw new IOException("expected 200 from " + stream + ", found " + response.statusCode()
            + "; see that the operator's certificate is allowed to watch planes");
      }
      open = body;
      heardNanos = System.nanoTime();
      Thread.ofVirtual().name("gateway-silence").start(() -> guard(body, ended));
      return read(body);
    } finally {
      open = null;
      ended.countDown();
    }
  }

  private boolean read(InputStream body) throws IOException {
    boolean synced = false;
    var lines = new BufferedReader(new InputStreamReader(body, StandardCharsets.UTF_8));
    for (var line = line(lines); line != null; line = line(lines)) {
      heardNanos = System.nanoTime();
      var event = GatewayEvent.parse(line);
      synced |= event.filter(GatewayEvent.Synced.class::isInstance).isPresent();
      event.ifPresent(found -> tell(registry.apply(source, found, clock.instant())));
    }
    return synced;
  }

  private static @Nullable String line(BufferedReader reader) throws IOException {
    var line = new StringBuilder();
    for (int next = reader.read(); next >= 0; next = reader.read()) {
      if (next == '\n') {
        return line.toString();
      }
      if (line.length() == LINE_CHARS) {
        throw new IOException(
            "expected lines of at most " + LINE_CHARS + " characters from the gateway");
      }
      line.append((char) next);
    }
    return null; // an unfinished last line was cut off by a loss and says nothing
  }

  private void guard(InputStream body, CountDownLatch ended) {
    try {
      for (var left = left(); left.isPositive(); left = left()) {
        if (ended.await(left.toMillis() + 1, TimeUnit.MILLISECONDS)) {
          return;
        }
      }
      LOG.warn("nothing heard from {} for {} s, dialling again", stream, silence.toSeconds());
      tell(registry.silent(source, clock.instant(), "nothing heard"));
      stalled.run();
      body.close();
    } catch (IOException e) {
      LOG.debug("closing a silent stream failed", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private Duration left() {
    return silence.minusNanos(System.nanoTime() - heardNanos);
  }

  private void tell(AgentRegistry.Change change) {
    if (!change.isNothing()) {
      listener.accept(change);
    }
  }

  @Override
  public void close() {
    closed.countDown();
    var body = open;
    if (body != null) {
      try {
        body.close();
      } catch (IOException e) {
        LOG.debug("closing the stream failed", e);
      }
    }
    thread.interrupt();
    http.shutdownNow();
  }
}
