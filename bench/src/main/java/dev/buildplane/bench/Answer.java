package dev.buildplane.bench;

import io.netty.buffer.ByteBuf;

/// Takes one answer as it comes in, on the event loop of its connection.
interface Answer {
  void head(int status);

  /// A part of the body; valid during the call only.
  void body(ByteBuf part);

  void end();

  void failed(Throwable cause);
}
