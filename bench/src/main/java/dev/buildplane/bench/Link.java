package dev.buildplane.bench;

import io.netty.channel.Channel;

/// A connection of the load client.
interface Link {
  /// Sends a request; on the event loop of the connection. HTTP/1.1 takes one at a time.
  void start(Request request, Answer answer);

  Channel channel();
}
