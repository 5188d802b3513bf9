package dev.buildplane.http;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.Http2StreamFrameToHttpObjectCodec;
import io.netty.util.AsciiString;
import org.jspecify.annotations.Nullable;

/// Resets a stream whose head is not a request's (RFC 9113 section 8.3.1). The translation to HTTP/1.1 behind it would take one
/// without a method for trailers and loses the buffer it has made for the body when method or path are not of HTTP/1.1's
/// characters: memory that any caller could use up. It would also leave out what an [ExtendedConnect] is, which is why
/// that one is told to whoever is behind the translation, where this listener takes it. One per stream.
final class StrictHttp2Heads extends ChannelInboundHandlerAdapter {
  private static final AsciiString CONNECT = HttpMethod.CONNECT.asciiName();

  private final boolean takesConnect;
  private boolean headSeen;
  private boolean connected;

  /// @param takesConnect whether the connection's SETTINGS offer extended CONNECT
  StrictHttp2Heads(boolean takesConnect) {
    this.takesConnect = takesConnect;
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object msg) throws Http2Exception {
    if (!(msg instanceof Http2HeadersFrame frame)) {
      ctx.fireChannelRead(msg);
    } else if (headSeen) {
      next(ctx, frame);
    } else {
      headSeen = true;
      first(ctx, frame);
    }
  }

  private void first(ChannelHandlerContext ctx, Http2HeadersFrame frame) throws Http2Exception {
    var head = frame.headers();
    boolean asksForConnect = ExtendedConnect.protocol(head) != null;
    if (!isRequest(head) || (asksForConnect && !takesConnect)) {
      reset(ctx);
    } else if (!asksForConnect) {
      ctx.fireChannelRead(frame);
    } else if (ExtendedConnect.isWellFormed(frame)) {
      connected = true;
      var stream = frame.stream();
      var upgrade = ExtendedConnect.upgrade(stream == null ? 0 : stream.id(), head);
      ctx.pipeline().context(Http2StreamFrameToHttpObjectCodec.class).fireChannelRead(upgrade);
    } else {
      reset(ctx);
    }
  }

  /// Trailers, which a CONNECT has none of (RFC 9113 section 8.5).
  private void next(ChannelHandlerContext ctx, Http2HeadersFrame frame) {
    if (connected) {
      reset(ctx);
    } else {
      ctx.fireChannelRead(frame);
    }
  }

  private static void reset(ChannelHandlerContext ctx) {
    ctx.writeAndFlush(new DefaultHttp2ResetFrame(Http2Error.PROTOCOL_ERROR));
    ctx.close();
  }

  private static boolean isRequest(Http2Headers head) {
    return isVisible(head.method())
        && isVisible(head.scheme())
        && isVisible(head.path())
        && (ExtendedConnect.protocol(head) != null || !CONNECT.contentEquals(head.method()));
  }

  /// At least one character, and none but visible ASCII.
  private static boolean isVisible(@Nullable CharSequence text) {
    return text != null && !text.isEmpty() && text.chars().allMatch(c -> c > ' ' && c < 0x7f);
  }
}
