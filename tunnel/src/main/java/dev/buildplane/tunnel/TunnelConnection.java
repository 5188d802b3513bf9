package dev.buildplane.tunnel;

import static java.util.Objects.requireNonNull;
import static java.util.concurrent.TimeUnit.NANOSECONDS;

import io.netty.channel.Channel;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.net.SocketAddress;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The life of one tunnel, either end: up when SETTINGS have come, PINGs and the silence limit, GOAWAY and drain, the
/// reason of the end. The last handler of the connection's pipeline.
///
/// State is changed on the event loop only; what other threads may ask is volatile or atomic.
final class TunnelConnection extends ChannelDuplexHandler implements WebSocketCodec.Owner {
  private static final Logger LOG = LoggerFactory.getLogger(TunnelConnection.class);
  private static final long LIVENESS_PING = 0x62_70_6c_69_76_65L;
  private static final long SAMPLE_PING = 0x62_70_62_64_70L;

  private static final long DRAIN_PING = 0x62_70_64_72_61_69_6eL;

  private final TunnelSettings settings;
  private final Channel channel;
  private final AtomicInteger activeStreams = new AtomicInteger();
  private final AtomicReference<@Nullable CloseReason> reason = new AtomicReference<>();
  private final CompletableFuture<CloseReason> closed = new CompletableFuture<>();
  private final CompletableFuture<Void> draining = new CompletableFuture<>();
  private final CompletableFuture<Void> up = new CompletableFuture<>();
  private volatile boolean peerTakesConnect;
  private volatile long peerMaxStreams = Long.MAX_VALUE;
  private volatile long lastHeardNanos;
  private volatile Instant lastSeen;
  private final long pingAfterNanos;
  private final BandwidthDelay bandwidthDelay;
  private final MemoryBudget budget;
  private long lastPingNanos;
  private long controlWindowNanos;
  private int controlFrames;
  private boolean drainAsked;
  private boolean drainAcknowledged;
  private @Nullable Http2Link link;
  private @Nullable Future<?> tick;
  private @Nullable Future<?> drainDeadline;

  TunnelConnection(Channel channel, TunnelSettings settings, Duration pingAfter) {
    this.channel = channel;
    this.settings = settings;
    this.lastSeen = settings.clock().instant();
    this.lastHeardNanos = nanoTime();
    this.lastPingNanos = lastHeardNanos;
    this.pingAfterNanos = pingAfter.toNanos();
    this.bandwidthDelay = new BandwidthDelay(settings.streamWindowBytes());
    this.budget = settings.budget().forTunnel();
  }

  long nanoTime() {
    return channel.eventLoop().ticker().nanoTime();
  }

  /// What it speaks through; once, before anything else.
  void over(Http2Link http2) {
    link = http2;
  }

  private Http2Link link() {
    var http2 = link;
    if (http2 == null) {
      throw new IllegalStateException("not assembled yet");
    }
    return http2;
  }

  // ---- told by the link

  void streamBegan() {
    activeStreams.incrementAndGet();
  }

  void streamEnded() {
    activeStreams.decrementAndGet();
    closeIfDrained();
  }

  // ---- asked from any thread

  Channel channel() {
    return channel;
  }

  TunnelSettings settings() {
    return settings;
  }

  boolean isUp() {
    return up.isDone()
        && !up.isCompletedExceptionally()
        && reason.get() == null
        && channel.isActive();
  }

  boolean isDraining() {
    return draining.isDone();
  }

  boolean isClosed() {
    return reason.get() != null || !channel.isActive();
  }

  boolean peerTakesConnect() {
    return peerTakesConnect;
  }

  long peerMaxStreams() {
    return peerMaxStreams;
  }

  int activeStreams() {
    return activeStreams.get();
  }

  Instant lastSeen() {
    return lastSeen;
  }

  SocketAddress remoteAddress() {
    return channel.remoteAddress();
  }

  CompletableFuture<Void> up() {
    return up;
  }

  CompletableFuture<CloseReason> closed() {
    return closed;
  }

  CompletableFuture<Void> draining() {
    return draining;
  }

  /// Why it ended, or why it will have: a stream that dies before anybody named a reason lost its connection.
  CloseReason reasonOrLost() {
    var known = reason.get();
    return known != null
        ? known
        : new CloseReason(CloseReason.Code.CONNECTION_LOST, "the connection was lost");
  }

  // ---- liveness

  @Override
  public void heard() {
    lastHeardNanos = nanoTime();
    lastSeen = settings.clock().instant();
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    scheduleTick(ctx);
  }

  private void scheduleTick(ChannelHandlerContext ctx) {
    long now = nanoTime();
    long untilDead = lastHeardNanos + settings.silenceLimit().toNanos() - now;
    long untilPing = Math.max(lastPingNanos, lastHeardNanos) + pingAfterNanos - now;
    tick = ctx.executor()
        .schedule(() -> onTick(ctx), Math.max(0, Math.min(untilDead, untilPing)), NANOSECONDS);
  }

