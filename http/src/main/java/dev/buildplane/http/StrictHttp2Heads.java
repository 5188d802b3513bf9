package dev.buildplane.http;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import org.jspecify.annotations.Nullable;

/// Resets a stream whose head is not a request's (RFC 9113 section 8.3.1). The translation to HTTP/1.1 behind it would take one
/// without a method for trailers, would leave out what an extended CONNECT (RFC 8441, not offered here) is, and loses the buffer
/// it has made for the body when method or path are not of HTTP/1.1's characters: memory that any caller could use up. One per
/// stream.
final class StrictHttp2Heads extends ChannelInboundHandlerAdapter {
  private boolean headSeen;

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object msg) {
    if (msg instanceof Http2HeadersFrame frame && !headSeen) {
      headSeen = true;
      if (!isRequest(frame.headers())) {
        ctx.writeAndFlush(new DefaultHttp2ResetFrame(Http2Error.PROTOCOL_ERROR));
        ctx.close();
        return;
      }
    }
    ctx.fireChannelRead(msg);
  }

  private static boolean isRequest(Http2Headers head) {
    return isVisible(head.method())
        && isVisible(head.scheme())
        && isVisible(head.path())
        && !head.contains(Http2Headers.PseudoHeaderName.PROTOCOL.value());
  }

  /// At least one character, and none but visible ASCII.
  private static boolean isVisible(@Nullable CharSequence text) {
    return text != null && !text.isEmpty() && text.chars().allMatch(c -> c > ' ' && c < 0x7f);
  }
}
