package dev.buildplane.http;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.util.Objects;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// An answer's body as a blocking stream. At most [#MAX_UNSENT_BYTES] wait for the caller; `write` blocks beyond. Used
/// by one thread at a time; `unsent` and `gone` are guarded by `lock`.
final class BlockingAnswer extends OutputStream {
  /// Bytes handed to Netty and not yet on the wire.
  static final int MAX_UNSENT_BYTES = 128 * 1024;

  /// Bytes collected before they are handed over.
  private static final int PIECE_BYTES = 16 * 1024;

  private final AsyncExchange exchange;
  private final byte[] buffer = new byte[PIECE_BYTES];
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private int filled;
  private boolean closed;
  private int unsent;
  private boolean gone;

  BlockingAnswer(AsyncExchange exchange) {
    this.exchange = exchange;
    exchange.onClose(this::callerGone);
  }

  private void callerGone() {
    lock.lock();
    try {
      gone = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] source, int offset, int length) throws IOException {
    Objects.checkFromIndexSize(offset, length, source.length);
    if (closed) {
      throw new IOException("the answer has been ended");
    }
    int from = offset;
    int left = length;
    while (left > 0) {
      int taken = Math.min(left, buffer.length - filled);
      System.arraycopy(source, from, buffer, filled, taken);
      filled += taken;
      from += taken;
      left -= taken;
      if (filled == buffer.length) {
        handOver(false);
      }
    }
  }

  @Override
  public void flush() throws IOException {
    if (!closed) {
      handOver(true);
    }
  }

  @Override
  public void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    handOver(false);
    onLoop(() -> exchange.end(Headers.EMPTY));
  }

  private void handOver(boolean flush) throws IOException {
    awaitRoom();
    int size = filled;
    if (size == 0) {
      return;
    }
    var piece = BlockingExchange.copied(buffer, 0, size);
    filled = 0;
    onLoop(() -> {
      exchange.send(piece).addListener(_ -> sent(size));
      if (flush || !exchange.isWritable()) {
        exchange.flush();
      }
    });
  }

  private void awaitRoom() throws IOException {
    lock.lock();
    try {
      while (!gone && unsent + filled > MAX_UNSENT_BYTES) {
        exchange.eventLoop().execute(exchange::flush);
        changed.await();
      }
      if (gone || exchange.closed()) {
        throw new IOException("the caller went away before the answer was complete");
      }
      unsent += filled;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      var interrupted = new InterruptedIOException("interrupted while the caller did not read");
      interrupted.initCause(e);
      throw interrupted;
    } finally {
      lock.unlock();
    }
  }

  private void sent(int size) {
    lock.lock();
    try {
      unsent -= size;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void onLoop(Runnable action) throws IOException {
    try {
      exchange.eventLoop().execute(action);
    } catch (RejectedExecutionException e) {
      throw new IOException("the server has stopped", e);
    }
  }
}
