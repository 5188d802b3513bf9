package dev.buildplane.agent;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import dev.buildplane.tunnel.AgentTunnel;
import dev.buildplane.tunnel.CloseReason;
import dev.buildplane.tunnel.Session;
import dev.buildplane.tunnel.TunnelProtocol;
import io.netty.channel.EventLoop;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Keeps one connection to the gateway: carries out what [Session] decides. All of it runs on one event loop; what others read is volatile.
final class AgentLink {
  private static final Logger LOG = LoggerFactory.getLogger(AgentLink.class);

  private final EventLoop loop;
  private final Supplier<CompletionStage<AgentTunnel>> dial;
  private final BooleanSupplier servedElsewhere;
  private final RandomGenerator random;
  private final Runnable changed;
  private final AgentMetrics metrics;
  private final Map<Long, AgentTunnel> tunnels = new HashMap<>();
  private final CompletableFuture<Void> stopped = new CompletableFuture<>();
  private Session.State state = new Session.State.Down(0);
  private long lastTunnel;
  private volatile boolean connected;
  private volatile @Nullable String problem;

  /// @param servedElsewhere whether another link of the agent is connected; asked on `loop`
  AgentLink(
      EventLoop loop,
      Supplier<CompletionStage<AgentTunnel>> dial,
      BooleanSupplier servedElsewhere,
      RandomGenerator random,
      Runnable changed,
      AgentMetrics metrics) {
    this.metrics = metrics;
    this.loop = loop;
    this.dial = dial;
    this.servedElsewhere = servedElsewhere;
    this.random = random;
    this.changed = changed;
  }

  boolean connected() {
    return connected;
  }

  @Nullable
  String problem() {
    return problem;
  }

  void start() {
    loop.execute(() -> perform(Session.start()));
  }

  /// Moves to a fresh connection, the old one finishing what it has.
  void replace() {
    feed(new Session.Event.ReplaceAsked());
  }

  /// Takes a tunnel to a better place than the current one's, which is drained; closes it where none is wanted.
  void adopt(AgentTunnel tunnel) {
    loop.execute(() -> {
      long id = taken(tunnel);
      handle(new Session.Event.Bettered(id));
      follow(id, tunnel);
    });
  }

  /// Drains; completes when the last tunnel is gone.
  CompletionStage<Void> stop() {
    loop.execute(() -> {
      handle(new Session.Event.StopAsked());
      completeIfStopped();
    });
    return stopped;
  }

  /// Closes what a drain has not ended.
  void abort() {
    loop.execute(() -> Map.copyOf(tunnels)
        .values()
        .forEach(tunnel ->
            tunnel.close(new CloseReason(CloseReason.Code.CLOSED_HERE, "the agent ended"))));
  }

  private void feed(Session.Event event) {
    loop.execute(() -> handle(event));
  }

  private void handle(Session.Event event) {
    perform(Session.step(state, event));
  }

  private void perform(Session.Step step) {
    state = step.state();
    step.effects().forEach(this::perform);
    boolean up = state instanceof Session.State.Up || state instanceof Session.State.Replacing;
    if (up != connected) {
      connected = up;
      changed.run();
    }
  }

  private void perform(Session.Effect effect) {
    switch (effect) {
      case Session.Effect.Dial _ -> {
        metrics.dialled();
        dial.get().whenComplete((tunnel, failure) -> loop.execute(() -> dialled(tunnel, failure)));
      }
      case Session.Effect.WaitThenDial(var failures) ->
        loop.schedule(
            () -> handle(new Session.Event.DialDue()),
            Session.delay(failures, servedElsewhere.getAsBoolean(), random).toMillis(),
            MILLISECONDS);
      case Session.Effect.WatchHealth(var id) ->
        loop.schedule(
            () -> handle(new Session.Event.Healthy(id)),
            Session.HEALTHY_AFTER.toMillis(),
            MILLISECONDS);
      case Session.Effect.Drain(var id) -> {
        var tunnel = tunnels.get(id);
        if (tunnel != null) {
          tunnel.drain();
        }
      }
      case Session.Effect.Close(var id) -> {
        var tunnel = tunnels.get(id);
        if (tunnel != null) {
          tunnel.close(new CloseReason(CloseReason.Code.CLOSED_HERE, "no longer wanted"));
        }
      }
    }
  }

  private void dialled(@Nullable AgentTunnel tunnel, @Nullable Throwable failure) {
    if (tunnel == null) {
      metrics.dialFailed(failure);
      report(failure == null ? "the dial failed" : String.valueOf(failure.getMessage()));
      handle(new Session.Event.DialFailed());
      return;
    }
    long id = taken(tunnel);
    handle(new Session.Event.Opened(id));
    follow(id, tunnel);
  }

  private long taken(AgentTunnel tunnel) {
    long id = ++lastTunnel;
    tunnels.put(id, tunnel);
    problem = null;
    LOG.info(
        "connected to the gateway at {}, replica {}",
        tunnel.remoteAddress(),
        tunnel.gatewayReplica().orElse("unnamed"));
    if (tunnel.protocol() == TunnelProtocol.JSON) {
      LOG.warn(
          "the gateway speaks the JSON protocol of v0.17: watches, followed logs and exec are not carried, bodies are bounded");
    }
    return id;
  }

  private void follow(long id, AgentTunnel tunnel) {
    tunnel
        .draining()
        .thenRun(() -> loop.execute(() -> {
          if (tunnel.isUp()) {
            handle(new Session.Event.GoAway(id));
          }
        }));
    tunnel.closed().thenAccept(reason -> loop.execute(() -> lost(id, reason)));
  }

  private void lost(long id, CloseReason reason) {
    tunnels.remove(id);
    metrics.tunnelClosed(reason.code());
    if (reason.code() != CloseReason.Code.DRAINED) {
      report("connection to the gateway ended: " + reason);
    }
    handle(new Session.Event.Lost(id));
    completeIfStopped();
  }

  private void completeIfStopped() {
    if (state instanceof Session.State.Stopped && tunnels.isEmpty()) {
      stopped.complete(null);
    }
  }

  /// The same trouble over and over is told once.
  private void report(String text) {
    if (!text.equals(problem)) {
      LOG.warn("{}", text);
    }
    problem = text;
    changed.run();
  }
}
