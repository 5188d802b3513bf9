package dev.buildplane.bench;

import io.netty.buffer.ByteBuf;
import java.io.IOException;

/// Lines of a watch: each is the time at which it was sent.
final class WatchEvents implements Answer {
  private final Load load;
  private long number;

  WatchEvents(Load load) {
    this.load = load;
  }

  @Override
  public void head(int status) {
    if (status / 100 != 2) {
      load.broken.completeExceptionally(new IOException("expected 2xx, found " + status));
    }
  }

  @Override
  public void body(ByteBuf part) {
    while (part.isReadable()) {
      var next = part.readByte();
      if (next == '\n') {
        load.record(System.nanoTime() - number);
        number = 0;
      } else {
        number = number * 10 + next - '0';
      }
    }
  }

  @Override
  public void end() {}

  @Override
  public void failed(Throwable cause) {
    if (!load.stopping) {
      load.broken.completeExceptionally(cause);
    }
  }
}
