package dev.buildplane.gateway;

import dev.buildplane.tunnel.StreamEnd;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.util.ReferenceCountUtil;

/// Makes an HTTP/1.1 connection look like an upgraded tunnel stream: after a 101 the codec leaves and bytes pass; the end of
/// the connection is then the end of the stream. The other direction ends with the connection only, as TLS ends both: a [StreamEnd] that is
/// written goes no further. Sits right behind the codec, on the connection's loop.
final class PeerUpgrade extends ChannelDuplexHandler {
  private boolean raw;

  @Override
  public void write(ChannelHandlerContext ctx, Object msg, ChannelPromise promise) {
    if (msg == StreamEnd.INSTANCE) {
      promise.trySuccess();
    } else {
      ctx.write(msg, promise);
    }
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object msg) {
    if (msg instanceof HttpResponse response
        && response.status().equals(HttpResponseStatus.SWITCHING_PROTOCOLS)) {
      raw = true;
      ctx.fireChannelRead(msg);
      ctx.pipeline().remove(HttpClientCodec.class); // bytes it had read ahead come next
    } else if (raw && msg instanceof HttpContent) {
      ReferenceCountUtil.release(msg); // the codec's end of the 101
    } else {
      ctx.fireChannelRead(msg);
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    if (raw) {
      ctx.fireUserEventTriggered(StreamEnd.INSTANCE);
    }
    ctx.fireChannelInactive();
  }
}
