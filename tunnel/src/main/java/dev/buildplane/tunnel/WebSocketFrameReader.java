package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;
import java.util.Arrays;

/// Reads RFC 6455 frames from bytes that come in pieces, handing payload through as it comes: no frame
/// is ever gathered, except control frames, which have 125 bytes at most.
///
/// Strict: reserved bits, unknown operation codes, wrong masking, lengths not in their shortest form, fragmented or
/// oversized control frames and continuation frames out of place are violations. Not thread-safe; no I/O.
final class WebSocketFrameReader {
  static final int CONTINUATION = 0x0;
  static final int TEXT = 0x1;
  static final int BINARY = 0x2;
  static final int CLOSE = 0x8;
  static final int PING = 0x9;
  static final int PONG = 0xA;
  static final int MAX_CONTROL_BYTES = 125;

  private static final int MAX_HEAD_BYTES = 14;

  /// Takes what the reader finds. `part` of [#data] is owned by the receiver.
  interface Sink {
    void data(ByteBuf part);

    /// A whole message (of one or more frames) has been handed over.
    void messageEnd();

    void control(int opcode, byte[] payload);
  }

  private final boolean expectMasked;
  private final int messageOpcode;
  private final long maxMessageBytes;
  private final byte[] head = new byte[MAX_HEAD_BYTES];
  private int headBytes;
  private int headNeeded = 2;
  private boolean inPayload;
  private boolean inMessage;
  private boolean fin;
  private int opcode;
  private int mask;
  private long length;
  private long done;
  private long messageBytes;
  private byte[] control = {};

  /// @param expectMasked true at the server's end
  /// @param messageOpcode the one kind of message taken: [#TEXT] or [#BINARY]
  /// @param maxMessageBytes payload of one message over all its frames; refused as soon as a frame's head promises more
  WebSocketFrameReader(boolean expectMasked, int messageOpcode, long maxMessageBytes) {
    this.expectMasked = expectMasked;
    this.messageOpcode = messageOpcode;
    this.maxMessageBytes = maxMessageBytes;
  }

  /// Reads all of `in`, which stays owned by the caller and may be changed in place (unmasking).
  void read(ByteBuf in, Sink sink) throws WebSocketViolation {
    while (in.isReadable()) {
      if (inPayload) {
        payload(in, sink);
      } else if (headComplete(in)) {
        begin(sink);
      }
    }
  }

  private boolean headComplete(ByteBuf in) throws WebSocketViolation {
    int n = Math.min(headNeeded - headBytes, in.readableBytes());
    in.readBytes(head, headBytes, n);
    headBytes += n;
    if (headBytes < headNeeded) {
      return false;
    }
    if (headNeeded == 2) {
      checkFirstTwo();
      headNeeded += lengthBytes() + (expectMasked ? Integer.BYTES : 0);
    }
    return headBytes == headNeeded;
  }

  private int lengthBytes() {
    return switch (head[1] & 0x7f) {
      case 126 -> Short.BYTES;
      case 127 -> Long.BYTES;
      default -> 0;
    };
  }

  /// Everything that can be told from two bytes is told before more are awaited.
  private void checkFirstTwo() throws WebSocketViolation {
    fin = (head[0] & 0x80) != 0;
    opcode = head[0] & 0x0f;
    if ((head[0] & 0x70) != 0) {
      throw protocolError(
          "expected reserved bits 0 (no extension was negotiated), found first byte 0x%02x"
              .formatted(head[0]));
    }
    boolean masked = (head[1] & 0x80) != 0;
    if (masked != expectMasked) {
      throw protocolError(
          masked
              ? "expected an unmasked frame from the server"
              : "expected a masked frame from the client");
    }
    if (opcode >= CLOSE) {
      checkControl(head[1] & 0x7f);
    } else {
      checkData();
    }
  }

