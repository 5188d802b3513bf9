package dev.buildplane.bench;

import io.netty.channel.Channel;

/// A connection of the load client.
interface Link {
  /// Sends a request; on the event loop of the connection. HTTP/1.1 takes one at a time.
  void start(Request request, Answer answer);

  /// Gives up the request that was started last; on the event loop of the connection.
  void cancel();

  Channel channel();
}
