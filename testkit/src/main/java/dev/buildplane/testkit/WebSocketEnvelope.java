package dev.buildplane.testkit;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;

/// The client's side of a WebSocket (RFC 6455) whose binary messages are an envelope around a stream of bytes.
///
/// @param in the payload of all data frames; ends with a close frame
/// @param out each flush is one frame, masked with zeroes
public record WebSocketEnvelope(InputStream in, OutputStream out) {
  private static final int BINARY = 0x82;
  private static final int CLOSE = 0x88;
  private static final int LONGEST_SHORT = 125;

  /// On a connection whose handshake is over.
  public static WebSocketEnvelope on(RawHttp connection) {
    return new WebSocketEnvelope(new Payload(connection.in()), new Frames(connection.out()));
  }

  private static final class Frames extends OutputStream {
    private final OutputStream to;
    private final ByteArrayOutputStream waiting = new ByteArrayOutputStream();

    Frames(OutputStream to) {
      this.to = to;
    }

    @Override
    public void write(int value) {
      waiting.write(value);
    }

    @Override
    public void write(byte[] bytes, int from, int length) {
      waiting.write(bytes, from, length);
    }

    @Override
    public void flush() throws IOException {
      if (waiting.size() > 0) {
        to.write(head(waiting.size()));
        to.write(waiting.toByteArray());
        to.flush();
        waiting.reset();
      }
    }
  }

  private static byte[] head(int length) {
    if (length <= LONGEST_SHORT) {
      return new byte[] {(byte) BINARY, (byte) (0x80 | length), 0, 0, 0, 0};
    }
    if (length <= 0xffff) {
      return new byte[] {(byte) BINARY, (byte) 0xfe, (byte) (length >> 8), (byte) length, 0, 0, 0, 0
      };
    }
    return ByteBuffer.allocate(14)
        .put((byte) BINARY)
        .put((byte) 0xff)
        .putLong(length)
        .array();
  }

  @SuppressWarnings("InputStreamSlowMultibyteRead") // small amounts
  private static final class Payload extends InputStream {
    private final InputStream from;
    private long left;

    Payload(InputStream from) {
      this.from = from;
    }

    @Override
    public int read() throws IOException {
      while (left == 0) {
        int first = from.read();
        if (first < 0 || first == CLOSE) {
          return -1;
        }
        left = length(from.read());
        if ((first & 0x08) != 0) {
          from.readNBytes((int) left); // a ping or pong
          left = 0;
        }
      }
      left--;
      return from.read();
    }

    private long length(int first) throws IOException {
      if (first <= LONGEST_SHORT) {
        return Math.max(first, 0);
      }
      return first == 126
          ? ByteBuffer.wrap(from.readNBytes(2)).getShort() & 0xffff
          : ByteBuffer.wrap(from.readNBytes(8)).getLong();
    }
  }
}
