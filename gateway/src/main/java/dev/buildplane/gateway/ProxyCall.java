package dev.buildplane.gateway;

import dev.buildplane.gateway.GatewayMetrics.End;
import dev.buildplane.http.AsyncExchange;
import dev.buildplane.http.Headers;
import dev.buildplane.http.HttpProblem;
import dev.buildplane.tunnel.StreamEnd;
import dev.buildplane.tunnel.TunnelException;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// One proxied request: pumps between the caller's exchange and the stream of a [Carrier], each side held back by the other.
///
/// All state but `revoked` lives on the caller's event loop; what happens on the stream's loop is passed over there in order. Only a
/// 101 of the plane opens a raw pipe (CVE-2018-1002105); any other answer to an upgrade is an ordinary answer.
final class ProxyCall implements AsyncExchange.BodyReader {
  /// What an attempt that did nothing with the request left behind.
  enum Left {
    UNDONE,
    /// The agents that way speak the protocol of v0.17, which has no way for such a call.
    NOT_CARRIED
  }

  private static final Set<String> IDEMPOTENT = Set.of("GET", "HEAD", "OPTIONS", "PUT", "DELETE");

  private final AsyncExchange exchange;
  private final Carrier carrier;
  private final ProxyTarget target;
  private final AuditLog.Call record;
  private final AnswerDeadlines deadlines;
  private final GatewayMetrics metrics;
  private final @Nullable CallTrace trace;
  private Optional<Consumer<Left>> again = Optional.empty();
  private @Nullable Channel stream;
  private AnswerDeadlines.@Nullable Deadline deadline;
  private boolean bodyless;
  private boolean bodyWaits;
  private boolean bodyEnded;
  private boolean raw;
  private boolean readOwed;
  private boolean answerBegun;
  private boolean answerEnded;
  private boolean over;
  private boolean leaving;
  private boolean lines;
  private boolean midLine;
  private long heldSince;

  /// Set by whoever revokes, so that no byte passes from then on, however long the loop takes to end the call.
  private volatile boolean revoked;

  /// @param deadlines of the caller's event loop
  /// @param trace null where tracing is off
  ProxyCall(
      AsyncExchange exchange,
      Carrier carrier,
      ProxyTarget target,
      AuditLog.Call record,
      AnswerDeadlines deadlines,
      GatewayMetrics metrics,
      @Nullable CallTrace trace) {
    this.trace = trace;
    this.metrics = metrics;
    this.exchange = exchange;
    this.carrier = carrier;
    this.target = target;
    this.record = record;
    this.deadlines = deadlines;
  }

  /// Sends the request. The stream takes it along as it opens, so that it passes from the caller's loop to the tunnel's once.
  ///
  /// @param again makes another attempt elsewhere; run at most once, and only when this one certainly did nothing with the request
  void begin(Optional<Consumer<Left>> again) {
    this.again = again;
    metrics.streamOpened();
    carrier.began(this, target.plane());
    if (!carrier.allows(target.plane())) {
      revoked(); // it was taken away since the connection was chosen
      return;
    }
    bodyless = exchange.bodyless();
    deadline = deadlines.start(this::awaitsCaller, this::tooLate);
    boolean upgrade = ProxyHeaders.upgrades(exchange.head());
    var request = carrier.request(exchange.head(), target, bodyless && !upgrade);
    if (trace != null) {
      trace.propagate(request.headers());
    }
    bodyWaits = HttpUtil.is100ContinueExpected(request);
    carrier
        .open(new FromPlane(this, exchange.eventLoop(), request), upgrade)
        .addListener(opening -> {
          if (!opening.isSuccess()) {
            onLoop(() -> unopened(opening.cause()));
          }
        });
  }

  /// The stream is there and has the request; nothing of the answer has been passed on before.
  void opened(Channel opened) {
    if (over || exchange.closed()) {
      opened.close();
      callerDone();
      return;
    }
    stream = opened;
    exchange.onClose(() -> onLoop(this::callerDone));
    exchange.onWritable(this::readIfOwed);
    if (!bodyless || ProxyHeaders.upgrades(exchange.head())) {
      exchange.receive(this);
      if (!bodyWaits) {
        exchange.demand();
      }
    }
  }

  /// Nothing was sent, so whatever was asked may be asked elsewhere.
  private void unopened(Throwable cause) {
    if (over || exchange.closed()) {
      callerDone();
    } else if (again.isPresent()) {
      finish(end(cause));
      again.get().accept(Left.UNDONE);
    } else {
      failed(
          cause instanceof TunnelException
              ? problem(cause)
              : new HttpProblem(
                  503,
                  "the replica that holds an agent of " + target.key()
                      + " could not be reached; nothing was done, try again"),
          end(cause));
    }
  }

