package dev.buildplane.http;

import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.util.Objects;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// A request body as a blocking stream. Holds one piece at most; the next is asked for when that is used up. All
/// fields are guarded by `lock`.
final class BlockingBody extends InputStream implements AsyncExchange.BodyReader {
  private static final byte[] NOTHING = {};

  private final AsyncExchange exchange;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private byte[] piece = NOTHING;
  private int position;
  private boolean ended;
  private boolean gone;
  private boolean demanded;
  private @Nullable HttpProblem problem;

  /// Called on the event loop.
  BlockingBody(AsyncExchange exchange) {
    this.exchange = exchange;
    exchange.receive(this);
    exchange.onClose(this::callerGone);
  }

  @Override
  public void onContent(ByteBuf content) {
    var bytes = new byte[content.readableBytes()];
    content.readBytes(bytes);
    content.release();
    lock.lock();
    try {
      piece = bytes;
      position = 0;
      demanded = false;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void onEnd(Headers trailers) {
    lock.lock();
    try {
      ended = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void onFailure(HttpProblem cause) {
    lock.lock();
    try {
      problem = cause;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
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
  public int read() throws IOException {
    var one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] target, int offset, int length) throws IOException {
    Objects.checkFromIndexSize(offset, length, target.length);
    if (length == 0) {
      return 0;
    }
    lock.lock();
    try {
      while (position == piece.length) {
        if (problem != null) {
          throw new HttpProblem(problem.status(), problem.getMessage());
        }
        if (ended) {
          return -1;
        }
        if (gone) {
          throw new IOException("the caller went away before the request body was complete");
        }
        demandOne();
        changed.await();
      }
      int taken = Math.min(length, piece.length - position);
      System.arraycopy(piece, position, target, offset, taken);
      position += taken;
      return taken;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      var interrupted = new InterruptedIOException("interrupted while reading the request body");
      interrupted.initCause(e);
      throw interrupted;
    } finally {
      lock.unlock();
    }
  }

  private void demandOne() {
    if (!demanded) {
      demanded = true;
      exchange.eventLoop().execute(exchange::demand);
    }
  }

  @Override
  public int available() {
    lock.lock();
    try {
      return piece.length - position;
    } finally {
      lock.unlock();
    }
  }
}