  private void onTick(ChannelHandlerContext ctx) {
    if (isClosed()) {
      return;
    }
    long now = nanoTime();
    if (now - lastHeardNanos >= settings.silenceLimit().toNanos()) {
      ending(new CloseReason(
          CloseReason.Code.SILENT,
          "nothing was heard from the peer for " + settings.silenceLimit().toMillis() + " ms"));
      abandon();
      return;
    }
    // Whoever has heard something lately knows that much of the link: the peer's PING, and its answer to ours, prove it as well.
    if (now - Math.max(lastPingNanos, lastHeardNanos) >= pingAfterNanos) {
      lastPingNanos = now;
      link().output().ping(false, LIVENESS_PING);
    }
    scheduleTick(ctx);
  }

  /// Closes the socket itself: a peer that does not answer will not take part in a TLS or WebSocket close either, and
  /// waiting for it would keep streams hanging.
  private void abandon() {
    var first = channel.pipeline().firstContext();
    if (first == null) {
      channel.close();
    } else {
      first.close();
    }
  }

  // ---- how much a stream may send ahead

  /// What the streams of this connection may hold.
  MemoryBudget budget() {
    return budget;
  }

  /// DATA came. On a link with long round trips a stream is held back by its window; [BandwidthDelay] finds out.
  void dataCame() {
    if (bandwidthDelay.came(nanoTime())) {
      link().output().ping(false, SAMPLE_PING);
    }
  }

  /// That of a stream which begins.
  BandwidthDelay.Window newWindow() {
    return bandwidthDelay.new Window();
  }

  // ---- what the peer says about the connection

  void pingAnswered(long content) {
    if (content == DRAIN_PING) {
      drainAcknowledged = true;
      closeIfDrained();
    } else if (content == SAMPLE_PING) {
      bandwidthDelay.answered();
    } else if (content == LIVENESS_PING) {
      settings.meter().answered(nanoTime() - lastPingNanos);
    }
  }

  /// Counts a frame about the connection; true beyond what [TunnelSettings] allow.
  boolean flooded() {
    long now = nanoTime();
    if (now - controlWindowNanos > TunnelSettings.CONTROL_FRAME_WINDOW.toNanos()) {
      controlWindowNanos = now;
      controlFrames = 0;
    }
    return ++controlFrames > TunnelSettings.CONTROL_FRAMES_PER_WINDOW;
  }

  void peerTakesStreams(long most) {
    peerMaxStreams = most;
  }

  void peerTakesConnect(boolean takes) {
    peerTakesConnect |= takes;
  }

  /// SETTINGS came.
  void settled() {
    up.complete(null);
  }

  void goAwayCame(long code) {
    if (code != Http2Error.NO_ERROR.code()) {
      ending(new CloseReason(
          CloseReason.Code.PROTOCOL_ERROR,
          "the peer ended the connection with HTTP/2 error " + Http2Error.valueOf(code)));
    }
    draining.complete(null);
  }

  // ---- drain and close

  void drain() {
    onLoop(this::drainOnLoop);
  }

  private void drainOnLoop() {
    if (drainAsked || isClosed()) {
      return;
    }
    drainAsked = true;
    draining.complete(null);
    // The highest stream id, so that nothing already on its way is refused (RFC 9113 section 6.8). Once the PING is answered,
    // everything the peer had sent before it saw the GOAWAY has come.
    link().output().goAway(Integer.MAX_VALUE, Http2Error.NO_ERROR);
    link().output().ping(false, DRAIN_PING);
    long limit = settings.drainLimit().toNanos();
    drainDeadline = channel
        .eventLoop()
        .schedule(() -> close(drained("its drain limit had come")), limit, NANOSECONDS);
  }

  private void closeIfDrained() {
    if (drainAsked && drainAcknowledged && activeStreams.get() == 0) {
      // Not from within the codec's call: what it is still writing must get out first.
      channel.eventLoop().execute(() -> {
        if (activeStreams.get() == 0) {
          close(drained("every stream had finished"));
        }
      });
    }
  }

  private static CloseReason drained(String why) {
    return new CloseReason(CloseReason.Code.DRAINED, "drained: " + why);
  }

  void close(CloseReason why) {
    ending(why);
    onLoop(channel::close);
  }

  private void onLoop(Runnable task) {
    if (channel.eventLoop().inEventLoop()) {
      task.run();
    } else {
      channel.eventLoop().execute(task);
    }
  }

  @Override
  public void ending(CloseReason why) {
    reason.compareAndSet(null, requireNonNull(why, "why"));
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    var code = cause instanceof Http2Exception
        ? CloseReason.Code.PROTOCOL_ERROR
        : CloseReason.Code.CONNECTION_LOST;
    ending(new CloseReason(code, cause.getClass().getSimpleName() + ": " + cause.getMessage()));
    if (!(cause instanceof IOException) && !(cause instanceof Http2Exception)) {
      LOG.warn("closing a tunnel after an unexpected failure", cause);
    }
    ctx.close();
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    for (var task : new Future<?>[] {tick, drainDeadline}) {
      if (task != null) {
        task.cancel(false);
      }
    }
    var why = reasonOrLost();
    ending(why);
    LOG.debug("tunnel with {} ended: {}", channel.remoteAddress(), why);
    draining.complete(null);
    up.completeExceptionally(
        new TunnelException(TunnelException.Code.CONNECTION_LOST, why.detail()));
    closed.complete(why);
    ctx.fireChannelInactive();
  }
}