  // ---- caller to plane ----

  @Override
  public void onContent(ByteBuf piece) {
    var to = stream;
    if (over || revoked || to == null) {
      piece.release();
      return;
    }
    to.write(raw ? piece : new DefaultHttpContent(piece));
    sent();
    if (to.isWritable()) {
      exchange.demand();
    }
  }

  /// What came at once leaves at once.
  @Override
  public void onPause() {
    if (!over && stream != null) {
      stream.flush();
    }
  }

  @Override
  public void onEnd(Headers trailers) {
    var to = stream;
    if (over || to == null || (bodyless && !raw)) {
      return;
    }
    to.writeAndFlush(raw ? StreamEnd.INSTANCE : LastHttpContent.EMPTY_LAST_CONTENT);
    bodyEnded = true;
    sent();
  }

  private void sent() {
    if (deadline != null) {
      deadline.sent();
    }
  }

  private boolean awaitsCaller() {
    return !bodyless && !bodyEnded && !bodyWaits && stream != null && stream.isWritable();
  }

  @Override
  public void onFailure(HttpProblem problem) {
    failed(problem, End.CANCELLED);
  }

  void streamWritable() {
    if (!over && !bodyWaits && stream != null) {
      exchange.demand();
    }
  }

  // ---- plane to caller ----

  void fromPlane(Object message) {
    if (over || revoked) {
      ReferenceCountUtil.release(message);
      return;
    }
    switch (message) {
      case HttpResponse response -> answer(response);
      case HttpContent content -> content(content);
      case ByteBuf bytes -> exchange.send(bytes);
      default -> ReferenceCountUtil.release(message);
    }
  }

  private void answer(HttpResponse response) {
    int status = response.status().code();
    if (carrier.unreached(response)) {
      var left = carrier.notCarried(response) ? Left.NOT_CARRIED : Left.UNDONE;
      ReferenceCountUtil.release(response);
      elsewhere(left);
      return;
    }
    if (status > 101 && status < 200) {
      exchange.sendInterim(status, ProxyHeaders.back(response.headers()));
      ReferenceCountUtil.release(response);
      return;
    }
    if (bodyWaits) { // for this 100, or in vain
      bodyWaits = false;
      exchange.demand();
    }
    answerBegun |= status >= 200 || status == 101;
    if (trace != null && answerBegun) {
      trace.answered(status);
    }
    if (response.status().equals(HttpResponseStatus.SWITCHING_PROTOCOLS)) {
      cancelDeadline();
      switchToRaw(response);
    } else if (status / 100 == 2 && exchange.head().upgradeRequired()) {
      failed(
          new HttpProblem(
              502, "the plane answered " + status + " to an upgrade request; expected 101"),
          End.PROTOCOL);
    } else if (status >= 200) {
      cancelDeadline();
      record.answered(status);
      lines = status == 200
          && response.headers().get(HttpHeaderNames.CONTENT_TYPE, "").contains("json");
      exchange.sendHead(status, ProxyHeaders.back(response.headers()));
      if (response instanceof HttpContent content) {
        content(content);
      }
      return;
    }
    ReferenceCountUtil.release(response);
  }

  /// Another replica had no agent for it after all, or only such as do not carry it.
  private void elsewhere(Left left) {
    if (again.isPresent()) {
      finish(End.REFUSED);
      again.get().accept(left);
    } else {
      failed(
          switch (left) {
            case NOT_CARRIED -> StreamingCall.notCarried(target);
            case UNDONE ->
              new HttpProblem(
                  503,
                  "no replica reached an agent of " + target.key()
                      + "; nothing was done, try again");
          },
          End.REFUSED);
    }
  }

  private void switchToRaw(HttpResponse response) {
    try {
      exchange.switchProtocols(ProxyHeaders.switched(response.headers()));
      record.answered(response.status().code());
      raw = true;
      exchange.demand();
    } catch (HttpProblem problem) {
      failed(problem, End.PROTOCOL);
    } catch (IllegalStateException e) {
      failed(
          new HttpProblem(502, "the plane switched protocols where that was not asked for"),
          End.PROTOCOL);
    }
  }

  private void content(HttpContent content) {
    if (content.content().isReadable()) {
      midLine = content.content().getByte(content.content().writerIndex() - 1) != '\n';
      exchange.send(content.content());
    } else {
      content.release();
    }
    if (content instanceof LastHttpContent last) {
      answerEnded = true;
      exchange.end(ProxyHeaders.trailersBack(last.trailingHeaders()));
    }
  }

