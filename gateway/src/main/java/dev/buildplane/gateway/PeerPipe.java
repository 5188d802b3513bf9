package dev.buildplane.gateway;

import dev.buildplane.http.RequestHead;
import dev.buildplane.http.WebSocketUpgrade;
import dev.buildplane.tunnel.StreamEnd;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.util.ReferenceCountUtil;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Makes an HTTP/2 stream to another replica look like an upgraded stream of a tunnel. The upgrade goes out as an extended CONNECT (RFC 8441), and
/// the 200 to it comes in as the 101; from then on bytes pass, and each direction ends by itself with a [StreamEnd]. Sits right behind the
/// codec, on the connection's loop.
final class PeerPipe extends ChannelDuplexHandler {
  /// What an upgrade says of a connection of HTTP/1.1, or of a body that it does not have. The peer makes a key of its own and checks it.
  private static final Set<String> NOT_SAID = Set.of(
      "connection",
      "content-length",
      "expect",
      "host",
      "sec-websocket-key",
      "transfer-encoding",
      "upgrade");

  private @Nullable String protocol;
  private @Nullable String key;
  private boolean open;

  @Override
  public void write(ChannelHandlerContext ctx, Object msg, ChannelPromise promise) {
    switch (msg) {
      case HttpRequest request -> ctx.write(connect(request), promise);
      case ByteBuf bytes -> ctx.write(new DefaultHttp2DataFrame(bytes), promise);
      case StreamEnd _ ->
        ctx.write(new DefaultHttp2DataFrame(Unpooled.EMPTY_BUFFER, true), promise);
      default -> {
        ReferenceCountUtil.release(msg); // the end of an upgrade request, which has no body
        promise.trySuccess();
      }
    }
  }

  private Http2HeadersFrame connect(HttpRequest request) {
    var said = request.headers();
    var asked = said.get(HttpHeaderNames.UPGRADE);
    protocol = asked;
    key = said.get(HttpHeaderNames.SEC_WEBSOCKET_KEY);
    var head = new DefaultHttp2Headers()
        .method(HttpMethod.CONNECT.asciiName())
        .scheme("https")
        .authority(said.get(HttpHeaderNames.HOST))
        .path(request.uri())
        .set(Http2Headers.PseudoHeaderName.PROTOCOL.value(), asked);
    for (var field : said) {
      if (!NOT_SAID.contains(field.getKey())) {
        head.add(field.getKey(), field.getValue());
      }
    }
    if (!request.method().equals(HttpMethod.GET)) {
      head.set(RequestHead.UPGRADE_METHOD, request.method().name());
    }
    return new DefaultHttp2HeadersFrame(head);
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object msg) {
    if (open && msg instanceof HttpContent content) {
      bytes(ctx, content);
    } else if (msg instanceof HttpResponse response
        && response.status().equals(HttpResponseStatus.OK)) {
      open = true;
      ctx.fireChannelRead(switched(response));
      if (msg instanceof HttpContent content) { // with which the peer has ended its direction
        bytes(ctx, content);
      }
    } else {
      ctx.fireChannelRead(msg);
    }
  }

  private HttpResponse switched(HttpResponse opened) {
    var answer =
        new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.SWITCHING_PROTOCOLS);
    answer
        .headers()
        .set(opened.headers())
        .remove(HttpHeaderNames.TRANSFER_ENCODING)
        .remove(HttpHeaderNames.CONTENT_LENGTH)
        .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.UPGRADE);
    if (protocol != null) {
      answer.headers().set(HttpHeaderNames.UPGRADE, protocol);
    }
    if (key != null) {
      answer.headers().set(HttpHeaderNames.SEC_WEBSOCKET_ACCEPT, WebSocketUpgrade.accept(key));
    }
    return answer;
  }

  private static void bytes(ChannelHandlerContext ctx, HttpContent content) {
    if (content.content().isReadable()) {
      ctx.fireChannelRead(content.content());
    } else {
      content.release();
    }
    if (content instanceof LastHttpContent) {
      ctx.fireUserEventTriggered(StreamEnd.INSTANCE);
    }
  }
}
