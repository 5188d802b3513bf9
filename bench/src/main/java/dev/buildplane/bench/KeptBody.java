package dev.buildplane.bench;

import io.netty.buffer.ByteBuf;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongConsumer;

/// Counts a body; keeps short ones.
final class KeptBody implements Answer {
  private static final int KEPT_BYTES = 4096;
  private final CompletableFuture<byte[]> done;
  private final LongConsumer counter;
  private final ByteArrayOutputStream kept = new ByteArrayOutputStream(64);
  private int status;

  KeptBody(CompletableFuture<byte[]> done, LongConsumer counter) {
    this.done = done;
    this.counter = counter;
  }

  @Override
  public void head(int code) {
    status = code;
  }

  @Override
  public void body(ByteBuf part) {
    counter.accept(part.readableBytes());
    if (kept.size() < KEPT_BYTES) {
      var some = new byte[Math.min(KEPT_BYTES - kept.size(), part.readableBytes())];
      part.getBytes(part.readerIndex(), some);
      kept.writeBytes(some);
    }
  }

  @Override
  public void end() {
    if (status / 100 == 2) {
      done.complete(kept.toByteArray());
    } else {
      done.completeExceptionally(new IOException("expected 2xx, found " + status + ": " + kept));
    }
  }

  @Override
  public void failed(Throwable cause) {
    done.completeExceptionally(cause);
  }
}