  void planePaused() {
    if (over) {
      return;
    }
    exchange.flush();
    if (leaving) {
      endBetweenEvents();
    }
    readOwed = true;
    readIfOwed();
  }

  private void readIfOwed() {
    if (readOwed && stream != null) {
      boolean held = !exchange.isWritable();
      heldSince = metrics.held(heldSince, held);
      if (!held) {
        readOwed = false;
        stream.read();
      }
    }
  }

  void planeEnded() {
    answerEnded = true;
    exchange.end(Headers.EMPTY);
  }

  // ---- the end ----

  /// Whether it is a watch, for which [#leaving] does something.
  boolean isWatch() {
    return !ProxyHeaders.upgrades(exchange.head()) && StreamingCall.isWatch(target.uri());
  }

  /// Who carries it is about to go, which a watch would outlast until it is cut: it ends now as watches end whose time is up, after a whole event, and
  /// its client goes on elsewhere. From any thread.
  void leaving() {
    onLoop(() -> {
      leaving = isWatch();
      endBetweenEvents();
    });
  }

  private void endBetweenEvents() {
    if (leaving && !over && answerBegun && !answerEnded && lines && !midLine) {
      planeEnded();
    }
  }

  /// The resource this call was made for trusts the agent no longer. From any thread; no byte passes after its return.
  void revoked() {
    revoked = true;
    onLoop(() -> failed(
        new HttpProblem(
            403,
            "Forbidden: Agent not authorized for CR " + target.plane().key()
                + "; the authorization was revoked"),
        End.REVOKED));
  }

  private void tooLate() {
    failed(
        new HttpProblem(
            504,
            "no answer from " + target.key() + " within " + deadlines.limit().toSeconds()
                + " s; the request was cancelled"),
        End.DEADLINE);
  }

  void streamFailed(Throwable cause) {
    if (answerEnded || over) {
      return;
    }
    if (mayRepeat(cause) && again.isPresent()) {
      finish(end(cause));
      again.get().accept(Left.UNDONE);
    } else {
      failed(problem(cause), end(cause));
    }
  }

  /// Whether the agent certainly did nothing with the request, and the request is one that may be made again (RFC 9110 section 9.2.2) and is
  /// still at hand as a whole.
  private boolean mayRepeat(Throwable cause) {
    return cause instanceof TunnelException failure
        && failure.neverProcessed()
        && bodyless
        && !answerBegun
        && IDEMPOTENT.contains(exchange.head().method());
  }

  private HttpProblem problem(Throwable cause) {
    var text =
        cause instanceof TunnelException ? cause.getMessage() : "the stream to the agent failed";
    int status = cause instanceof TunnelException failure ? status(failure.code()) : 502;
    var hint = status == 503 ? "; nothing was done, try again" : "";
    return new HttpProblem(status, "connection to " + target.key() + " failed: " + text + hint);
  }

  private static int status(TunnelException.Code code) {
    return switch (code) {
      case DRAINING, TOO_MANY_STREAMS, OVERLOADED, REFUSED -> 503;
      case HEADERS_TOO_LARGE -> 431;
      case CONNECTION_LOST, CANCELLED, SHED, RESET, PROTOCOL, HANDSHAKE_REFUSED, DIAL_FAILED -> 502;
    };
  }

  void streamGone() {
    if (!answerEnded) {
      failed(
          new HttpProblem(
              502, "connection to " + target.key() + " was lost before the answer was complete"),
          End.CONNECTION_LOST);
    }
  }

  private static End end(Throwable cause) {
    return cause instanceof TunnelException failure ? End.of(failure.code()) : End.CONNECTION_LOST;
  }

  private void failed(HttpProblem problem, End why) {
    if (over) {
      return;
    }
    record.refused(problem.status(), problem.getMessage());
    finish(why);
    exchange.fail(problem);
  }

  private void callerDone() {
    if (!over) {
      finish(answerEnded ? End.COMPLETED : End.CANCELLED);
    }
  }

  private void finish(End why) {
    over = true;
    metrics.streamEnded(why);
    if (trace != null) {
      trace.ended(why);
    }
    heldSince = metrics.held(heldSince, false);
    cancelDeadline();
    carrier.ended(this);
    if (stream != null) {
      stream.close(); // cancels unless both directions have ended
    }
  }

  private void cancelDeadline() {
    if (deadline != null) {
      deadline.cancel();
      deadline = null;
    }
  }

  private void onLoop(Runnable action) {
    if (exchange.eventLoop().inEventLoop()) {
      action.run();
    } else {
      exchange.eventLoop().execute(action);
    }
  }
}
