package dev.buildplane.tunnel;

import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;

/// What the peer says about the connection as a whole: SETTINGS, PING, GOAWAY (RFC 9113 sections 6.5, 6.7 and 6.8), and frames that mean
/// nothing. On the connection's event loop.
final class Http2Control {
  /// Acknowledgements that may wait for a peer which reads nothing.
  private static final int MOST_ACKS_UNREAD = 1_000;

  private final TunnelConnection connection;
  private final Http2Link link;
  private boolean settled;
  private int acksUnread;

  Http2Control(TunnelConnection connection, Http2Link link) {
    this.connection = connection;
    this.link = link;
  }

  /// Whether SETTINGS have come.
  boolean settled() {
    return settled;
  }

  /// What was said to the peer has left.
  void peerReads() {
    acksUnread = 0;
  }

  void frame(int type, int flags, int id, ByteBuf payload) throws Http2Exception {
    count();
    switch (type) {
      case Http2Frames.SETTINGS -> settingsCame(flags, id, payload);
      case Http2Frames.PING -> pingCame(flags, id, payload);
      case Http2Frames.GOAWAY -> goAwayCame(id, payload);
      default -> {
        // PRIORITY, and what a later RFC may add.
      }
    }
  }

  /// Counts a frame that asks for work without a request, which the other tunnels of this event loop would wait for.
  void count() throws Http2Exception {
    if (connection.flooded()) {
      throw Http2Exception.connectionError(
          Http2Error.ENHANCE_YOUR_CALM,
          "expected at most %d frames about the connection within %d s, found more",
          TunnelSettings.CONTROL_FRAMES_PER_WINDOW,
          TunnelSettings.CONTROL_FRAME_WINDOW.toSeconds());
    }
  }

  static void requireBytes(ByteBuf payload, int bytes) throws Http2Exception {
    if (payload.readableBytes() != bytes) {
      throw Http2Exception.connectionError(
          Http2Error.FRAME_SIZE_ERROR,
          "expected a payload of %d bytes, found %d",
          bytes,
          payload.readableBytes());
    }
  }

  private static void requireConnection(int id) throws Http2Exception {
    if (id != 0) {
      throw Http2Link.violation(
          "expected a frame about the connection on stream 0, found stream " + id);
    }
  }

  private void settingsCame(int flags, int id, ByteBuf payload) throws Http2Exception {
    requireConnection(id);
    if ((flags & Http2Frames.ACK) != 0) {
      requireBytes(payload, 0);
      return;
    }
    if (payload.readableBytes() % Http2Frames.SETTING_BYTES != 0) {
      throw Http2Exception.connectionError(
          Http2Error.FRAME_SIZE_ERROR,
          "expected settings of %d bytes each, found %d bytes in all",
          Http2Frames.SETTING_BYTES,
          payload.readableBytes());
    }
    while (payload.isReadable()) {
      setting(payload.readUnsignedShort(), payload.readUnsignedInt());
    }
    settled = true;
    acknowledge();
    link.output().settingsAcknowledged();
    connection.settled();
  }

  private void setting(int name, long value) throws Http2Exception {
    switch (name) {
      // The peer may let our encoder remember up to 4 GiB of header fields. What it remembers is our memory, for as long as the tunnel lasts.
      case Http2Frames.HEADER_TABLE_SIZE ->
        link.output()
            .encoder()
            .maxHeaderTableSize(Math.min(value, TunnelSettings.ENCODER_TABLE_BYTES));
      case Http2Frames.MAX_HEADER_LIST_SIZE -> link.output().encoder().maxHeaderListSize(value);
      case Http2Frames.MAX_CONCURRENT_STREAMS -> connection.peerTakesStreams(value);
      case Http2Frames.ENABLE_CONNECT_PROTOCOL -> connection.peerTakesConnect(value == 1);
      case Http2Frames.INITIAL_WINDOW_SIZE -> initialWindow(value);
      case Http2Frames.MAX_FRAME_SIZE -> {
        if (value < Http2Frames.PAYLOAD_BYTES || value >= 1 << 24) {
          throw Http2Link.violation("expected a frame size of 16 KiB to 16 MiB, found " + value);
        }
        // Ours stay as they are: longer ones would make other streams wait.
      }
      default -> {
        // Push is the server's business, and we make no use of it; unknown settings are to be ignored (section 6.5.2).
      }
    }
  }

  private void initialWindow(long value) throws Http2Exception {
    if (value > Integer.MAX_VALUE) {
      throw Http2Exception.connectionError(
          Http2Error.FLOW_CONTROL_ERROR, "expected a window below 2 GiB, found %d bytes", value);
    }
    link.peerWindow((int) value);
  }

  /// What a peer that reads nothing makes us say does not fill memory.
  private void acknowledge() throws Http2Exception {
    if (!link.channel().isWritable() && ++acksUnread > MOST_ACKS_UNREAD) {
      throw Http2Exception.connectionError(
          Http2Error.ENHANCE_YOUR_CALM,
          "expected a peer that reads what it asked for, found %d acknowledgements unread",
          MOST_ACKS_UNREAD);
    }
  }

  private void pingCame(int flags, int id, ByteBuf payload) throws Http2Exception {
    requireConnection(id);
    requireBytes(payload, Http2Frames.PING_BYTES);
    long content = payload.readLong();
    if ((flags & Http2Frames.ACK) != 0) {
      connection.pingAnswered(content);
    } else {
      acknowledge();
      link.output().ping(true, content);
    }
  }

  private void goAwayCame(int id, ByteBuf payload) throws Http2Exception {
    requireConnection(id);
    if (payload.readableBytes() < 2 * Integer.BYTES) {
      throw Http2Exception.connectionError(
          Http2Error.FRAME_SIZE_ERROR, "expected a GOAWAY of at least 8 bytes, found fewer");
    }
    int lastTaken = payload.readInt() & Http2Frames.STREAM_ID;
    connection.goAwayCame(payload.readUnsignedInt());
    link.leftOutBeyond(lastTaken);
  }
}