  private void checkControl(int shortLength) throws WebSocketViolation {
    if (opcode > PONG) {
      throw protocolError("expected a known operation code, found 0x%x".formatted(opcode));
    }
    if (!fin) {
      throw protocolError(
          "expected control frames in one piece, found a fragment of 0x%x".formatted(opcode));
    }
    if (shortLength > MAX_CONTROL_BYTES) {
      throw new WebSocketViolation(
          WebSocketViolation.TOO_BIG, "expected at most 125 bytes in a control frame, found more");
    }
  }

  private void checkData() throws WebSocketViolation {
    if (opcode == CONTINUATION) {
      if (!inMessage) {
        throw protocolError("expected the start of a message, found a continuation");
      }
    } else if (opcode > BINARY) {
      throw protocolError("expected a known operation code, found 0x%x".formatted(opcode));
    } else if (inMessage) {
      throw protocolError("expected a continuation, found the start of another message");
    } else if (opcode != messageOpcode) {
      throw new WebSocketViolation(
          WebSocketViolation.UNSUPPORTED_DATA,
          messageOpcode == BINARY
              ? "expected binary messages, found text"
              : "expected text messages, found binary");
    }
  }

  private void begin(Sink sink) throws WebSocketViolation {
    length = payloadLength();
    done = 0;
    mask = expectMasked ? intAt(headNeeded - Integer.BYTES) : 0;
    headBytes = 0;
    headNeeded = 2;
    inPayload = true;
    if (opcode >= CLOSE) {
      control = new byte[(int) length];
    } else {
      checkMessageSize();
    }
    if (length == 0) {
      end(sink);
    }
  }

  private void checkMessageSize() throws WebSocketViolation {
    long before = opcode == CONTINUATION ? messageBytes : 0;
    if (length > maxMessageBytes - before) {
      throw new WebSocketViolation(
          WebSocketViolation.TOO_BIG,
          "expected a message of at most " + maxMessageBytes + " bytes, found more");
    }
    messageBytes = maxMessageBytes == Long.MAX_VALUE ? 0 : before + length;
  }

  private long payloadLength() throws WebSocketViolation {
    int first = head[1] & 0x7f;
    if (first < 126) {
      return first;
    }
    if (first == 126) {
      int value = (head[2] & 0xff) << 8 | (head[3] & 0xff);
      if (value < 126) {
        throw protocolError(
            "expected the shortest form of the length, found %d in two bytes".formatted(value));
      }
      return value;
    }
    long value = (long) intAt(2) << 32 | (intAt(6) & 0xffff_ffffL);
    if (value < 0) {
      throw protocolError("expected a length below 2^63");
    }
    if (value <= 0xffff) {
      throw protocolError(
          "expected the shortest form of the length, found %d in eight bytes".formatted(value));
    }
    return value;
  }

  private int intAt(int at) {
    return (head[at] & 0xff) << 24
        | (head[at + 1] & 0xff) << 16
        | (head[at + 2] & 0xff) << 8
        | (head[at + 3] & 0xff);
  }

  private void payload(ByteBuf in, Sink sink) {
    int n = (int) Math.min(length - done, in.readableBytes());
    if (mask != 0) {
      WebSocketMask.apply(in, in.readerIndex(), in.readerIndex() + n, mask, done);
    }
    if (opcode >= CLOSE) {
      in.readBytes(control, (int) done, n);
      done += n;
    } else {
      done += n;
      sink.data(in.readRetainedSlice(n));
    }
    if (done == length) {
      end(sink);
    }
  }

  private void end(Sink sink) {
    inPayload = false;
    if (opcode >= CLOSE) {
      var payload = control;
      control = new byte[0];
      sink.control(opcode, payload);
      return;
    }
    inMessage = !fin;
    if (fin) {
      sink.messageEnd();
    }
  }

  private static WebSocketViolation protocolError(String text) {
    return new WebSocketViolation(WebSocketViolation.PROTOCOL_ERROR, text);
  }

  @Override
  public String toString() {
    return "WebSocketFrameReader[opcode=" + opcode + ", done=" + done + " of " + length + ", head="
        + Arrays.toString(Arrays.copyOf(head, headBytes)) + "]";
  }
}
