package dev.buildplane.http;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.EventLoop;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2Error;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One request on one channel: who asks for what is [Admission]'s, what comes [RequestBody]'s, how the answer begins [AnswerHead]'s; the order
/// of things, and the end, are here. Lives on the channel's event loop; only the close actions are shared with other threads.
final class NettyExchange implements AsyncExchange {
  private static final Logger log = LoggerFactory.getLogger(NettyExchange.class);

  /// What a busy server asks for: what is waited for (an agent that comes back, a free place) takes a few seconds.
  private static final String RETRY_AFTER_SECONDS = "2";

  private final ExchangeHandler owner;
  private final HttpRequest request;
  private final RequestBody body;
  private final AnswerHead answer;
  private final CloseActions closeActions = new CloseActions();
  private @Nullable RequestHead head;
  private @Nullable Admission admission;
  private @Nullable Runnable writableAction;
  private @Nullable String cutBecause;
  private boolean answerEnded;
  private boolean raw;

  /// An extended CONNECT: its request is whole, yet its caller's direction goes on.
  private boolean pipeAsked;

  private volatile boolean over;
  private long unsentBytes;
  private long progressNanos = System.nanoTime();

  NettyExchange(ExchangeHandler owner, HttpRequest request) {
    this.owner = owner;
    this.request = request;
    this.body = new RequestBody(this, owner, request);
    this.answer = new AnswerHead(request);
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
      answer.endConnection();
      if (request.decoderResult().isFailure()) {
        body.neverComes();
      }
      fail(problem);
      return;
    }
    head = parsed;
    pipeAsked = parsed.upgradeRequired();
    if (parsed.headers().first("expect").isPresent()) {
      body.expectContinue();
    }
    var admitting = new Admission(this, owner, parsed);
    admission = admitting;
    admitting.begin(request, body);
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
    return body.ended();
  }

  /// Whether the next piece of the body has a taker: the handler, or nobody because the answer has ended. The rest of a body that was
  /// refused waits for the answer that says so: what is taken in beyond a bound ends the stream.
  boolean wantsMore() {
    return body.demanded() || dropsBody();
  }

  /// Whether nobody wants the body any more.
  boolean dropsBody() {
    return answerEnded || over;
  }

  /// Takes one message of the body and releases it.
  void take(Object message) {
    progressNanos = System.nanoTime();
    body.take(message);
  }

  /// Nothing more of the body is at hand now.
  void bodyPauses() {
    body.pause();
  }

  /// The whole body has come and its reader knows.
  void bodyEnded() {
    if (answerEnded && over && !owner.http2()) {
      owner.discarded(answer.keepAlive());
    }
  }

  /// No other request is taken from the connection of this one.
  void endConnection() {
    answer.endConnection();
  }

  @Override
  public boolean bodyless() {
    return body.absent();
  }

  @Override
  public void receive(BodyReader bodyReader) {
    body.receive(bodyReader);
  }

  @Override
  public void demand() {
    if (over || !body.demand()) {
      return;
    }
    progressNanos = System.nanoTime();
    if (!answer.sent()) {
      body.sendContinue();
    }
    owner.pump();
  }

  /// Whether the caller still waits for leave to send its body.
  boolean continueUnsent() {
    return body.continueUnsent();
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
    return admission == null ? Principal.ANONYMOUS : admission.principal();
  }

  Optional<Route> route() {
    return admission == null ? Optional.empty() : admission.route();
  }

  @Override
  public EventLoop eventLoop() {
    return owner.context().channel().eventLoop();
  }

  @Override
  public boolean answered() {
    return answer.sent();
  }

  @Override
  public boolean closed() {
    return over;
  }

  @Override
  public void sendInterim(int status, Headers headers) {
    if (status <= 101 || status >= 200) {
      throw new IllegalArgumentException(
          "request " + requestId() + ": expected an interim answer of 102 to 199, found " + status);
    }
    if (!over && !answer.sent() && isWritable() && answer.mayBeInterim()) {
      owner.context().writeAndFlush(answer.makeInterim(status, headers));
    }
  }

  @Override
  public void sendHead(int status, Headers headers) {
    if (answer.sent()) {
      throw new IllegalStateException("request " + requestId() + " has its answer already");
    }
    if (over) {
      return;
    }
    if (pipeAsked && status / 100 == 2) {
      throw new IllegalStateException("request " + requestId() + ": expected a refusal of an"
          + " extended CONNECT, or a switch of protocols, found status " + status);
    }
    var response = answer.make(status, headers);
    if (!owner.http2()) {
      if (lastOfConnection()) {
        answer.endConnection();
      }
      answer.frame(response);
    }
    progressNanos = System.nanoTime();
    owner.context().write(response);
  }

  /// Whether nobody can tell if the body will come, or the server stops. Nor must a caller that takes its switch of protocols for granted have
  /// its bytes read as HTTP.
  private boolean lastOfConnection() {
    return body.continueUnsent() || owner.stopping() || (head != null && head.upgradeRequested());
  }

  @Override
  public ChannelFuture send(ByteBuf piece) {
    if (over || answerEnded || answer.bodiless() || !answer.sent()) {
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
    if (over || answerEnded || !answer.sent()) {
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
      closeActions.run(requestId());
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
    closeActions.run(requestId());
    if (owner.http2()) {
      if (!body.ended() || pipeAsked) {
        // RFC 9113 section 8.1: tell the caller to stop sending without taking the answer back. Closing drops what has come
        // of the body: a channel whose stream has ended waits for ever for somebody to read that.
        owner.context().writeAndFlush(new DefaultHttp2ResetFrame(Http2Error.NO_ERROR));
        owner.context().close();
      }
      return;
    }
    over = true;
    owner.finished(this, answer.keepAlive());
  }

  @Override
  public void respond(int status, Headers headers, byte[] bytes) {
    if (status == 204 || status == 304) {
      sendHead(status, headers);
    } else {
      sendHead(status, headers.with("content-length", Integer.toString(bytes.length)));
    }
    if (bytes.length > 0) {
      send(Unpooled.wrappedBuffer(bytes));
    }
    end(Headers.EMPTY);
  }

  @Override
  public void fail(HttpProblem problem) {
    if (over) {
      return;
    }
    if (answer.sent()) {
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
    owner
        .context()
        .writeAndFlush(
            owner.http2()
                ? answer.makeOpening(head().headers(), headers)
                : answer.makeSwitch(headers));
    raw = true;
    body.becomeRaw();
    owner.becomeRaw();
  }

  @Override
  public void takeOver(Headers headers, Consumer<Channel> taker) {
    checkSwitch();
    if (owner.http2()) {
      throw new IllegalStateException(
          "request " + requestId() + ": expected a connection to hand over, found a stream of one");
    }
    var sent = owner.context().writeAndFlush(answer.makeSwitch(headers));
    sent.addListener(future -> {
      if (future.isSuccess()) {
        over = true;
        owner.context().channel().closeFuture().addListener(_ -> closeActions.run(requestId()));
        // Not from here: the decoder below may be in the middle of its work.
        eventLoop().execute(() -> owner.handOver(taker));
      }
    });
  }

  private void checkSwitch() {
    if (answer.sent() || over || !requestEnded() || !head().upgradeRequested()) {
      throw new IllegalStateException("request " + requestId()
          + ": expected a complete, unanswered upgrade request to switch protocols on");
    }
  }

  // ---- the end ----

  @Override
  public void onClose(Runnable action) {
    closeActions.add(action);
  }

  /// The channel is gone, or in other hands.
  void over() {
    over = true;
    closeActions.run(requestId());
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
    } else {
      body.failStalled();
    }
  }
}
