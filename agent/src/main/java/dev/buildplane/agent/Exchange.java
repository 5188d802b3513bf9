package dev.buildplane.agent;

import dev.buildplane.tunnel.StatusAnswer;
import dev.buildplane.tunnel.StreamAbort;
import dev.buildplane.tunnel.StreamEnd;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ConnectTimeoutException;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeTimeoutException;
import io.netty.util.ReferenceCountUtil;
import java.util.ArrayDeque;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One request from the tunnel, carried to its target and back: the handler on the tunnel's stream, with [Answer] as its half on the backend
/// connection. Both channels are on one event loop.
///
/// Neither side is read while the other cannot take more. A stream that goes away closes the backend connection (which is what cancels a request in
/// HTTP/1.1); a backend that goes away before its answer has ended yields a 502, or resets the stream when the answer had begun. Only a 101 opens
/// a raw pipe. Redirects are answers like any other.
final class Exchange extends ChannelInboundHandlerAdapter {
  private static final Logger LOG = LoggerFactory.getLogger(Exchange.class);
  private static final Set<HttpMethod> REPEATABLE =
      Set.of(HttpMethod.GET, HttpMethod.HEAD, HttpMethod.OPTIONS);

  /// Interim answers passed on for one request, without the 100. The gateway passes fewer.
  private static final int MAX_INTERIM = 8;

  /// Type of an error in spans.
  private static final String CLOSED = "connection_closed";

  private final Supplier<Targets> targets;
  private final BackendPool pool;
  private final AgentMetrics metrics;
  private final @Nullable Traces traces;
  private final ArrayDeque<HttpObject> early = new ArrayDeque<>();
  private @Nullable Channel stream;
  private @Nullable Channel backend;
  private @Nullable Target target;
  private @Nullable HttpRequest repeatable;
  private boolean upgradeAsked;
  private boolean requestEnded;
  private boolean continued;
  private int interim;
  private boolean answerBegun;
  private boolean done;
  private boolean raw;
  private boolean keepAlive;
  private long heldSince;
  private AgentMetrics.@Nullable OfTarget counts;
  private int status;
  private @Nullable StreamTrace trace;

  /// @param traces null: tracing is off
  Exchange(
      Supplier<Targets> targets, BackendPool pool, AgentMetrics metrics, @Nullable Traces traces) {
    this.traces = traces;
    this.targets = targets;
    this.metrics = metrics;
    this.pool = pool;
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    stream = ctx.channel();
    metrics.streamBegan();
  }

