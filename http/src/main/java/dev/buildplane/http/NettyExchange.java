package dev.buildplane.http;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.util.ReferenceCountUtil;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One request on one channel. Lives on the channel's event loop; only `closeActions` and
/// `closeActionsRun` are shared with other threads, guarded by the former.
final class NettyExchange implements AsyncExchange {
  private static final Logger log = LoggerFactory.getLogger(NettyExchange.class);

  /// Connection-level headers (RFC 9110 section 7.6.1): the server's, never a handler's.
  private static final Set<String> HOP_BY_HOP = Set.of(
      "connection",
      "keep-alive",
      "proxy-connection",
      "transfer-encoding",
      "te",
      "trailer",
      "upgrade");

  /// What a busy server asks for: what is waited for (an agent that comes back, a free place) takes a few seconds.
  private static final String RETRY_AFTER_SECONDS = "2";

  private final ExchangeHandler owner;
  private final HttpRequest request;
  private final List<Runnable> closeActions = new ArrayList<>();
  private boolean closeActionsRun;
  private Principal principal = Principal.ANONYMOUS;
  private @Nullable RequestHead head;
  private @Nullable Route route;
  private @Nullable BodyReader reader;
  private @Nullable Runnable writableAction;
  private @Nullable Headers endOfRequest;
  private @Nullable String cutBecause;
  private boolean demanded;
  private boolean endDelivered;
  private boolean failed;
  private @Nullable HttpProblem bodyProblem;
  private boolean continueExpected;
  private boolean headSent;
  private boolean answerEnded;
  private boolean bodiless;
  private boolean keepAlive;
  private boolean raw;

  /// An extended CONNECT whose caller has not ended its direction. As an upgrade request it is whole nevertheless.
  private boolean pipeMayCome;

  private volatile boolean over;
  private long receivedBytes;
  private long discardedBytes;
  private long unsentBytes;
  private long progressNanos = System.nanoTime();

  NettyExchange(ExchangeHandler owner, HttpRequest request) {
    this.owner = owner;
    this.request = request;
    this.keepAlive = HttpUtil.isKeepAlive(request);
  }

  /// Answers what never became a request and closes the connection.
  static void refuse(ExchangeHandler owner, HttpProblem problem) {
    var rendered =
        owner.core().settings().problemFormat().render(problem.status(), problem.getMessage());
    var response = new DefaultFullHttpResponse(
        HttpVersion.HTTP_1_1,
        HttpResponseStatus.valueOf(problem.status()),
        Unpooled.wrappedBuffer(rendered.body()));
    response
        .headers()
        .set(HttpHeaderNames.CONTENT_TYPE, rendered.contentType())
        .setInt(HttpHeaderNames.CONTENT_LENGTH, rendered.body().length)
        .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
    owner.context().writeAndFlush(response).addListener(_ -> owner.closeGently());
  }

  // ---- from request to handler ----

  void dispatch() {
    RequestHead parsed;
    try {
      parsed = RequestParser.parse(
          request, owner.context().channel(), owner.http2(), owner.core().limits());
    } catch (HttpProblem problem) {
      keepAlive = false;
      if (request.decoderResult().isFailure()) {
        endOfRequest = Headers.EMPTY; // the decoder gives up on the connection: no body will follow
      }
      fail(problem);
      return;
    }
    head = parsed;
    pipeMayCome = parsed.upgradeRequired();
    continueExpected = parsed.headers().first("expect").isPresent() && endOfRequest == null;
    switch (owner.core().router().find(parsed.method(), parsed.rawPath())) {
      case Router.Match.NoSuchPath _ ->
        fail(new HttpProblem(404, "no such path: " + parsed.rawPath()));
      case Router.Match.NoSuchMethod(var allowed) -> refuseMethod(allowed);
      case Router.Match.Found(var found) -> admit(parsed, found);
    }
  }

