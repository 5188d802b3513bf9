package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2FrameStreamException;
import io.netty.handler.codec.http2.Http2GoAwayFrame;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.Http2ResetFrame;
import io.netty.handler.codec.http2.Http2StreamChannel;
import io.netty.util.ReferenceCountUtil;
import org.jspecify.annotations.Nullable;

/// One stream: HTTP/2 frames on the tunnel's side, HTTP/1.1 objects on the owner's ([GatewayTunnel] and [AgentTunnel] hold
/// the contract). The two ends differ in what a head means and in who upgrades.
///
/// A head is held back until content, flush or end follows, so that a message without a body is one HEADERS frame with END_STREAM. Runs
/// on the tunnel's event loop.
abstract sealed class StreamCodec extends ChannelDuplexHandler
    permits GatewayStreamCodec, AgentStreamCodec {
  private record Head(Http2Headers headers, ChannelPromise promise) {}

  final TunnelConnection connection;
  private @Nullable Head held;
  private boolean raw;
  private boolean inboundEnded;
  private boolean outboundEnded;
  private boolean failed;
  private boolean closedHere;
  private long unwritableSince;

  StreamCodec(TunnelConnection connection) {
    this.connection = connection;
  }

  /// Translates a head about to be sent.
  ///
  /// @throws TunnelException when it may not be sent now
  abstract Http2Headers headToSend(HttpMessage head) throws TunnelException;

  /// A header block came while none is open; hands up the head it means.
  abstract void headCame(ChannelHandlerContext ctx, Http2HeadersFrame frame) throws TunnelException;

  /// Whether the inbound message's head has come, so that another header block is its trailers.
  abstract boolean headHasCome();

  /// Whether content written now belongs to nothing: between an upgrade request and its answer.
  abstract boolean awaitsUpgrade();

  /// Whether the end of the inbound message was handed up with its head: an upgrade request has no body.
  abstract boolean requestWasWhole();

  final void openRawPipe() {
    raw = true;
  }

  // ---- out

  @Override
  public final void write(ChannelHandlerContext ctx, Object msg, ChannelPromise promise) {
    switch (msg) {
      case ByteBuf bytes when raw -> writeData(ctx, bytes, false, promise);
      case StreamEnd _ when raw -> writeData(ctx, Unpooled.EMPTY_BUFFER, true, promise);
      case StreamAbort _ -> abort(ctx, promise);
      case HttpMessage head -> writeHead(ctx, head, promise);
      case HttpContent content -> writeContent(ctx, content, promise);
      default -> {
        ReferenceCountUtil.release(msg);
        promise.tryFailure(new TunnelException(
            TunnelException.Code.PROTOCOL,
            "expected an HTTP message or, after a 101, bytes; found "
                + msg.getClass().getSimpleName()));
      }
    }
  }

  private void writeHead(ChannelHandlerContext ctx, HttpMessage head, ChannelPromise promise) {
    try {
      releaseHeld(ctx);
      var headers = headToSend(head);
      if (head instanceof LastHttpContent whole && !awaitsUpgrade() && !isInformational(headers)) {
        held = new Head(headers, ctx.newPromise());
        writeContent(ctx, whole, promise);
      } else {
        ReferenceCountUtil.release(head);
        held = new Head(headers, promise);
      }
    } catch (TunnelException e) {
      ReferenceCountUtil.release(head);
      promise.tryFailure(e);
      fail(ctx, e);
      close(ctx, ctx.newPromise());
    } catch (IllegalArgumentException invalidField) {
      ReferenceCountUtil.release(head);
      promise.tryFailure(invalidField);
    }
  }

  private static boolean isInformational(Http2Headers headers) {
    var status = headers.status();
    return status != null && status.charAt(0) == '1';
  }

  private void writeContent(
      ChannelHandlerContext ctx, HttpContent content, ChannelPromise promise) {
    if (raw || awaitsUpgrade() || outboundEnded) {
      discard(content, promise);
      return;
    }
    if (!(content instanceof LastHttpContent last)) {
      writeData(ctx, content.content(), false, promise);
    } else if (!last.trailingHeaders().isEmpty()) {
      writeData(ctx, last.content(), false, ctx.newPromise());
      outboundEnded = true;
      ctx.write(
          new DefaultHttp2HeadersFrame(HeaderMapping.toHttp2(last.trailingHeaders()), true),
          promise);
    } else if (held != null && !last.content().isReadable()) {
      last.release();
      outboundEnded = true;
      sendHead(ctx, true, promise);
    } else {
      writeData(ctx, last.content(), true, promise);
    }
  }

  /// Empty content where none belongs is the natural end of an HTTP/1.1 message and means nothing; bytes would be lost.
  private static void discard(HttpContent content, ChannelPromise promise) {
    boolean empty = !content.content().isReadable();
    content.release();
    if (empty) {
      promise.trySuccess();
    } else {
      promise.tryFailure(new TunnelException(
          TunnelException.Code.PROTOCOL,
          "expected nothing more on this stream now, found content"));
    }
  }

  private void writeData(
      ChannelHandlerContext ctx, ByteBuf bytes, boolean end, ChannelPromise promise) {
    if (outboundEnded) {
      bytes.release();
      promise.tryFailure(
          new TunnelException(TunnelException.Code.PROTOCOL, "this direction has ended already"));
      return;
    }
    releaseHeld(ctx);
    outboundEnded = end;
    if (!end && !bytes.isReadable()) {
      bytes.release();
      promise.trySuccess();
      return;
    }
    connection.settings().meter().sent().passed(bytes.readableBytes());
    ctx.write(new DefaultHttp2DataFrame(bytes, end), promise);
  }

  /// After a refused upgrade, whose request had been left open for the bytes that now will not come.
  final void endOutbound(ChannelHandlerContext ctx) {
    outboundEnded = true;
    ctx.writeAndFlush(new DefaultHttp2DataFrame(true));
  }

  private void releaseHeld(ChannelHandlerContext ctx) {
    if (held != null) {
      sendHead(ctx, false, ctx.newPromise());
    }
  }

  private void sendHead(ChannelHandlerContext ctx, boolean end, ChannelPromise promise) {
    var head = held;
    if (head == null) {
      return;
    }
    held = null;
    promise.addListener(sent -> {
      if (sent.isSuccess()) {
        head.promise().trySuccess();
      } else {
        head.promise().tryFailure(sent.cause());
        headFailed(ctx, sent.cause());
      }
    });
    ctx.write(new DefaultHttp2HeadersFrame(head.headers(), end), promise);
  }

  /// Nothing was sent: the codec refused the block (too large, stream ids spent) or the connection is gone.
  private void headFailed(ChannelHandlerContext ctx, Throwable cause) {
    if (!closedHere) {
      fail(ctx, translate(cause, true));
      ctx.close();
    }
  }

  private void abort(ChannelHandlerContext ctx, ChannelPromise promise) {
    if (held != null) { // no stream yet that could be reset
      ctx.close(promise);
    } else {
      closedHere = true;
      ctx.writeAndFlush(new DefaultHttp2ResetFrame(Http2Error.INTERNAL_ERROR), promise);
      ctx.close(); // else it would wait for somebody to read what has come
    }
  }

  @Override
  public final void flush(ChannelHandlerContext ctx) {
    releaseHeld(ctx);
    ctx.flush();
  }

  @Override
  public final void close(ChannelHandlerContext ctx, ChannelPromise promise) {
    closedHere = true;
    ctx.close(promise);
  }

  @Override
  public final void channelWritabilityChanged(ChannelHandlerContext ctx) {
    standsStill(!ctx.channel().isWritable());
    ctx.fireChannelWritabilityChanged();
  }

  private void standsStill(boolean now) {
    unwritableSince = connection.settings().meter().sent().stands(unwritableSince, now);
  }

  // ---- in

  @Override
  public final void channelRead(ChannelHandlerContext ctx, Object msg) {
    switch (msg) {
      case Http2HeadersFrame frame -> headersCame(ctx, frame);
      case Http2DataFrame frame -> dataCame(ctx, frame);
      default -> ReferenceCountUtil.release(msg);
    }
  }

  private void headersCame(ChannelHandlerContext ctx, Http2HeadersFrame frame) {
    try {
      if (raw || inboundEnded) {
        throw new TunnelException(
            TunnelException.Code.PROTOCOL, "expected no more header blocks, found one");
      }
      if (!headHasCome()) {
        headCame(ctx, frame);
      } else {
        var last = new DefaultLastHttpContent();
        HeaderMapping.toHttp1(frame.headers(), last.trailingHeaders());
        inboundEnded = true;
        ctx.fireChannelRead(last);
      }
    } catch (TunnelException e) {
      reset(ctx, e);
    } catch (IllegalArgumentException invalidField) {
      reset(
          ctx,
          new TunnelException(
              TunnelException.Code.PROTOCOL,
              "the peer sent an invalid header field: " + invalidField.getMessage()));
    }
  }

  /// For [#headCame]: the block had END_STREAM, so no body follows.
  final void endInbound(ChannelHandlerContext ctx) {
    inboundEnded = true;
    if (raw) {
      ctx.fireUserEventTriggered(StreamEnd.INSTANCE);
    } else {
      ctx.fireChannelRead(LastHttpContent.EMPTY_LAST_CONTENT);
    }
  }

  private void dataCame(ChannelHandlerContext ctx, Http2DataFrame frame) {
    boolean end = frame.isEndStream();
    var bytes = frame instanceof CountedData counted ? counted.takeContent() : frame.content();
    connection.settings().meter().received().passed(bytes.readableBytes());
    if (raw) {
      ctx.fireChannelRead(bytes);
      if (end) {
        endInbound(ctx);
      }
    } else if (!headHasCome() || inboundEnded) {
      bytes.release();
      reset(
          ctx,
          new TunnelException(
              TunnelException.Code.PROTOCOL, "expected a header block, found data"));
    } else if (requestWasWhole()) {
      inboundEnded = end;
      bytes.release();
    } else {
      inboundEnded = end;
      ctx.fireChannelRead(end ? new DefaultLastHttpContent(bytes) : new DefaultHttpContent(bytes));
    }
  }

  private void reset(ChannelHandlerContext ctx, TunnelException why) {
    fail(ctx, why);
    ctx.writeAndFlush(new DefaultHttp2ResetFrame(Http2Error.PROTOCOL_ERROR));
    close(ctx, ctx.newPromise());
  }

  // ---- failure

  @Override
  public final void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event instanceof Http2ResetFrame frame) {
      fail(ctx, whyReset(frame.errorCode()));
    } else if (event instanceof Http2GoAwayFrame frame) {
      frame.release();
      fail(ctx, leftOut());
    } else {
      ctx.fireUserEventTriggered(event);
    }
  }

  private static TunnelException whyReset(long code) {
    var error = Http2Error.valueOf(code);
    if (error == Http2Error.REFUSED_STREAM) {
      return new TunnelException(
          TunnelException.Code.REFUSED, "the peer refused the stream and did nothing with it");
    }
    if (error == Http2Error.CANCEL) {
      return new TunnelException(TunnelException.Code.CANCELLED, "the peer cancelled the stream");
    }
    if (error == Http2Error.ENHANCE_YOUR_CALM) {
      return new TunnelException(
          TunnelException.Code.SHED,
          "the stream was not read while memory was short, and was given up");
    }
    return new TunnelException(
        TunnelException.Code.RESET, "the peer broke the stream off with HTTP/2 error " + error);
  }

  @Override
  public final void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    if (cause instanceof TunnelException) {
      ctx.fireExceptionCaught(cause);
      return;
    }
    fail(ctx, translate(cause, false));
    ctx.close();
  }

  private TunnelException translate(Throwable cause, boolean neverSent) {
    var root = cause instanceof Http2FrameStreamException && cause.getCause() != null
        ? cause.getCause()
        : cause;
    if (root instanceof TunnelException known) {
      return known;
    }
    if (root instanceof Http2Exception.HeaderListSizeException) {
      return new TunnelException(
          TunnelException.Code.HEADERS_TOO_LARGE,
          "the header list is larger than the tunnel takes");
    }
    if (connection.isClosed()) {
      return new TunnelException(
          TunnelException.Code.CONNECTION_LOST,
          neverSent,
          connection.reasonOrLost().detail());
    }
    return new TunnelException(
        neverSent ? TunnelException.Code.REFUSED : TunnelException.Code.PROTOCOL,
        root.getClass().getSimpleName() + ": " + root.getMessage());
  }

  private void fail(ChannelHandlerContext ctx, TunnelException why) {
    if (!failed && !closedHere) {
      failed = true;
      ctx.fireExceptionCaught(why);
    }
  }

  @Override
  public final void channelInactive(ChannelHandlerContext ctx) {
    standsStill(false);
    dropHeld();
    if (!inboundEnded) {
      fail(ctx, whyInactive(ctx));
    }
    ctx.fireChannelInactive();
  }

  private TunnelException whyInactive(ChannelHandlerContext ctx) {
    if (ctx.channel() instanceof Http2StreamChannel stream
        && connection.leftOut(stream.stream().id())) {
      return leftOut();
    }
    return new TunnelException(
        TunnelException.Code.CONNECTION_LOST, connection.reasonOrLost().detail());
  }

  private static TunnelException leftOut() {
    return new TunnelException(
        TunnelException.Code.REFUSED, "the peer was going away and did not take this stream");
  }

  @Override
  public final void handlerRemoved(ChannelHandlerContext ctx) {
    dropHeld();
  }

  private void dropHeld() {
    if (held != null) {
      held.promise()
          .tryFailure(new TunnelException(
              TunnelException.Code.CONNECTION_LOST,
              true,
              "the stream ended before its head was sent"));
      held = null;
    }
  }
}
