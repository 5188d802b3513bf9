package dev.buildplane.bench;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.util.concurrent.GenericFutureListener;
import java.nio.ByteBuffer;

/// Writes a request's body block by block, a few ahead of what the connection has taken.
final class Uploader implements GenericFutureListener<ChannelFuture> {
  /// Blocks handed over and not yet taken.
  private static final int AHEAD = 4;

  /// Writes one block.
  @FunctionalInterface
  interface Sink {
    ChannelFuture write(ByteBuf block, boolean last);
  }

  private final Sink sink;
  private final ByteBuf block;
  private long left;

  private Uploader(Request request, Sink sink) {
    this.sink = sink;
    this.block = Unpooled.unreleasableBuffer(Unpooled.wrappedBuffer(
        ByteBuffer.allocateDirect(request.body().length).put(request.body()).flip()));
    this.left = request.repeats();
  }

  static void start(Request request, Sink sink) {
    var uploader = new Uploader(request, sink);
    for (var i = 0; i < AHEAD && uploader.left > 0; i++) {
      uploader.next();
    }
  }

  private void next() {
    left--;
    sink.write(block.duplicate(), left == 0).addListener(this);
  }

  @Override
  public void operationComplete(ChannelFuture written) {
    if (written.isSuccess() && left > 0) {
      next();
    }
  }
}