  private void refuseMethod(Set<String> allowed) {
    var rendered = owner
        .core()
        .settings()
        .problemFormat()
        .render(
            405,
            "method " + head().method() + " is not allowed here; allowed: "
                + String.join(", ", allowed));
    respond(
        405,
        Headers.of("allow", String.join(", ", allowed))
            .with("content-type", rendered.contentType()),
        rendered.body());
  }

  private void admit(RequestHead parsed, Route found) {
    route = found;
    var declared = HttpUtil.getContentLength(request, 0L);
    if (declared > found.maxBodyBytes()) {
      fail(bodyTooLarge(found, declared));
      return;
    }
    CompletionStage<Principal> decision;
    try {
      decision = found.policy().admit(parsed, owner.core().settings().tls().isPresent());
    } catch (RuntimeException e) {
      failWith(e);
      return;
    }
    decision.whenComplete((who, problem) -> {
      if (eventLoop().inEventLoop()) {
        admitted(found, who, problem);
      } else {
        eventLoop().execute(() -> admitted(found, who, problem));
      }
    });
  }

  private void admitted(Route found, @Nullable Principal who, @Nullable Throwable problem) {
    if (over) {
      return;
    }
    if (problem != null || who == null) {
      failWith(problem == null ? new HttpProblem(401, "the caller is unknown") : problem);
      return;
    }
    principal = who;
    if (pipeMayCome && !found.pipes()) {
      fail(new HttpProblem(501, "no pipe is opened here; ask without CONNECT"));
      return;
    }
    switch (found.target()) {
      case Route.Target.Async(var handler) -> {
        try {
          handler.handle(this);
        } catch (Exception e) {
          failWith(e);
        }
      }
      case Route.Target.Blocking(var handler) -> BlockingExchange.run(this, handler, owner.core());
    }
    owner.pump();
  }

  /// Answers an exception as [HttpHandler] says.
  void failWith(Throwable thrown) {
    var cause = thrown instanceof CompletionException && thrown.getCause() != null
        ? thrown.getCause()
        : thrown;
    if (cause instanceof HttpProblem problem) {
      fail(problem);
      return;
    }
    if (over) {
      log.debug("request {}: handler ended after the caller had gone", requestId(), cause);
      return;
    }
    log.error(
        "request {}: {} failed",
        requestId(),
        head == null ? "handler" : head.method() + " " + head.rawPath(),
        cause);
    fail(new HttpProblem(500, "internal error, logged with request id " + requestId()));
  }

  private String requestId() {
    return head == null ? "-" : head.requestId();
  }

  // ---- the request's body ----

  boolean requestEnded() {
    return endOfRequest != null;
  }

  /// Whether the next piece of the body has a taker: the handler, or nobody because the answer has ended. The rest of a body that was
  /// refused waits for the answer that says so: what is taken in beyond a bound ends the stream.
  boolean wantsMore() {
    return demanded || answerEnded || over;
  }

  /// Takes one message of the body and releases it.
  void take(Object message) {
    progressNanos = System.nanoTime();
    if (message instanceof ByteBuf bytes) {
      demanded = false;
      handOut(bytes);
      return;
    }
    if (!(message instanceof HttpContent content)) {
      ReferenceCountUtil.release(message);
      return;
    }
    var trailers = content instanceof LastHttpContent last ? last.trailingHeaders() : null;
    if (content.decoderResult().isFailure()) {
      content.release();
      keepAlive = false;
      endOfRequest = Headers.EMPTY;
      failBody(new HttpProblem(
          400, "malformed request body: " + content.decoderResult().cause()));
      return;
    }
    if (content.content().isReadable()) {
      demanded = false;
      handOut(content.content());
    } else {
      content.release();
    }
    if (trailers != null) {
      requestEnded(trailers);
    }
  }

  private void requestEnded(HttpHeaders trailers) {
    if (raw) {
      pipeEnded();
      return;
    }
    var fields = new ArrayList<Headers.Field>();
    for (Map.Entry<String, String> entry : trailers) {
      fields.add(new Headers.Field(entry.getKey(), entry.getValue()));
    }
    endOfRequest = new Headers(fields);
    deliverEnd();
    if (answerEnded && !over) {
      return;
    }
    if (answerEnded && !owner.http2()) {
      owner.discarded(keepAlive);
    }
  }

