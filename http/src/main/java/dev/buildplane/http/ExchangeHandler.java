package dev.buildplane.http;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2CodecUtil;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2ResetFrame;
import io.netty.handler.flush.FlushConsolidationHandler;
import io.netty.handler.ssl.SslCloseCompletionEvent;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.ReferenceCountUtil;
import java.util.ArrayDeque;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The end of the pipeline of one HTTP/1.1 connection or one HTTP/2 stream: one request at a time, body handed out as it is
/// asked for, nothing read ahead but what the decoder had at hand. Runs on the channel's event loop; autoRead is off.
///
/// While an answer is being made it keeps one read outstanding, so that a caller's leaving is noticed at once; a
/// pipelined request seen that way waits in `inbound`, and nothing more is read behind it.
final class ExchangeHandler extends ChannelInboundHandlerAdapter {
  private static final Logger log = LoggerFactory.getLogger(ExchangeHandler.class);

  /// Time an unread rest of a body is taken in after the answer, before the connection is closed.
  private static final long DISCARD_SECONDS = 5;

  private final ServerCore core;
  private final boolean http2;
  private final @Nullable HeaderDeadline deadline;
  private final ArrayDeque<Object> inbound = new ArrayDeque<>();
  private @Nullable ChannelHandlerContext ctx;
  private @Nullable NettyExchange current;
  private @Nullable Future<?> watchdog;
  private @Nullable Future<?> discardDeadline;
  private @Nullable Future<?> lastRequest;
  private @Nullable Consumer<ExchangeHandler> handedOver;
  private boolean readPending;
  private boolean reading;
  private boolean pumping;
  private boolean raw;
  private boolean stopping;
  private boolean lingering;
  private long restingSinceNanos = System.nanoTime();

  ExchangeHandler(ServerCore core, boolean http2, @Nullable HeaderDeadline deadline) {
    this.core = core;
    this.http2 = http2;
    this.deadline = deadline;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext context) {
    ctx = context;
    long period = Math.max(1, core.limits().idle().toMillis() / 2);
    watchdog = context
        .executor()
        .scheduleWithFixedDelay(this::checkIdle, period, period, TimeUnit.MILLISECONDS);
    if (context.channel().isActive()) {
      context.executor().execute(this::pump);
    }
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext context) {
    cancelTimers();
  }

  @Override
  public void channelActive(ChannelHandlerContext context) {
    pump();
    context.fireChannelActive();
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object msg) {
    if (lingering) {
      ReferenceCountUtil.release(msg);
    } else if (msg instanceof HttpContent || msg instanceof HttpRequest || msg instanceof ByteBuf) {
      reading = true;
      inbound.add(msg);
      pump();
    } else {
      ReferenceCountUtil.release(msg);
    }
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext context) {
    readPending = false;
    reading = false;
    if (lingering) {
      read();
    } else {
      pump();
    }
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext context) {
    if (current != null && context.channel().isWritable()) {
      current.becameWritable();
    }
    context.fireChannelWritabilityChanged();
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    if (event instanceof Http2ResetFrame) {
      // Once the codec has ended the stream. Its channel would wait for somebody to read what has come.
      context.executor().execute(() -> context.close());
    }
    if (event instanceof ChannelInputShutdownEvent || event instanceof SslCloseCompletionEvent) {
      context.close();
    }
    if (event == HeaderDeadline.EXPIRED && current == null && !lingering) {
      NettyExchange.refuse(
          this,
          new HttpProblem(
              408,
              "no complete request head within " + core.limits().headerRead().toSeconds() + " s"));
    }
    context.fireUserEventTriggered(event);
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    cancelTimers();
    var exchange = current;
    current = null;
    if (exchange != null) {
      exchange.over();
    }
    releaseInbound();
    context.fireChannelInactive();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    log.debug(
        "{}: connection of {} failed",
        core.settings().name(),
        context.channel().remoteAddress(),
        cause);
    if (http2) {
      // With a code that says whose fault it is: closing alone says CANCEL.
      context.writeAndFlush(new DefaultHttp2ResetFrame(codeFor(cause)));
    }
    context.close();
  }

  private static Http2Error codeFor(Throwable cause) {
    var broken = Http2CodecUtil.getEmbeddedHttp2Exception(cause);
    if (broken != null) {
      return broken.error();
    }
    return cause instanceof DecoderException
        ? Http2Error.PROTOCOL_ERROR
        : Http2Error.INTERNAL_ERROR;
  }

  ChannelHandlerContext context() {
    if (ctx == null) {
      throw new IllegalStateException("handler is not in a pipeline yet");
    }
    return ctx;
  }

  ServerCore core() {
    return core;
  }

  boolean http2() {
    return http2;
  }

  boolean stopping() {
    return stopping;
  }

  /// Ends the connection after the request in hand. Where there is none, or its answer has not said that it is the last, one more request
  /// may be on its way already; it is waited for, and its answer says so.
  void stop() {
    stopping = true;
    if (!http2 && current == null) {
      awaitLast();
    }
  }

  private void awaitLast() {
    var context = context();
    lastRequest = context
        .executor()
        .schedule(
            () -> {
              if (current == null) {
                closeGently();
              }
            },
            core.limits().farewell().toMillis(),
            TimeUnit.MILLISECONDS);
  }

  /// Gives out what is there, or reads, as far as the current exchange wants it.
  void pump() {
    if (pumping) {
      return;
    }
    pumping = true;
    try {
      while (step()) {
        // one message per step
      }
    } finally {
      pumping = false;
    }
    if (!reading && current != null) {
      current.bodyPauses();
    }
  }

