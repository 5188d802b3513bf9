package dev.buildplane.gateway;

import dev.buildplane.http.AsyncExchange;
import dev.buildplane.http.Headers;
import dev.buildplane.http.HttpProblem;
import dev.buildplane.tunnel.StreamEnd;
import dev.buildplane.tunnel.TunnelException;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// One proxied request: pumps between the caller's exchange and a tunnel stream, each side held back by the other.
///
/// All state lives on the caller's event loop; what happens on the stream's loop is passed over there in order. Only a
/// 101 of the plane opens a raw pipe (CVE-2018-1002105); any other answer to an upgrade is an ordinary answer.
final class ProxyCall implements AsyncExchange.BodyReader {
  private final AsyncExchange exchange;
  private final AgentSession session;
  private final ProxyTarget target;
  private final AuditLog.Call record;
  private final Duration answerDeadline;
  private @Nullable Channel stream;
  private @Nullable Future<?> deadline;
  private boolean raw;
  private boolean readOwed;
  private boolean answerEnded;
  private boolean over;

  ProxyCall(
      AsyncExchange exchange,
      AgentSession session,
      ProxyTarget target,
      AuditLog.Call record,
      Duration answerDeadline) {
    this.exchange = exchange;
    this.session = session;
    this.target = target;
    this.record = record;
    this.answerDeadline = answerDeadline;
  }

  /// The stream's end of the call, to be put on the stream before [#begin].
  ChannelHandler streamHandler() {
    return new FromPlane();
  }

  void begin(Channel opened) {
    if (exchange.closed()) {
      opened.close();
      return;
    }
    stream = opened;
    session.began(this, target.plane());
    exchange.onClose(() -> onLoop(this::callerDone));
    exchange.onWritable(this::readIfOwed);
    deadline = exchange
        .eventLoop()
        .schedule(this::tooLate, answerDeadline.toNanos(), TimeUnit.NANOSECONDS);
    var head = exchange.head();
    var request = new DefaultHttpRequest(
        HttpVersion.HTTP_1_1, HttpMethod.valueOf(head.method()), target.uri());
    request.headers().set(ProxyHeaders.forward(head, target.target()));
    opened.writeAndFlush(request);
    exchange.receive(this);
    exchange.demand();
    if (!session.authorized().contains(target.plane())) {
      revoked(); // it was taken away while the stream was opening
    }
  }

  // ---- caller to plane ----

  @Override
  public void onContent(ByteBuf piece) {
    var to = stream;
    if (over || to == null) {
      piece.release();
      return;
    }
    to.writeAndFlush(raw ? piece : new DefaultHttpContent(piece));
    if (to.isWritable()) {
      // Not from here: a long body must not grow the stack.
      exchange.eventLoop().execute(exchange::demand);
    }
  }

  @Override
  public void onEnd(Headers trailers) {
    var to = stream;
    if (over || to == null || exchange.head().upgradeRequested()) {
      return;
    }
    var last = new DefaultLastHttpContent();
    trailers.fields().forEach(field -> last.trailingHeaders().add(field.name(), field.value()));
    to.writeAndFlush(last);
  }

  @Override
  public void onFailure(HttpProblem problem) {
    failed(problem);
  }

  private void streamWritable() {
    if (!over) {
      exchange.demand();
    }
  }

  // ---- plane to caller ----

  private void fromPlane(Object message) {
    if (over) {
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
    if (response.status().equals(HttpResponseStatus.SWITCHING_PROTOCOLS)) {
      cancelDeadline();
      record.answered(status);
      switchToRaw(response);
    } else if (status >= 200) {
      cancelDeadline();
      record.answered(status);
      exchange.sendHead(status, ProxyHeaders.back(response.headers()));
      if (response instanceof HttpContent content) {
        content(content);
      }
      return;
    }
    ReferenceCountUtil.release(response); // interim answers are between the plane and its agent
  }

  private void switchToRaw(HttpResponse response) {
    try {
      exchange.switchProtocols(ProxyHeaders.switched(response.headers()));
      raw = true;
      exchange.demand();
    } catch (IllegalStateException e) {
      failed(new HttpProblem(502, "the plane switched protocols where that was not asked for"));
    }
  }

  private void content(HttpContent content) {
    if (content.content().isReadable()) {
      exchange.send(content.content());
    } else {
      content.release();
    }
    if (content instanceof LastHttpContent last) {
      answerEnded = true;
      var trailers = new ArrayList<Headers.Field>();
      for (Map.Entry<String, String> entry : last.trailingHeaders()) {
        trailers.add(new Headers.Field(entry.getKey(), entry.getValue()));
      }
      exchange.end(new Headers(trailers));
    }
  }

  private void planePaused() {
    if (over) {
      return;
    }
    exchange.flush();
    readOwed = true;
    readIfOwed();
  }

  private void readIfOwed() {
    if (readOwed && exchange.isWritable() && stream != null) {
      readOwed = false;
      stream.read();
    }
  }

  private void planeEnded() {
    answerEnded = true;
    exchange.end(Headers.EMPTY);
  }

  // ---- the end ----

  /// The resource this call was made for trusts the agent no longer. From any thread.
  void revoked() {
    onLoop(() -> failed(new HttpProblem(
        403,
        "Forbidden: Agent not authorized for CR " + target.plane().key()
            + "; the authorization was revoked")));
  }

  private void tooLate() {
    failed(new HttpProblem(
        504,
        "no answer from " + target.key() + " within " + answerDeadline.toSeconds()
            + " s; the request was cancelled"));
  }

  private void streamFailed(Throwable cause) {
    if (answerEnded) {
      return;
    }
    var text =
        cause instanceof TunnelException ? cause.getMessage() : "the stream to the agent failed";
    failed(new HttpProblem(502, "connection to " + target.key() + " failed: " + text));
  }

  private void streamGone() {
    if (!answerEnded) {
      failed(new HttpProblem(
          502, "connection to " + target.key() + " was lost before the answer was complete"));
    }
  }

  private void failed(HttpProblem problem) {
    if (over) {
      return;
    }
    record.refused(problem.status(), problem.getMessage());
    finish();
    exchange.fail(problem);
  }

  private void callerDone() {
    if (!over) {
      finish();
    }
  }

  private void finish() {
    over = true;
    cancelDeadline();
    session.ended(this);
    if (stream != null) {
      stream.close(); // cancels unless both directions have ended
    }
  }

  private void cancelDeadline() {
    if (deadline != null) {
      deadline.cancel(false);
    }
  }

  private void onLoop(Runnable action) {
    if (exchange.eventLoop().inEventLoop()) {
      action.run();
    } else {
      exchange.eventLoop().execute(action);
    }
  }

  /// The stream's handler: passes everything over to the caller's loop.
  private final class FromPlane extends ChannelInboundHandlerAdapter {
    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
      ctx.channel().config().setAutoRead(false);
      ctx.read();
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object msg) {
      if (exchange.eventLoop().inEventLoop()) {
        fromPlane(msg);
      } else {
        try {
          exchange.eventLoop().execute(() -> fromPlane(msg));
        } catch (java.util.concurrent.RejectedExecutionException e) {
          ReferenceCountUtil.release(msg);
          ctx.close();
        }
      }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
      onLoop(ProxyCall.this::planePaused);
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
      if (ctx.channel().isWritable()) {
        onLoop(ProxyCall.this::streamWritable);
      }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
      if (event == StreamEnd.INSTANCE) {
        onLoop(ProxyCall.this::planeEnded);
      }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      onLoop(() -> streamFailed(cause));
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      onLoop(ProxyCall.this::streamGone);
    }
  }
}
