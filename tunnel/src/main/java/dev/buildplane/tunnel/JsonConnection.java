package dev.buildplane.tunnel;

import static java.util.Objects.requireNonNull;
import static java.util.concurrent.TimeUnit.NANOSECONDS;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.SocketAddress;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.Deque;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The life of one connection that speaks the v0.17 JSON protocol, either end: gathering messages within their bounds, liveness, drain, the
/// reason of the end; [OutgoingMessages] sends. The last handler of `TLS -> WebSocketCodec -> JsonConnection`.
///
/// State is changed on the event loop only; what other threads may ask is volatile or atomic. Large messages are decoded on a
/// virtual thread, as that takes longer than an event loop may be held up.
///
/// @param <M> a message of the peer
abstract class JsonConnection<M> extends ChannelInboundHandlerAdapter
    implements WebSocketCodec.Owner, Tunnel {
  /// Messages up to this size are decoded where they arrive.
  static final int DECODE_INLINE_BYTES = 128 << 10;

  /// How much of a message that cannot be kept is searched for its id, which v0.17 writes first.
  static final int BEGINNING_BYTES = 4 << 10;

  /// What the peer may get wrong in the life of a connection before it is closed (1008): messages that are not of the protocol, answers
  /// nobody asked for. The bound is on work and log lines.
  static final int MAX_FAULTS = 100;

  private static final Logger LOG = LoggerFactory.getLogger(JsonConnection.class);
  private static final SecureRandom SEEDS = new SecureRandom();

  private final TunnelSettings settings;
  private final Channel channel;
  private final WebSocketCodec webSocket;
  private final AtomicReference<@Nullable CloseReason> reason = new AtomicReference<>();
  private final CompletableFuture<CloseReason> closed = new CompletableFuture<>();
  private final CompletableFuture<Void> draining = new CompletableFuture<>();
  private final OutgoingMessages outgoing;
  private volatile Instant lastSeen;
  private long lastSignNanos;
  private long lastPingNanos;
  private long messageBeganNanos;
  private Chunks message = new Chunks();
  private StreamShare share;
  private boolean skipping;
  private boolean midMessage;
  private boolean drainAsked;
  private int faults;
  private @Nullable Future<?> tick;
  private @Nullable Future<?> drainDeadline;

  JsonConnection(Channel channel, TunnelSettings settings, boolean client) {
    this.channel = channel;
    this.settings = settings;
    this.outgoing = new OutgoingMessages(channel, this::closeIfDrained);
    this.share = new StreamShare(settings.json().budget());
    this.webSocket = WebSocketCodec.text(
        this, client, new SplittableRandom(SEEDS.nextLong()), settings.json().maxMessageBytes());
    this.lastSeen = settings.clock().instant();
    this.lastSignNanos = nanoTime();
    this.lastPingNanos = lastSignNanos;
  }

  /// Puts the connection in the place of the HTTP handlers of the handshake.
  void install(List<ChannelHandler> replaced) {
    var pipeline = channel.pipeline();
    pipeline.addLast(webSocket);
    pipeline.addLast(this);
    replaced.forEach(pipeline::remove);
    webSocket.start();
  }

  // ---- what the two ends differ in

  abstract M decode(InputStream in) throws MalformedMessage;

  /// A message came, whose bytes are counted in `held`; the receiver gives them back.
  abstract void received(M message, StreamShare held);

  /// A message came that cannot be used.
  ///
  /// @param requestId empty when it could not be read
  abstract void unusable(String requestId, String why);

  /// The connection is ending: nothing that waits for it will happen.
  abstract void lost(CloseReason why);

  /// Whether nothing is left that a drain would wait for.
  abstract boolean idle();

  /// Whether this end sends pings.
  abstract boolean pings();

  // ---- asked from any thread

  final Channel channel() {
    return channel;
  }

  final TunnelSettings settings() {
    return settings;
  }

  final JsonSettings json() {
    return settings.json();
  }

  final boolean isClosed() {
    return reason.get() != null || !channel.isActive();
  }

  final CloseReason reasonOrLost() {
    var known = reason.get();
    return known != null
        ? known
        : new CloseReason(CloseReason.Code.CONNECTION_LOST, "the connection was lost");
  }

  @Override
  public final TunnelProtocol protocol() {
    return TunnelProtocol.JSON;
  }

  @Override
  public final boolean isUp() {
    return !isClosed();
  }

  /// At once: the protocol has no greeting.
  @Override
  public final CompletionStage<Void> up() {
    return CompletableFuture.completedStage(null);
  }

  @Override
  public final boolean isDraining() {
    return draining.isDone();
  }

  @Override
  public final Instant lastSeen() {
    return lastSeen;
  }

  @Override
  public final SocketAddress remoteAddress() {
    return channel.remoteAddress();
  }

  @Override
  public final CompletionStage<CloseReason> closed() {
    return closed.minimalCompletionStage();
  }

  @Override
  public final CompletionStage<Void> draining() {
    return draining.minimalCompletionStage();
  }

  // ---- in

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object msg) {
    if (msg == TextFrame.END) {
      messageEnded();
      return;
    }
    try {
      if (msg instanceof ByteBuf part) {
        partCame(part);
      }
    } finally {
      ReferenceCountUtil.release(msg);
    }
  }

  private void partCame(ByteBuf part) {
    if (!midMessage) {
      midMessage = true;
      messageBeganNanos = nanoTime();
    }
    int bytes = part.readableBytes();
    if (skipping) {
      return;
    }
    if (share.mayTake(bytes)) {
      share.take(bytes);
      message.write(part);
    } else {
      skip(part);
    }
  }

  /// Memory is short: what is left of the message is not kept, and whoever waits for it is told at once.
  private void skip(ByteBuf part) {
    skipping = true;
    if (message.size() < BEGINNING_BYTES) {
      message.write(part.readSlice(Math.min(BEGINNING_BYTES, part.readableBytes())));
    }
    var beginning = new ByteArrayInputStream(message.head());
    message = new Chunks();
    share.giveBack((int) share.heldBytes());
    unusable(
        JsonReader.requestIdOf(beginning),
        "the memory for messages of agents without streaming is spent; try again later");
  }

  private void messageEnded() {
    midMessage = false;
    if (skipping) {
      skipping = false;
      return;
    }
    var whole = message;
    var held = share;
    message = new Chunks();
    share = new StreamShare(json().budget());
    if (whole.size() <= DECODE_INLINE_BYTES) {
      decoded(tryDecode(whole.drain()), held);
    } else {
      Thread.ofVirtual().name("json-decode").start(() -> decodeAside(whole.drain(), held));
    }
  }

  private void decodeAside(InputStream in, StreamShare held) {
    var outcome = tryDecode(in);
    try {
      channel.eventLoop().execute(() -> decoded(outcome, held));
    } catch (RejectedExecutionException loopIsGone) {
      held.giveBack((int) held.heldBytes()); // nobody else touches it any more
      LOG.debug("a message came as its event loop ended");
    }
  }

  /// A message, or why it is none.
  private record Decoded<M>(@Nullable M message, @Nullable MalformedMessage fault) {}

  private Decoded<M> tryDecode(InputStream in) {
    try {
      return new Decoded<>(decode(in), null);
    } catch (MalformedMessage fault) {
      return new Decoded<>(null, fault);
    }
  }

  private void decoded(Decoded<M> outcome, StreamShare held) {
    var got = outcome.message();
    var fault = outcome.fault();
    if (got != null && !isClosed()) {
      received(got, held);
      return;
    }
    held.giveBack((int) held.heldBytes());
    if (fault != null && !isClosed()) {
      unusable(fault.requestId(), fault.text());
      fault("dropped a message: " + fault.text());
    }
  }

  /// Notes that the peer did something a peer of this protocol does not do.
  final void fault(String what) {
    faults++;
    if (Integer.bitCount(faults) == 1) { // the 1st, 2nd, 4th, 8th...
      LOG.warn(
          "JSON connection with {}: {} ({} such faults so far)", remoteAddress(), what, faults);
    }
    if (faults >= MAX_FAULTS) {
      webSocket.refuse(new WebSocketViolation(
          WebSocketViolation.POLICY,
          "expected messages of the v0.17 protocol, found " + faults + " that are not"));
    }
  }

  // ---- out

  /// Sends a message; `gone` runs when the socket has taken it, or never will.
  final void send(Deque<byte[]> parts, Runnable gone) {
    if (isClosed()) {
      gone.run();
      return;
    }
    outgoing.add(parts, gone);
    if (outgoing.waiting() > OutgoingMessages.MAX_WAITING) {
      close(new CloseReason(
          CloseReason.Code.CLOSED_HERE,
          "the peer does not read: " + outgoing.waiting() + " messages wait for it"));
      return;
    }
    outgoing.pump();
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    if (channel.isWritable()) {
      webSocket.payPong();
      outgoing.pump();
    }
    ctx.fireChannelWritabilityChanged();
  }

  // ---- liveness

  final long nanoTime() {
    return channel.eventLoop().ticker().nanoTime();
  }

  @Override
  public void heard() {
    lastSeen = settings.clock().instant();
    if (!pings()) {
      lastSignNanos = nanoTime();
    }
  }

  @Override
  public void pong() {
    lastSignNanos = nanoTime();
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    scheduleTick();
  }

  private void scheduleTick() {
    long now = nanoTime();
    long untilDead = deadline() - now;
    long untilPing = lastPingNanos + json().pingInterval().toNanos() - now;
    tick = channel
        .eventLoop()
        .schedule(this::onTick, Math.max(0, Math.min(untilDead, untilPing)), NANOSECONDS);
  }

  private long deadline() {
    long limit = json().silenceLimit().toNanos();
    return (midMessage && messageBeganNanos - lastSignNanos < 0 ? messageBeganNanos : lastSignNanos)
        + limit;
  }

  private void onTick() {
    if (isClosed()) {
      return;
    }
    long now = nanoTime();
    if (now - deadline() >= 0) {
      long millis = json().silenceLimit().toMillis();
      ending(new CloseReason(
          CloseReason.Code.SILENT,
          midMessage && messageBeganNanos - lastSignNanos < 0
              ? "a message was not complete after " + millis + " ms"
              : (pings() ? "no pong" : "nothing") + " was heard from the peer for " + millis
                  + " ms"));
      abandon();
      return;
    }
    if (now - lastPingNanos >= json().pingInterval().toNanos()) {
      lastPingNanos = now;
      if (pings()) {
        webSocket.ping();
      }
    }
    scheduleTick();
  }

  /// Closes the socket itself: a peer that does not answer takes part in no farewell either.
  private void abandon() {
    var first = channel.pipeline().firstContext();
    if (first == null) {
      channel.close();
    } else {
      first.close();
    }
  }

  // ---- the end

  @Override
  public final void drain() {
    onLoop(() -> {
      if (drainAsked || isClosed()) {
        return;
      }
      drainAsked = true;
      draining.complete(null);
      drainDeadline = channel
          .eventLoop()
          .schedule(
              () -> close(drained("its drain limit had come")),
              settings.drainLimit().toNanos(),
              NANOSECONDS);
      closeIfDrained();
    });
  }

  /// To be called whenever [#idle] may have become true.
  final void closeIfDrained() {
    if (drainAsked && idle() && outgoing.waiting() == 0) {
      close(drained("every request had finished"));
    }
  }

  private static CloseReason drained(String why) {
    return new CloseReason(CloseReason.Code.DRAINED, "drained: " + why);
  }

  @Override
  public final void close(CloseReason why) {
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
  public final void ending(CloseReason why) {
    if (reason.compareAndSet(null, requireNonNull(why, "why"))) {
      onLoop(() -> ended(why));
    }
  }

  private void ended(CloseReason why) {
    draining.complete(null);
    lost(why);
    outgoing.drop();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    ending(new CloseReason(
        CloseReason.Code.CONNECTION_LOST,
        cause.getClass().getSimpleName() + ": " + cause.getMessage()));
    if (!(cause instanceof IOException)) {
      LOG.warn("closing a JSON connection after an unexpected failure", cause);
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
    ending(reasonOrLost());
    share.giveBack((int) share.heldBytes());
    LOG.debug("JSON connection with {} ended: {}", channel.remoteAddress(), reasonOrLost());
    closed.complete(reasonOrLost());
    ctx.fireChannelInactive();
  }
}