  /// The caller's direction has ended; the other goes on.
  private void pipeEnded() {
    pipeMayCome = false;
    if (reader != null && !over) {
      reader.onEnd(Headers.EMPTY);
    }
  }

  private void handOut(ByteBuf piece) {
    receivedBytes += piece.readableBytes();
    if (answerEnded || failed || over || reader == null) {
      discardedBytes += piece.readableBytes();
      piece.release();
      if (discardedBytes > owner.core().limits().discardBytes()) {
        owner.context().close();
      }
      return;
    }
    if (!raw && route != null && receivedBytes > route.maxBodyBytes()) {
      piece.release();
      failBody(bodyTooLarge(route, receivedBytes));
      return;
    }
    reader.onContent(piece);
  }

  private void failBody(HttpProblem problem) {
    failed = true;
    bodyProblem = problem;
    deliverFailure();
  }

  /// A body can be found malformed before anybody reads it: the failure waits for its reader.
  private void deliverFailure() {
    if (reader != null && bodyProblem != null && !endDelivered) {
      endDelivered = true;
      reader.onFailure(bodyProblem);
    }
  }

  private void deliverEnd() {
    if (reader != null && endOfRequest != null && !endDelivered && !failed) {
      endDelivered = true;
      reader.onEnd(endOfRequest);
    }
  }

  private static HttpProblem bodyTooLarge(Route route, long found) {
    return new HttpProblem(
        413,
        "request body: expected at most " + route.maxBodyBytes() + " bytes, found " + found
            + " or more");
  }

  @Override
  public boolean bodyless() {
    if (failed) {
      return false; // a body found malformed has ended, but is none: whoever reads it is told
    }
    // Over HTTP/2 a request without a body came whole.
    return endOfRequest != null
        || (!owner.http2()
            && !HttpUtil.isTransferEncodingChunked(request)
            && HttpUtil.getContentLength(request, 0L) == 0L);
  }

  @Override
  public void receive(BodyReader bodyReader) {
    reader = bodyReader;
    deliverEnd();
    deliverFailure();
  }

  @Override
  public void demand() {
    if (over || demanded || (endOfRequest != null && !raw)) {
      return;
    }
    demanded = true;
    progressNanos = System.nanoTime();
    if (continueExpected && !headSent) {
      continueExpected = false;
      owner
          .context()
          .writeAndFlush(new DefaultFullHttpResponse(
              HttpVersion.HTTP_1_1, HttpResponseStatus.CONTINUE, Unpooled.EMPTY_BUFFER));
    }
    owner.pump();
  }

  /// Whether the caller still waits for leave to send its body.
  boolean continueUnsent() {
    return continueExpected;
  }

  // ---- the answer ----

  @Override
  public RequestHead head() {
    if (head == null) {
      throw new IllegalStateException("the request's head was refused");
    }
    return head;
  }

  @Override
  public Principal principal() {
    return principal;
  }

  Optional<Route> route() {
    return Optional.ofNullable(route);
  }

  @Override
  public EventLoop eventLoop() {
    return owner.context().channel().eventLoop();
  }

  @Override
  public boolean answered() {
    return headSent;
  }

  @Override
  public boolean closed() {
    return over;
  }

