package dev.buildplane.testkit;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.LockSupport;

/// A slow link: passes TCP connections on to another port of this machine, each byte a fixed time after it came and no more
/// bytes a second than the link carries, in each direction of each connection. For where the kernel has no `netem`.
///
/// It ends one TCP connection and begins another, so TCP itself never sees the delay: windows and losses of TCP are not part of
/// what it shows; windows of the protocols above are. Two virtual threads per connection and direction. Thread-safe.
public final class DelayingRelay implements AutoCloseable {
  private static final int CHUNK_BYTES = 16 * 1024;
  private static final long SLACK_BYTES = 4L << 20;
  private static final int BACKLOG = 128;

  /// What is under way; without bytes it is the end.
  private record Chunk(byte[] bytes, long dueNanos) {
    static final Chunk END = new Chunk(new byte[0], 0);

    boolean isEnd() {
      return bytes.length == 0;
    }
  }

  private final Duration oneWay;
  private final long bytesPerSecond;
  private final int maxInFlight;
  private final InetSocketAddress to;
  private final ServerSocket listener;

  private DelayingRelay(Duration oneWay, long bytesPerSecond, int port) throws IOException {
    this.oneWay = oneWay;
    this.bytesPerSecond = bytesPerSecond;
    this.maxInFlight = Math.toIntExact(2 * bytesPerSecond * oneWay.toMillis() / 1000 + SLACK_BYTES);
    this.to = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    this.listener = new ServerSocket(0, BACKLOG, InetAddress.getLoopbackAddress());
  }

  /// Listens on a free port of loopback.
  ///
  /// @param oneWay how long every byte is under way
  /// @param bytesPerSecond what each direction of each connection carries
  /// @param port where to pass connections on to, on loopback
  public static DelayingRelay start(Duration oneWay, long bytesPerSecond, int port)
      throws IOException {
    var relay = new DelayingRelay(oneWay, bytesPerSecond, port);
    Thread.ofVirtual().name("relay-accept").start(relay::accept);
    return relay;
  }

  public int port() {
    return listener.getLocalPort();
  }

  private void accept() {
    while (!listener.isClosed()) {
      try {
        var near = listener.accept();
        Thread.ofVirtual().name("relay").start(() -> connect(near));
      } catch (IOException closed) {
        return; // by close()
      }
    }
  }

  private void connect(Socket near) {
    var far = new Socket();
    try {
      near.setTcpNoDelay(true);
      far.setTcpNoDelay(true);
      far.connect(to);
      new Direction(near, far).start();
      new Direction(far, near).start();
    } catch (IOException unreachable) {
      cut(near, far);
    }
  }

  private static void cut(Socket one, Socket other) {
    try (one;
        other) {
      // closed by leaving
    } catch (IOException unclosable) {
      throw new UncheckedIOException(unclosable);
    }
  }

  /// One direction of one connection: a reader that stamps, and a writer that waits.
  private final class Direction {
    private final Socket from;
    private final Socket into;
    private final BlockingQueue<Chunk> underWay = new LinkedBlockingQueue<>();
    private final Semaphore room = new Semaphore(maxInFlight);
    private long freeAtNanos = System.nanoTime();

    Direction(Socket from, Socket into) {
      this.from = from;
      this.into = into;
    }

    void start() {
      Thread.ofVirtual().name("relay-read").start(this::read);
      Thread.ofVirtual().name("relay-write").start(this::write);
    }

    private void read() {
      var buffer = new byte[CHUNK_BYTES];
      try {
        InputStream in = from.getInputStream();
        for (var bytes = in.read(buffer); bytes >= 0; bytes = in.read(buffer)) {
          room.acquire(bytes);
          underWay.add(new Chunk(Arrays.copyOf(buffer, bytes), due(bytes)));
        }
        underWay.add(Chunk.END);
      } catch (IOException lost) {
        cut(from, into);
        underWay.add(Chunk.END);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    /// When the last of these bytes arrives: they queue behind those before them.
    private long due(int bytes) {
      var now = System.nanoTime();
      var begins = freeAtNanos - now > 0 ? freeAtNanos : now;
      freeAtNanos = begins + bytes * 1_000_000_000L / bytesPerSecond;
      return freeAtNanos + oneWay.toNanos();
    }

    private void write() {
      try {
        OutputStream out = into.getOutputStream();
        for (var chunk = underWay.take(); !chunk.isEnd(); chunk = underWay.take()) {
          for (var left = chunk.dueNanos() - System.nanoTime();
              left > 0;
              left = chunk.dueNanos() - System.nanoTime()) {
            LockSupport.parkNanos(left);
          }
          out.write(chunk.bytes());
          room.release(chunk.bytes().length);
        }
        into.shutdownOutput();
      } catch (IOException lost) {
        cut(from, into);
        room.release(maxInFlight); // so that the reader finds its socket closed
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /// Takes no more connections; open ones go on until an end closes them.
  @Override
  public void close() throws IOException {
    listener.close();
  }
}
