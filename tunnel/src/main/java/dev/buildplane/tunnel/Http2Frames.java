package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.util.AsciiString;

/// What HTTP/2 frames are made of (RFC 9113 sections 4.1 and 6), and those that fit in a line.
final class Http2Frames {
  static final int HEAD_BYTES = 9;

  /// Most payload of a frame, in bytes, unless SETTINGS say otherwise; ours do not.
  static final int PAYLOAD_BYTES = 16_384;

  /// The window that connections and streams begin with, in bytes.
  static final int INITIAL_WINDOW_BYTES = 65_535;

  static final int DATA = 0x0;
  static final int HEADERS = 0x1;
  static final int PRIORITY = 0x2;
  static final int RST_STREAM = 0x3;
  static final int SETTINGS = 0x4;
  static final int PUSH_PROMISE = 0x5;
  static final int PING = 0x6;
  static final int GOAWAY = 0x7;
  static final int WINDOW_UPDATE = 0x8;
  static final int CONTINUATION = 0x9;

  static final int END_STREAM = 0x1;
  static final int ACK = 0x1;
  static final int END_HEADERS = 0x4;
  static final int PADDED = 0x8;
  static final int WITH_PRIORITY = 0x20;

  static final int HEADER_TABLE_SIZE = 0x1;
  static final int ENABLE_PUSH = 0x2;
  static final int MAX_CONCURRENT_STREAMS = 0x3;
  static final int INITIAL_WINDOW_SIZE = 0x4;
  static final int MAX_FRAME_SIZE = 0x5;
  static final int MAX_HEADER_LIST_SIZE = 0x6;
  static final int ENABLE_CONNECT_PROTOCOL = 0x8;

  static final int SETTING_BYTES = 6;
  static final int PING_BYTES = 8;

  /// What a client begins with (section 3.4).
  static final AsciiString PREFACE = AsciiString.cached("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

  /// Without the reserved bit.
  static final int STREAM_ID = 0x7fff_ffff;

  private Http2Frames() {}

  static void head(ByteBuf out, int length, int type, int flags, int stream) {
    out.ensureWritable(HEAD_BYTES)
        .writeMedium(length)
        .writeByte(type)
        .writeByte(flags)
        .writeInt(stream);
  }

  static void setting(ByteBuf out, int name, long value) {
    out.writeShort(name).writeInt((int) value);
  }

  static void reset(ByteBuf out, int stream, long code) {
    head(out, Integer.BYTES, RST_STREAM, 0, stream);
    out.writeInt((int) code);
  }

  static void windowUpdate(ByteBuf out, int stream, int bytes) {
    head(out, Integer.BYTES, WINDOW_UPDATE, 0, stream);
    out.writeInt(bytes);
  }

  static void ping(ByteBuf out, boolean ack, long content) {
    head(out, PING_BYTES, PING, ack ? ACK : 0, 0);
    out.writeLong(content);
  }

  static void goAway(ByteBuf out, int lastStream, long code) {
    head(out, 2 * Integer.BYTES, GOAWAY, 0, 0);
    out.writeInt(lastStream).writeInt((int) code);
  }
}
