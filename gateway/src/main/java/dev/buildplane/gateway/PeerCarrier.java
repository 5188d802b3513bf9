package dev.buildplane.gateway;

import dev.buildplane.http.RequestHead;
import dev.buildplane.model.PlaneRef;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.util.concurrent.Future;

/// Sends a call to the replica that holds the agent, with the word of this one for who the caller is. The body waits until
/// that replica has a stream to the agent, so that until then the call can go elsewhere. What is revoked there ends there.
///
/// @param pool the connections to it
record PeerCarrier(PeerPool pool, Forwarding forwarding) implements Carrier {
  @Override
  public HttpRequest request(RequestHead head, ProxyTarget target, boolean whole) {
    var uri = head.rawQuery().isEmpty() ? head.rawPath() : head.rawPath() + "?" + head.rawQuery();
    var headers = ProxyHeaders.forward(head, pool.address().authority());
    forwarding.addTo(headers);
    if (!whole && !ProxyHeaders.upgrades(head)) {
      headers.set(HttpHeaderNames.EXPECT, HttpHeaderValues.CONTINUE);
    }
    return Carrier.request(head.method(), uri, headers, whole);
  }

  @Override
  public Future<Channel> open(ChannelHandler handler, boolean upgrade) {
    return upgrade ? pool.openPipe(handler) : pool.openStream(handler);
  }

  @Override
  public boolean allows(PlaneRef ref) {
    return true;
  }

  @Override
  public boolean unreached(HttpResponse answer) {
    return answer.headers().contains(Forwarding.UNREACHED);
  }

  @Override
  public boolean notCarried(HttpResponse answer) {
    return Forwarding.NOT_CARRIED.equals(answer.headers().get(Forwarding.UNREACHED));
  }

  @Override
  public void began(ProxyCall call, PlaneRef ref) {}

  @Override
  public void ended(ProxyCall call) {}
}