  // ---- the stream's side

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object msg) {
    if (done) {
      ReferenceCountUtil.release(msg);
      return;
    }
    switch (msg) {
      case HttpRequest request -> begin(ctx, request);
      case HttpContent content -> requestContent(content);
      case ByteBuf bytes -> toBackend(bytes);
      default -> ReferenceCountUtil.release(msg);
    }
  }

  private void begin(ChannelHandlerContext ctx, HttpRequest request) {
    var name = request.headers().get(HttpHeaderNames.HOST, "");
    if (traces != null) {
      trace = traces.begin(request);
    }
    var found = targets.get().find(name);
    counts = found.map(known -> metrics.target(known.name())).orElse(metrics.unknownTarget());
    if (found.isEmpty()) {
      fail(HttpResponseStatus.NOT_FOUND, "NotFound", "unknown target: " + name);
      return;
    }
    if (!request.uri().startsWith("/")) {
      fail(HttpResponseStatus.BAD_REQUEST, "BadRequest", "expected a path that starts with /");
      return;
    }
    target = found.get();
    upgradeAsked = request.headers().contains(HttpHeaderNames.UPGRADE);
    address(request, found.get());
    ctx.channel().config().setAutoRead(false);
    connect(request, false);
  }

  private static void address(HttpRequest request, Target target) {
    Credentials.replace(request.headers(), target.authorization());
    request.headers().set(HttpHeaderNames.HOST, target.authority());
    request.setUri(target.requestTarget(request.uri()));
  }

  private void connect(HttpRequest request, boolean fresh) {
    var to = target;
    var from = stream;
    if (to == null || from == null) {
      return;
    }
    if (trace != null) {
      trace.sends(request, to);
    }
    pool.acquire(from.eventLoop(), to, fresh || upgradeAsked)
        .addListener((io.netty.util.concurrent.Future<Channel> connected) -> {
          if (!connected.isSuccess()) {
            if (counts != null) {
              counts.connectFailed();
            }
            unreachable(connected.cause());
          } else if (done) {
            connected.getNow().close();
          } else {
            send(request, connected.getNow());
          }
        });
  }

  private void send(HttpRequest request, Channel channel) {
    backend = channel;
    boolean pooled = channel.attr(Answer.USED).getAndSet(true) != null;
    repeatable = pooled
            && REPEATABLE.contains(request.method())
            && !HttpUtil.isTransferEncodingChunked(request)
            && HttpUtil.getContentLength(request, 0L) == 0L
        ? request
        : null;
    channel.pipeline().addLast(new Answer(this));
    channel.write(request);
    early.forEach(channel::write);
    early.clear();
    channel.flush();
    follow();
  }

  private void requestContent(HttpContent content) {
    if (content instanceof LastHttpContent last) {
      requestEnded = true;
      if (!last.trailingHeaders().isEmpty()) {
        last.trailingHeaders().clear(); // they would pass by the credentials put into the head
      }
    }
    if (backend == null) {
      early.add(content); // what was read before autoRead went off; at most one read's worth
    } else {
      toBackend(content);
    }
  }

  private void toBackend(Object msg) {
    var to = backend;
    if (to == null) {
      ReferenceCountUtil.release(msg);
    } else {
      to.write(msg);
      follow();
    }
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    if (backend != null) {
      backend.flush();
      follow();
    }
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    follow();
  }

  /// Reads each side exactly while the other can take more.
  private void follow() {
    var near = stream;
    var far = backend;
    if (near != null && far != null && !done) {
      heldSince = metrics.held(heldSince, !far.isWritable());
      near.config().setAutoRead(far.isWritable());
      far.config().setAutoRead(near.isWritable());
    }
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    var to = backend;
    if (event == StreamEnd.INSTANCE && to != null) {
      // What was sent gets out first. What the target still says goes back until it closes, too.
      to.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(_ -> endOutput(to));
    }
  }

  private static void endOutput(Channel to) {
    var tls = to.pipeline().get(SslHandler.class);
    if (tls != null) {
      tls.closeOutbound();
    } else if (to instanceof DuplexChannel plain) {
      plain.shutdownOutput();
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    LOG.debug("stream ended: {}", cause.getMessage());
    abandon();
    ctx.close();
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    ended();
    abandon();
  }

  private void ended() {
    metrics.streamEnded();
    heldSince = metrics.held(heldSince, false);
    if (counts != null) {
      counts.answered(status);
    }
    if (trace != null) {
      if (!done && !raw) {
        trace.left();
      }
      trace.ended(status);
    }
  }

  /// The caller is gone: nobody wants the answer.
  private void abandon() {
    if (done && !raw) {
      return;
    }
    if (!done && !raw && trace != null) {
      trace.left();
    }
    done = true;
    early.forEach(ReferenceCountUtil::release);
    early.clear();
    if (backend != null) {
      backend.close();
    }
  }

  // ---- the backend's side

  /// The handler on the backend connection.
  private static final class Answer extends ChannelInboundHandlerAdapter {
    static final io.netty.util.AttributeKey<Boolean> USED =
        io.netty.util.AttributeKey.valueOf("buildplane.used");

    private final Exchange exchange;

    Answer(Exchange exchange) {
      this.exchange = exchange;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      exchange.answerPart(ctx, msg);
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
      exchange.flushToStream();
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
      exchange.follow();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      exchange.unreachable(cause);
      ctx.close();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      exchange.backendGone();
    }
  }

  private void answerPart(ChannelHandlerContext ctx, Object msg) {
    var to = stream;
    if (to == null || (done && !raw)) {
      ReferenceCountUtil.release(msg);
      return;
    }
    switch (msg) {
      case HttpResponse response -> answerHead(ctx, to, response);
      case LastHttpContent last -> answerEnd(ctx, to, last);
      case HttpContent content -> forward(to, content);
      case ByteBuf bytes when raw -> forward(to, bytes);
      default -> ReferenceCountUtil.release(msg);
    }
  }

  private void forward(Channel to, Object part) {
    to.write(part);
    follow();
  }

  private void answerHead(ChannelHandlerContext ctx, Channel to, HttpResponse response) {
    repeatable = null;
    var status = response.status();
    if (response.decoderResult().isFailure()) {
      var cause = response.decoderResult().cause();
      failed(cause.getClass().getName());
      broken("expected the head of an answer of at most " + BackendPool.MAX_HEADER_BYTES
          + " bytes, found: " + cause.getMessage());
      ctx.close();
    } else if (status.code() == HttpResponseStatus.SWITCHING_PROTOCOLS.code()) {
      switchProtocols(ctx, to, response);
    } else if (status.codeClass() == HttpStatusClass.INFORMATIONAL) {
      interim(to, response);
    } else if (upgradeAsked && status.codeClass() == HttpStatusClass.SUCCESS) {
      fail(
          HttpResponseStatus.BAD_GATEWAY,
          "InternalError",
          "target " + targetName() + " answered " + status.code()
              + " to an upgrade request; expected 101");
      ctx.close();
    } else {
      answerBegun = true;
      this.status = status.code();
      if (trace != null) {
        trace.answered(status.code());
      }
      keepAlive = HttpUtil.isKeepAlive(response);
      forward(to, response);
    }
  }

  /// Of what a target says before its answer, the leave to send the body passes once, the rest as often as [#MAX_INTERIM]: the windows that
  /// hold bodies back do not count heads.
  private void interim(Channel to, HttpResponse response) {
    boolean leave = response.status().code() == HttpResponseStatus.CONTINUE.code();
    if (leave ? continued : interim == MAX_INTERIM) {
      return;
    }
    continued |= leave;
    interim += leave ? 0 : 1;
    var copy =
        new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, response.status(), Unpooled.EMPTY_BUFFER);
    copy.headers().set(response.headers());
    to.writeAndFlush(copy);
  }

  private void switchProtocols(ChannelHandlerContext ctx, Channel to, HttpResponse response) {
    if (!upgradeAsked) {
      fail(
          HttpResponseStatus.BAD_GATEWAY,
          "InternalError",
          "target " + targetName() + " switched protocols unasked");
      ctx.close();
      return;
    }
    answerBegun = true;
    status = HttpResponseStatus.SWITCHING_PROTOCOLS.code();
    if (trace != null) {
      trace.answered(status);
    }
    raw = true;
    to.writeAndFlush(response);
    ctx.pipeline().remove(HttpClientCodec.class); // bytes it had read ahead come to us as they are
  }

  private void answerEnd(ChannelHandlerContext ctx, Channel to, LastHttpContent last) {
    if (!answerBegun || raw) { // of an interim answer, or of the 101
      last.release();
      return;
    }
    done = true;
    ctx.pipeline().remove(Answer.class);
    if (last.decoderResult().isFailure()) {
      last.release();
      failed(last.decoderResult().cause().getClass().getName());
      to.writeAndFlush(StreamAbort.INSTANCE);
      ctx.close();
      return;
    }
    if (trace != null) {
      trace.attemptEnded();
    }
    to.writeAndFlush(last);
    to.config().setAutoRead(true);
    if (keepAlive && requestEnded && target != null) {
      pool.release(target, ctx.channel());
    } else {
      ctx.close();
    }
  }

  private void flushToStream() {
    if (stream != null) {
      stream.flush();
      follow();
    }
  }

  private void backendGone() {
    var again = repeatable;
    if (again != null && !done) {
      // A kept-alive connection the backend closed as we wrote: nothing was done with the request, and it may be done twice.
      repeatable = null;
      backend = null;
      failed(CLOSED);
      if (requestEnded) {
        early.add(LastHttpContent.EMPTY_LAST_CONTENT);
      }
      connect(again, true);
      return;
    }
    if (raw && stream != null) {
      done = true;
      // Not closed from here: a reset would overtake what the gateway has not read yet. It closes once its caller has all.
      stream.config().setAutoRead(true);
      stream.writeAndFlush(StreamEnd.INSTANCE);
      return;
    }
    if (!done) {
      failed(CLOSED);
    }
    broken("the connection closed before the answer had ended");
  }

  private void failed(String type) {
    if (trace != null) {
      trace.failed(type);
    }
  }

  private void unreachable(Throwable cause) {
    boolean late =
        cause instanceof ConnectTimeoutException || cause instanceof SslHandshakeTimeoutException;
    var text = "cannot reach target " + targetName() + ": " + cause.getClass().getSimpleName()
        + ": " + cause.getMessage();
    if (!done) {
      failed(cause.getClass().getName());
    }
    if (answerBegun || !late) {
      broken(text);
    } else {
      fail(HttpResponseStatus.GATEWAY_TIMEOUT, "Timeout", text);
    }
  }

  private void broken(String text) {
    if (done) {
      return;
    }
    if (answerBegun && stream != null) {
      done = true;
      LOG.debug("answer of target {} broke off: {}", targetName(), text);
      stream.writeAndFlush(StreamAbort.INSTANCE);
    } else {
      fail(
          HttpResponseStatus.BAD_GATEWAY,
          "ServiceUnavailable",
          text.startsWith("cannot") ? text : "target " + targetName() + ": " + text);
    }
  }

  private void fail(HttpResponseStatus status, String reason, String message) {
    var to = stream;
    if (done || to == null) {
      return;
    }
    done = true;
    this.status = status.code();
    early.forEach(ReferenceCountUtil::release);
    early.clear();
    to.config().setAutoRead(true); // what is left of the request is dropped
    to.writeAndFlush(StatusAnswer.of(status, reason, message));
  }

  private String targetName() {
    return target == null ? "?" : target.name();
  }
}