  /// Deals with one message; tells whether to go on.
  private boolean step() {
    if (handedOver != null) {
      return false;
    }
    var exchange = current;
    var next = inbound.peek();
    if (next == null) {
      boolean wanted = exchange == null || exchange.wantsMore() || exchange.requestEnded();
      return wanted && read();
    }
    if (exchange == null) {
      inbound.poll();
      begin(next);
      return true;
    }
    if (exchange.requestEnded() && !raw) {
      return false;
    }
    boolean bare = next instanceof LastHttpContent last && !last.content().isReadable();
    if (!exchange.wantsMore() && !bare) {
      return false;
    }
    inbound.poll();
    exchange.take(next);
    return true;
  }

  /// Asks for one read; tells whether it was served on the spot (HTTP/2 streams hand out what they hold).
  private boolean read() {
    if (readPending || !context().channel().isActive()) {
      return false;
    }
    readPending = true;
    context().read();
    return !readPending || !inbound.isEmpty();
  }

  private void begin(Object message) {
    if (!(message instanceof HttpRequest request)) {
      ReferenceCountUtil.release(message); // the rest of a request that was refused
      return;
    }
    if (deadline != null) {
      deadline.headComplete();
    }
    var exchange = new NettyExchange(this, request);
    current = exchange;
    if (message instanceof HttpContent content) {
      // HTTP/2 gives a request without a body as one message.
      exchange.take(content);
    }
    exchange.dispatch();
  }

  /// The exchange has been answered and is over; the connection may take the next one.
  void finished(NettyExchange exchange, boolean reusable) {
    if (current != exchange) {
      return;
    }
    if (http2) {
      return; // the stream closes by itself once both directions have ended
    }
    if (!exchange.requestEnded() && !exchange.continueUnsent()) {
      discardRest();
      return;
    }
    nextOrEnd(reusable);
  }

  /// The rest of a discarded body is in.
  void discarded(boolean reusable) {
    if (discardDeadline != null) {
      discardDeadline.cancel(false);
      discardDeadline = null;
    }
    nextOrEnd(reusable);
  }

  private void nextOrEnd(boolean reusable) {
    if (!reusable) {
      closeGently();
      return;
    }
    next();
    if (stopping) {
      awaitLast();
    }
  }

  private void next() {
    current = null;
    restingSinceNanos = System.nanoTime();
    // Not straight from here: a pipeline of many small requests must not grow the stack.
    context().executor().execute(this::awaitNext);
  }

  private void awaitNext() {
    if (deadline != null && current == null) {
      deadline.awaitHead();
    }
    pump();
  }

  /// Closes so that the caller gets to read the answer: ends our direction, takes in and drops what still comes, then
  /// closes. A plain close with unread bytes would reset the connection under the answer.
  void closeGently() {
    if (lingering) {
      return;
    }
    lingering = true;
    current = null;
    releaseInbound();
    var context = context();
    discardDeadline =
        context.executor().schedule(this::endDiscarding, DISCARD_SECONDS, TimeUnit.SECONDS);
    var ssl = context.pipeline().get(SslHandler.class);
    if (ssl != null) {
      ssl.closeOutbound();
    } else if (context.channel() instanceof DuplexChannel duplex) {
      duplex.shutdownOutput();
    }
    read();
  }

  private void endDiscarding() {
    if (http2) {
      // The answer is whole: to be told apart from one that was cut (RFC 9113 section 8.1).
      context().writeAndFlush(new DefaultHttp2ResetFrame(Http2Error.NO_ERROR));
    }
    context().close();
  }

  private void discardRest() {
    discardDeadline =
        context().executor().schedule(() -> context().close(), DISCARD_SECONDS, TimeUnit.SECONDS);
    pump();
  }

  /// From now on bytes pass. The HTTP/1.1 codec leaves the pipeline; on a stream they are content as before.
  void becomeRaw() {
    raw = true;
    if (!http2) {
      removeCodec();
    }
    pump();
  }

  /// Leaves the pipeline to someone else.
  void handOver(Consumer<io.netty.channel.Channel> taker) {
    var context = context();
    var channel = context.channel();
    handedOver = _ -> {};
    current = null;
    removeCodec();
    context.pipeline().remove(FlushConsolidationHandler.class);
    context.pipeline().remove(this);
    taker.accept(channel);
    for (var early = inbound.poll(); early != null; early = inbound.poll()) {
      channel.pipeline().fireChannelRead(early);
    }
    channel.pipeline().fireChannelReadComplete();
  }

  private void removeCodec() {
    var pipeline = context().pipeline();
    if (pipeline.get(HeaderDeadline.class) != null) {
      pipeline.remove(HeaderDeadline.class);
    }
    pipeline.remove(io.netty.handler.codec.http.HttpResponseEncoder.class);
    // Last: what it holds undecoded comes to us as bytes.
    pipeline.remove(StrictRequestDecoder.class);
  }

  private void checkIdle() {
    long limit = core.limits().idle().toNanos();
    long now = System.nanoTime();
    var exchange = current;
    if (exchange != null) {
      exchange.checkStalled(now, limit);
    } else if (now - restingSinceNanos > limit) {
      context().close();
    }
  }

  private void cancelTimers() {
    if (watchdog != null) {
      watchdog.cancel(false);
    }
    if (discardDeadline != null) {
      discardDeadline.cancel(false);
    }
    if (lastRequest != null) {
      lastRequest.cancel(false);
    }
  }

  private void releaseInbound() {
    for (var message = inbound.poll(); message != null; message = inbound.poll()) {
      ReferenceCountUtil.release(message);
    }
  }
}
