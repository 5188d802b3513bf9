package dev.buildplane.gateway;

import dev.buildplane.http.RequestHead;
import dev.buildplane.model.PlaneRef;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.EmptyHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.util.concurrent.Future;

/// What a call goes over: the connection of an agent, or another replica that holds one.
interface Carrier {
  /// The request to send; with `expect: 100-continue` the body waits for the answer 100.
  ///
  /// @param whole whether nothing follows it
  HttpRequest request(RequestHead head, ProxyTarget target, boolean whole);

  /// Opens a stream; fails before anything was sent.
  ///
  /// @param handler put on the new channel, told when it is active
  Future<Channel> open(ChannelHandler handler, boolean upgrade);

  /// Whether calls for that resource may go over it now.
  boolean allows(PlaneRef ref);

  /// Whether that answer says that the request reached no agent, so that another way may be tried.
  boolean unreached(HttpResponse answer);

  /// Whether an [#unreached] answer says that the agents there speak the protocol of v0.17, which does not carry the call.
  default boolean notCarried(HttpResponse answer) {
    return false;
  }

  /// Notes a call, so that revoking what it was allowed for ends it.
  void began(ProxyCall call, PlaneRef ref);

  void ended(ProxyCall call);

  /// A request of that method for `uri`.
  static HttpRequest request(String method, String uri, HttpHeaders headers, boolean whole) {
    var name = HttpMethod.valueOf(method);
    return whole
        ? new DefaultFullHttpRequest(
            HttpVersion.HTTP_1_1,
            name,
            uri,
            Unpooled.EMPTY_BUFFER,
            headers,
            EmptyHttpHeaders.INSTANCE)
        : new DefaultHttpRequest(HttpVersion.HTTP_1_1, name, uri, headers);
  }
}