  @Override
  public void sendHead(int status, Headers headers) {
    if (headSent) {
      throw new IllegalStateException("request " + requestId() + " has its answer already");
    }
    if (over) {
      return;
    }
    if (pipeMayCome && status / 100 == 2) {
      throw new IllegalStateException("request " + requestId() + ": expected a refusal of an"
          + " extended CONNECT, or a switch of protocols, found status " + status);
    }
    var response =
        new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(status));
    for (var field : headers.fields()) {
      if (!HOP_BY_HOP.contains(field.name())) {
        response.headers().add(field.name(), field.value());
      }
    }
    bodiless = status == 204 || status == 304 || request.method().name().equals("HEAD");
    if (!owner.http2()) {
      frame(response);
    }
    headSent = true;
    progressNanos = System.nanoTime();
    owner.context().write(response);
  }

  private void frame(DefaultHttpResponse response) {
    if (continueExpected || owner.stopping()) {
      keepAlive = false; // nobody can tell whether the body will come
    }
    if (head != null && head.upgradeRequested()) {
      keepAlive =
          false; // a caller that takes the switch for granted must not have its bytes read as HTTP
    }
    boolean old = !request.protocolVersion().equals(HttpVersion.HTTP_1_1);
    if (!bodiless && !response.headers().contains(HttpHeaderNames.CONTENT_LENGTH)) {
      if (old) {
        keepAlive = false;
      } else {
        response.headers().set(HttpHeaderNames.TRANSFER_ENCODING, HttpHeaderValues.CHUNKED);
      }
    }
    if (!keepAlive) {
      response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
    } else if (old) {
      response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.KEEP_ALIVE);
    }
  }

  @Override
  public ChannelFuture send(ByteBuf piece) {
    if (over || answerEnded || bodiless || !headSent) {
      piece.release();
      return over
          ? owner.context().newFailedFuture(new java.nio.channels.ClosedChannelException())
          : done();
    }
    int size = piece.readableBytes();
    unsentBytes += size;
    boolean bare = raw && !owner.http2();
    return owner.context().write(bare ? piece : new DefaultHttpContent(piece)).addListener(_ -> {
      unsentBytes -= size;
      progressNanos = System.nanoTime();
    });
  }

  private ChannelFuture done() {
    return owner.context().newSucceededFuture();
  }

  @Override
  public void flush() {
    owner.context().flush();
  }

  @Override
  public boolean isWritable() {
    return owner.context().channel().isWritable();
  }

  @Override
  public void onWritable(Runnable action) {
    writableAction = action;
  }

  void becameWritable() {
    if (writableAction != null) {
      writableAction.run();
    }
  }

  @Override
  public void end(Headers trailers) {
    if (over || answerEnded || !headSent) {
      return;
    }
    answerEnded = true;
    if (raw) {
      var end = owner.http2() ? LastHttpContent.EMPTY_LAST_CONTENT : Unpooled.EMPTY_BUFFER;
      owner.context().writeAndFlush(end).addListener(_ -> rawEnded());
      return;
    }
    var last =
        trailers.fields().isEmpty() ? LastHttpContent.EMPTY_LAST_CONTENT : withTrailers(trailers);
    owner.context().writeAndFlush(last).addListener(future -> {
      if (future.isSuccess()) {
        answerWritten();
      } else if (owner.http2()) {
        owner.context().close(); // the stream is gone
      }
    });
  }

  /// Everything of the answer is out. A caller that is still sending must not have the connection reset under it.
  private void rawEnded() {
    if (!over) {
      over = true;
      runCloseActions();
      owner.closeGently();
    }
  }

  private static LastHttpContent withTrailers(Headers trailers) {
    var last = new DefaultLastHttpContent();
    for (var field : trailers.fields()) {
      last.trailingHeaders().add(field.name(), field.value());
    }
    return last;
  }

  private void answerWritten() {
    runCloseActions();
    if (owner.http2()) {
      if (endOfRequest == null || pipeMayCome) {
        // RFC 9113 section 8.1: tell the caller to stop sending without taking the answer back. Closing drops what has come
        // of the body: a channel whose stream has ended waits for ever for somebody to read that.
        owner.context().writeAndFlush(new DefaultHttp2ResetFrame(Http2Error.NO_ERROR));
        owner.context().close();
      }
      return;
    }
    over = true;
    owner.finished(this, keepAlive);
  }

  @Override
  public void respond(int status, Headers headers, byte[] body) {
    if (status == 204 || status == 304) {
      sendHead(status, headers);
    } else {
      sendHead(status, headers.with("content-length", Integer.toString(body.length)));
    }
    if (body.length > 0) {
      send(Unpooled.wrappedBuffer(body));
    }
    end(Headers.EMPTY);
  }

  @Override
  public void fail(HttpProblem problem) {
    if (over) {
      return;
    }
    if (headSent) {
      abort();
      return;
    }
    var rendered =
        owner.core().settings().problemFormat().render(problem.status(), problem.getMessage());
    var headers = Headers.of("content-type", rendered.contentType());
    respond(
        problem.status(),
        problem.status() == 503 || problem.status() == 429
            ? headers.with("retry-after", RETRY_AFTER_SECONDS)
            : headers,
        rendered.body());
  }

  @Override
  public Optional<String> cutBecause() {
    return Optional.ofNullable(cutBecause);
  }

  @Override
  public void abort() {
    if (over) {
      return;
    }
    if (owner.http2()) {
      owner.context().writeAndFlush(new DefaultHttp2ResetFrame(Http2Error.INTERNAL_ERROR));
    }
    owner.context().close();
  }

  // ---- leaving HTTP ----

  @Override
  public void switchProtocols(Headers headers) {
    checkSwitch();
    if (owner.http2()) {
      openStream(headers);
    } else {
      sendSwitch(headers);
    }
    raw = true;
    owner.becomeRaw();
  }

  @Override
  public void takeOver(Headers headers, Consumer<Channel> taker) {
    checkSwitch();
    if (owner.http2()) {
      throw new IllegalStateException(
          "request " + requestId() + ": expected a connection to hand over, found a stream of one");
    }
    var sent = sendSwitch(headers);
    sent.addListener(future -> {
      if (future.isSuccess()) {
        over = true;
        owner.context().channel().closeFuture().addListener(_ -> runCloseActions());
        // Not from here: the decoder below may be in the middle of its work.
        eventLoop().execute(() -> owner.handOver(taker));
      }
    });
  }

  private void checkSwitch() {
    if (headSent || over || !requestEnded() || !head().upgradeRequested()) {
      throw new IllegalStateException("request " + requestId()
          + ": expected a complete, unanswered upgrade request to switch protocols on");
    }
  }

  private void openStream(Headers headers) {
    var response = new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
    for (var field : ExtendedConnect.answer(head().headers(), headers).fields()) {
      response.headers().add(field.name(), field.value());
    }
    headSent = true;
    owner.context().writeAndFlush(response);
  }

  private ChannelFuture sendSwitch(Headers headers) {
    headSent = true;
    var response = new DefaultFullHttpResponse(
        HttpVersion.HTTP_1_1, HttpResponseStatus.SWITCHING_PROTOCOLS, Unpooled.EMPTY_BUFFER);
    for (var field : headers.fields()) {
      response.headers().add(field.name(), field.value());
    }
    response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE);
    return owner.context().writeAndFlush(response);
  }

  // ---- the end ----

  @Override
  public void onClose(Runnable action) {
    synchronized (closeActions) {
      if (!closeActionsRun) {
        closeActions.add(action);
        return;
      }
    }
    action.run();
  }

  private void runCloseActions() {
    List<Runnable> actions;
    synchronized (closeActions) {
      if (closeActionsRun) {
        return;
      }
      closeActionsRun = true;
      actions = List.copyOf(closeActions);
      closeActions.clear();
    }
    for (var action : actions) {
      try {
        action.run();
      } catch (RuntimeException e) {
        log.error("request {}: an action at its end failed", requestId(), e);
      }
    }
  }

  /// The channel is gone, or in other hands.
  void over() {
    over = true;
    runCloseActions();
  }

  /// Ends an exchange whose caller neither sends the body nor takes the answer.
  void checkStalled(long nowNanos, long limitNanos) {
    if (over || nowNanos - progressNanos <= limitNanos) {
      return;
    }
    if (unsentBytes > 0) {
      cutBecause = "cut: the caller took nothing of the answer for "
          + TimeUnit.NANOSECONDS.toSeconds(limitNanos) + " s";
      log.info("request {}: {}", requestId(), cutBecause);
      abort();
    } else if (demanded && !raw) {
      keepAlive = false;
      demanded = false;
      failBody(new HttpProblem(408, "request body: nothing came for too long"));
    }
  }
}
